"""The score of held-out drill holes, which shows how well other holes would be predicted."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold

from challenge.fitting import Fit, fit_model
from challenge.targets import WEIGHTS

SLOW = 8 * 60  # seconds; if one fit takes longer, five more may exceed the hour of a training job


def hold_out(
    fit: Fit,
    inputs: pd.DataFrame,
    targets: pd.DataFrame,
    holes: np.ndarray,
    values: dict[str, Any],
    folds: int,
    seconds: float,
) -> np.ndarray:
    """Return predictions (rows, targets), each by a model fitted without the row's drill hole; NaN where missing.

    With a single hole, rows are held out instead. seconds: the time of one fit. Nothing is held out if five more fits
    would take too long, or with folds 0, and a line says so. A fold that cannot be fitted does not end the training.
    """
    held_out = np.full(targets.shape, np.nan)
    groups = holes if len(np.unique(holes)) > 1 else np.arange(len(holes))
    count = min(folds, len(np.unique(groups)))
    if seconds > SLOW or count < 2:
        if not folds:
            reason = "--folds 0"
        elif seconds > SLOW:
            reason = f"one fit took {seconds:.0f} s, and a training job has an hour"
        else:
            reason = "there is only one row"
        print(f"train: no drill hole is held out: {reason}", flush=True)
        return held_out
    for number, (training, held) in enumerate(GroupKFold(count).split(inputs, groups=groups), 1):
        print(f"train: fitting without fold {number} of {count}", flush=True)
        try:
            model, _ = fit_model(fit, inputs.iloc[training], targets.iloc[training], holes[training], values)
            held_out[held] = np.asarray(model.predict(inputs.iloc[held]), dtype=float)
        except Exception as error:
            print(f"train: fold {number} is not predicted: {type(error).__name__}: {error}", flush=True)
    return held_out


def report_validation(targets: pd.DataFrame, holes: np.ndarray, held_out: np.ndarray) -> None:
    """Print R2 of held-out predictions (rows, targets) for each target, and the sum weighted as in the score.

    A training job's metric definition can read these lines: the Regex of the score is "validation:score=([-.0-9]+)".
    """
    if never := [name for name in targets if targets[name].isna().all()]:
        print("train: never measured, and therefore not predicted:", *never, flush=True)
    if np.isnan(held_out).all():
        print("train: no validation score: no row has a held-out prediction", flush=True)
        return
    score = 0.0
    for name, predicted in zip(targets, held_out.T, strict=True):
        measured = targets[name].notna().to_numpy()
        rows = measured & ~np.isnan(predicted)
        missing = (measured & ~rows).sum()
        if rows.any() and missing:
            print(f"train: {name}: {missing} measured rows have no held-out prediction and are left out of R2")
        if rows.sum() > 1:
            r2 = r2_score(targets[name][rows], predicted[rows])
            score += WEIGHTS[name] * r2
            print(f"validation:{name}={r2:.6f}")
    print(f"validation:score={score:.6f}", flush=True)
    if len(np.unique(holes)) == 1:
        print("train: one drill hole: rows were held out, so the validation score is optimistic", flush=True)
