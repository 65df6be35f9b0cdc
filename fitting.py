"""Calls fit() of train.py: its hyperparameters, what it may return, predictions for held-out drill holes.

`python train.py` runs main(); `recore validate` calls the other functions, so that the same rules hold for both.
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

# The weights of the targets in the score; all others have a weight of 0.01.
WEIGHTS = {"CuPPM": 0.35, "AuPPM": 0.04}
WEIGHTS |= dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)

CHECKED = 100  # rows whose predictions are checked after a fit
SLOW = 8 * 60  # seconds; if one fit takes longer, five more may exceed the hour of a training job
GAPS = """\
Assays have gaps, so targets hold NaN where nothing was measured. Wrap the estimator in PerTargetRegressor of assays.py,
which fits each target on its own measured rows; put wrappers such as TransformedTargetRegressor inside it."""


class FitError(Exception):
    """fit() has invalid parameters or returned an invalid result; the message says which."""


def hyperparameters(fit: Fit) -> dict[str, Any]:
    """Return the parameters of fit() after inputs, targets and holes, by name, with their defaults.

    Nothing is passed to `*args` and `**kwargs`. Raises FitError if one of the others has no default.
    """
    parameters = inspect.signature(fit).parameters.values()
    named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    data, tunable = named[:3], named[3:]
    if len(data) < 3 or any(each.kind is each.KEYWORD_ONLY or each.default not in (each.empty, None) for each in data):
        raise FitError("fit() is called with inputs, targets and holes: its first three parameters are for these")
    for parameter in tunable:
        if parameter.default is parameter.empty:
            raise FitError(f"fit(): the hyperparameter {parameter.name!r} needs a default")
    return {parameter.name: parameter.default for parameter in tunable}


def add_arguments(parser: argparse.ArgumentParser, fit: Fit) -> None:
    """Add a command-line argument for each hyperparameter whose default is a number, a text, True or False.

    Raises FitError if the command line already has an argument of that name.
    """
    for name, default in hyperparameters(fit).items():
        kind = next((kind for kind in (bool, int, float, str) if isinstance(default, kind)), None)
        if kind is None:
            continue
        convert = true_or_false if kind is bool else kind
        try:
            parser.add_argument(f"--{name}", type=convert, default=default, help="hyperparameter (%(default)s)")
        except argparse.ArgumentError as error:
            raise FitError(f"fit(): train.py has an argument --{name} already: rename the hyperparameter") from error


def true_or_false(text: str) -> bool:
    """An argparse type for a boolean: bool() itself would convert the text `False` to True."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False")
    return text.lower() == "true"


def fit_model(
    fit: Fit, inputs: pd.DataFrame, targets: pd.DataFrame, holes: np.ndarray, values: dict[str, Any]
) -> tuple[Any, np.ndarray | None]:
    """Call fit() with data and hyperparameters. Returns the model and, if fit() returns them, held-out predictions.

    fit() may return a model, or a pair of a model and held-out predictions (rows, targets). Raises FitError if it
    returns anything else, or if the model's predictions have another shape than (rows, targets), or are not finite
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
    checked = inputs.iloc[:CHECKED]
    predicted = _as_array("model.predict()", model.predict(checked), (len(checked), targets.shape[1]))
    for name, predictions in zip(targets, predicted.T, strict=True):
        wrong = predictions[~np.isfinite(predictions)]
        if targets[name].notna().any() and len(wrong):
            raise FitError(f"fit(): the model predicts {wrong[0]} for {name}, which was measured")
    return model, None if held_out is None else _as_array("held_out", held_out, targets.shape)


def _as_array(name: str, predictions: Any, shape: tuple[int, int]) -> np.ndarray:
    """Convert predictions to an array. Raises FitError if they have another shape."""
    try:
        array = np.asarray(predictions, dtype=float)
    except (TypeError, ValueError):
        raise FitError(f"fit(): {name} gives {type(predictions).__name__}; an array of numbers is needed") from None
    if array.shape != shape:
        need = f"{shape}, a row for each row and a column for each target, is needed"
        raise FitError(f"fit(): {name} gives the shape {array.shape}; {need}")
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
        print("train: never measured, so not predicted:", *never, flush=True)
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
            score += WEIGHTS.get(name, 0.01) * r2
            print(f"validation:{name}={r2:.6f}")
    print(f"validation:score={score:.6f}", flush=True)
    if len(np.unique(holes)) == 1:
        print("train: one drill hole: rows were held out, so the validation score is optimistic", flush=True)


def main(train: ModuleType) -> None:
    """`python train.py`: read the public data, fit, save the model and the held-out predictions beside it.

    train: the module with fit() and save_model(). Invalid data, files and hyperparameters end the program with one
    line; exceptions of fit() itself are not caught.
    """
    from preprocess import DataError  # not at the top: `recore validate` imports this file without preprocess.py

    try:
        run(train)
    except (DataError, FitError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"train.py: {str(error) or 'interrupted'}")


def read(preprocess: Callable[..., Any], data_file: str) -> tuple[pd.DataFrame, pd.DataFrame | None, np.ndarray]:
    """Return inputs, targets and holes (rows,) of a data file; an edited preprocess() may not return the holes."""
    if "return_holes" in inspect.signature(preprocess).parameters:  # the template's does: the file is read once
        return preprocess(data_file, return_holes=True)
    holes = pd.read_csv(data_file, usecols=["SiteID"], dtype=str, keep_default_na=False)["SiteID"].to_numpy()
    return *preprocess(data_file), holes


def run(train: ModuleType) -> None:
    """Do the work of main(), without its error handling."""
    from preprocess import DataError, atomic_output, default_folder, note_ignored, preprocess

    parser = argparse.ArgumentParser(description="Step 1: fit the model and save it.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or default_folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or default_folder("/opt/ml/input/data/training", "data/public")
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
    huge = (targets.abs() > 1e100).any()  # its square, summed over rows, would overflow
    if huge.any():
        raise DataError(f"{data_file}: column {huge.idxmax()!r}: an infinite value, or one beyond 1e100")
    known = hyperparameters(train.fit)
    values = {name: value for name, value in vars(arguments).items() if name in known}
    start = time.monotonic()
    model, held_out = fit_model(train.fit, inputs, targets, holes, values)
    seconds = time.monotonic() - start
    try:
        train.save_model(model, arguments.model_dir)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        remedy = "define its functions and classes at the top level of train.py or of a module of your own"
        raise FitError(f"the model cannot be pickled: {error}: {remedy}") from error
    print(
        f"train: model of {len(inputs)} rows of {data_file} in {arguments.model_dir}{note_ignored(unknown)}", flush=True
    )
    if held_out is None:
        held_out = hold_out(train.fit, inputs, targets, holes, values, arguments.folds, seconds)
    with atomic_output(os.path.join(arguments.model_dir, "held_out.csv")) as part:
        columns = pa.array(targets.index), *(pa.array(each, from_pandas=True) for each in held_out.T)
        pa.csv.write_csv(pa.table(columns, names=["index", *targets]), part)
    report_validation(targets, holes, held_out)
