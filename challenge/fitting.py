"""Calls fit() of train.py: its hyperparameters, and what it may return.

`recore validate` loads this file alone, so that the same rules hold there: it imports nothing else of the submission.
"""

import argparse
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Fit = Callable[..., Any]

CHECKED = 100  # rows whose predictions are checked after a fit
GAPS = """\
Assays have gaps, so targets hold NaN where nothing was measured. Wrap the estimator in
PerTargetRegressor from challenge/meta_estimators.py, which fits each target on its own measured rows; put wrappers
such as TransformedTargetRegressor inside it."""


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
            raise FitError(f"fit(): the hyperparameter {parameter.name!r} must have a default")
    return {parameter.name: parameter.default for parameter in tunable}


def add_arguments(parser: argparse.ArgumentParser, fit: Fit) -> None:
    """Add a command-line argument for each hyperparameter whose default is a number, a string, True or False.

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
    """Call fit() with data and hyperparameters. Returns the model and its held-out predictions, None if it has none.

    fit() may return a model, or a pair of a model and held-out predictions (rows, targets); without a pair, they are
    the attribute `held_out_` of the model, or of the last step of a pipeline. Raises FitError if fit() returns anything
    else, or if the model's predictions have another shape than (rows, targets), or are not finite numbers though the
    target was measured.
    """
    try:
        result = fit(inputs, targets, holes, **values)
    except ValueError as error:
        if "NaN" in str(error) and targets.isna().any(axis=None):
            error.add_note(GAPS)
        raise
    model, held_out = result if isinstance(result, tuple) and len(result) == 2 else (result, find_held_out(result))
    if not callable(getattr(model, "predict", None)):
        raise FitError(f"fit() must return a model that has predict(); it returned {type(result).__name__}")
    checked = inputs.iloc[:CHECKED]
    predicted = _as_array("model.predict()", model.predict(checked), (len(checked), targets.shape[1]))
    for name, predictions in zip(targets, predicted.T, strict=True):
        wrong = predictions[~np.isfinite(predictions)]
        if targets[name].notna().any() and len(wrong):
            raise FitError(f"fit(): the model predicts {wrong[0]} for {name}, which was measured")
    return model, None if held_out is None else _as_array("held_out", held_out, targets.shape)


def find_held_out(model: Any) -> Any:
    """Return the attribute `held_out_` of a model or of the last step of a pipeline, None if there is none."""
    steps = getattr(model, "steps", None)
    last = steps[-1][1] if steps and isinstance(steps, list) else None
    return getattr(model, "held_out_", getattr(last, "held_out_", None))


def _as_array(name: str, predictions: Any, shape: tuple[int, int]) -> np.ndarray:
    """Convert predictions to an array. Raises FitError if they have another shape."""
    try:
        array = np.asarray(predictions, dtype=float)
    except (TypeError, ValueError):
        kind = type(predictions).__name__
        raise FitError(f"fit(): {name} could not be converted to an array of numbers: its type is {kind}") from None
    if array.shape != shape:
        expected = f"{shape}, one row per sample and one column per target"
        raise FitError(f"fit(): {name} has the shape {array.shape} instead of {expected}")
    return array
