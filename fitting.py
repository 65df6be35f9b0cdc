"""How fit() of train.py is called: its hyperparameters, what it may return, predictions for held-out drill holes.

`python train.py` is main(); `recore validate` calls the other functions, so that the same rule holds for both.
"""

import argparse
import inspect
import os
import pickle
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold

Fit = Callable[..., Any]

# Of the targets in the score; the others have a weight of 0.01.
WEIGHTS = {"CuPPM": 0.35, "AuPPM": 0.04}
WEIGHTS |= dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)

CHECKED = 100  # rows whose predictions are looked at after a fit
SLOW = 8 * 60  # seconds of one fit after which five more would not fit into the hour of a training job
GAPS = """\
Assays have gaps, so targets hold NaN where nothing was measured. Wrap the estimator in PerTargetRegressor of assays.py,
which fits each target on its own measured rows; put wrappers such as TransformedTargetRegressor inside it."""


class FitError(Exception):
    """fit() does not keep to the rule of how it is called and what it returns; the message says in what."""


def hyperparameters(fit: Fit) -> dict[str, Any]:
    """The parameters of fit() after inputs, targets and holes, by name, with their defaults.

    Nothing is passed to `*args` and `**kwargs`. Raises FitError where one of the others has no default.
    """
    every = inspect.signature(fit).parameters.values()
    named = [each for each in every if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    data, own = named[:3], named[3:]
    if len(data) < 3 or any(each.kind is each.KEYWORD_ONLY or each.default not in (each.empty, None) for each in data):
        raise FitError("fit() is called with inputs, targets and holes: its first three parameters are for these")
    for each in own:
        if each.default is each.empty:
            raise FitError(f"fit(): the hyperparameter {each.name!r} needs a default")
    return {each.name: each.default for each in own}


def add_arguments(parser: argparse.ArgumentParser, fit: Fit) -> None:
    """Give the command line an argument for each hyperparameter whose default is a number, a text, True or False.

    Raises FitError where the command line has an argument of that name already.
    """
    for name, default in hyperparameters(fit).items():
        kind = next((kind for kind in (bool, int, float, str) if isinstance(default, kind)), None)
        try:
            if kind:
                read = true_or_false if kind is bool else kind
                parser.add_argument(f"--{name}", type=read, default=default, help="hyperparameter (%(default)s)")
        except argparse.ArgumentError as error:
            raise FitError(f"fit(): train.py has an argument --{name} already: rename the hyperparameter") from error


def true_or_false(text: str) -> bool:
    """An argparse type: bool() itself would take the text `False` for true."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False")
    return text.lower() == "true"


def fit_model(
    fit: Fit, inputs: pd.DataFrame, targets: pd.DataFrame, holes: np.ndarray, values: dict[str, Any]
) -> tuple[Any, np.ndarray | None]:
    """Call fit() with data and hyperparameters. Returns the model and, where fit() has them, held-out predictions.

    fit() may return a model, or a pair of a model and held-out predictions (rows, targets). Raises FitError where it
    returns anything else, or where the model's predictions have another shape than (rows, targets), or are not finite
    numbers though the target was measured.
    """
    try:
        result = fit(inputs, targets, holes, **values)
    except ValueError as error:
        if "NaN" in str(error) and targets.isna().any(axis=None):
            error.add_note(GAPS)
        raise
    model, held_out = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    if not callable(getattr(model, "predict", None)):
        raise FitError(f"fit() must return a model that has predict(); it returned {type(result).__name__}")
    predicted = _array(
        "model.predict()", model.predict(inputs.iloc[:CHECKED]), (len(inputs[:CHECKED]), targets.shape[1])
    )
    for name, values in zip(targets, predicted.T, strict=True):
        if targets[name].notna().any() and not np.isfinite(values).all():
            raise FitError(
                f"fit(): the model predicts {values[~np.isfinite(values)][0]} for {name}, which was measured"
            )
    return model, None if held_out is None else _array("held_out", held_out, targets.shape)


def _array(name: str, found: Any, needed: tuple[int, int]) -> np.ndarray:
    """Predictions as an array. Raises FitError where they have another shape."""
    try:
        array = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        raise FitError(f"fit(): {name} gives {type(found).__name__}; an array of numbers is needed") from None
    if array.shape != needed:
        needed_shape = f"{needed}, a row for each row and a column for each target, is needed"
        raise FitError(f"fit(): {name} gives the shape {array.shape}; {needed_shape}")
    return array


def hold_out(
    fit: Fit,
    inputs: pd.DataFrame,
    targets: pd.DataFrame,
    holes: np.ndarray,
    values: dict[str, Any],
    folds: int,
    seconds: float,
) -> np.ndarray:
    """Predictions (rows, targets), each by a model that has not seen the row's drill hole; NaN where there is none.

    With a single hole, rows are held out instead. seconds: what one fit takes; nothing is held out where five more
    would take too long, or with folds 0, and a line says so. A fold that cannot be fitted does not end the training.
    """
    held_out = np.full(targets.shape, np.nan)
    groups = holes if len(np.unique(holes)) > 1 else np.arange(len(holes))
    count = min(folds, len(np.unique(groups)))
    if seconds > SLOW or count < 2:
        slow = f"one fit took {seconds:.0f} s, and a training job has an hour"
        reason = "--folds 0" if not folds else slow if seconds > SLOW else "there is only one row"
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
    """Print R2 of held-out predictions (rows, targets) by target, and the sum weighted as the score is.

    In a form that a metric definition of a training job finds in the log: Regex "validation:score=([-.0-9]+)".
    """
    if never := [name for name in targets if targets[name].isna().all()]:
        print("train: never measured, so not predicted:", *never, flush=True)
    if np.isnan(held_out).all():
        print("train: no validation score: no row has a held-out prediction", flush=True)
        return
    score = 0.0
    for name, predicted in zip(targets, held_out.T, strict=True):
        measured = targets[name].notna().to_numpy()
        rows = measured & ~np.isnan(predicted)
        if rows.any() and (left := (measured & ~rows).sum()):
            print(f"train: {name}: {left} measured rows have no held-out prediction and are left out of R2")
        if rows.sum() > 1:
            r2 = r2_score(targets[name][rows], predicted[rows])
            score += WEIGHTS.get(name, 0.01) * r2
            print(f"validation:{name}={r2:.6f}")
    print(f"validation:score={score:.6f}", flush=True)
    if len(np.unique(holes)) == 1:
        print("train: one drill hole: rows were held out, so the validation score is optimistic", flush=True)


def main(train: ModuleType) -> None:
    """`python train.py`: read the public data, fit, save the model and the held-out predictions beside it.

    train: the module that has fit() and save_model(). Data, files and hyperparameters at fault end the program with a
    line; what fit() itself raises is not caught.
    """
    from preprocess import DataError  # of the submission; `recore validate` has this file alone

    try:
        run(train)
    except (DataError, FitError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"train.py: {str(error) or 'interrupted'}")


def read(preprocess: Callable[..., Any], data_file: str) -> tuple[pd.DataFrame, pd.DataFrame | None, np.ndarray]:
    """Inputs, targets and holes (rows,) of a data file, by a preprocess() that may or may not return the holes."""
    if "return_holes" in inspect.signature(preprocess).parameters:  # the template's, so as to read the file once
        return preprocess(data_file, return_holes=True)
    holes = pd.read_csv(data_file, usecols=["SiteID"], dtype=str, keep_default_na=False)["SiteID"].to_numpy()
    return *preprocess(data_file), holes


def run(train: ModuleType) -> None:
    """main() without the handling of errors."""
    from preprocess import DataError, folder, ignored, preprocess, written_whole

    parser = argparse.ArgumentParser(description="Step 1: fit the model and save it.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or folder("/opt/ml/input/data/training", "data/public")
    parser.add_argument("--model_dir", default=model_dir, help="folder for model.pkl (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder of public.csv.gz (%(default)s)")
    parser.add_argument("--folds", type=int, default=5, help="of holes to validate with; 0 skips that (%(default)s)")
    add_arguments(parser, train.fit)
    arguments, unknown = parser.parse_known_args()
    if arguments.folds not in (0, *range(2, 1000)):
        parser.error("--folds: 0, or from 2 to 999")
    data_file = os.path.join(arguments.data_dir, "public.csv.gz")
    inputs, targets, holes = read(preprocess, data_file)
    if (holes == "").all():
        raise DataError(f"{data_file}: the column 'SiteID', the drill hole, is empty")
    if targets is None or targets.isna().all(axis=None):
        raise DataError(f"{data_file}: not one assay to learn from")
    if (huge := (targets.abs() > 1e100).any()).any():  # its square, summed over rows, would overflow
        raise DataError(f"{data_file}: column {huge.idxmax()!r}: an infinite value, or one beyond 1e100")
    known = hyperparameters(train.fit)
    values = {name: value for name, value in vars(arguments).items() if name in known}
    began = time.monotonic()
    model, held_out = fit_model(train.fit, inputs, targets, holes, values)
    seconds = time.monotonic() - began
    try:
        train.save_model(model, arguments.model_dir)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        where = "define its functions and classes at the top level of train.py or of a module of your own"
        raise FitError(f"the model cannot be pickled: {error}: {where}") from error
    print(f"train: model of {len(inputs)} rows of {data_file} in {arguments.model_dir}{ignored(unknown)}", flush=True)
    if held_out is None:
        held_out = hold_out(train.fit, inputs, targets, holes, values, arguments.folds, seconds)
    with written_whole(os.path.join(arguments.model_dir, "held_out.csv")) as part:
        columns = pa.array(targets.index), *(pa.array(each, from_pandas=True) for each in held_out.T)
        pa.csv.write_csv(pa.table(columns, names=["index", *targets]), part)
    report_validation(targets, holes, held_out)
