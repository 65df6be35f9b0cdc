"""Program of a worker process. It runs a submission's preprocess.py and train.py, and imports nothing from recore.

`python -P program.py SUBMISSION` reads requests from standard input and writes the responses to standard output, both
as JSON Lines. A request names a method of SubmissionScripts and contains its arguments; arrays are passed as .npy
files. The response to a failed request has "error", "data" (whether the data file was the cause) and, for an exception
in the submission's code, "traceback". The submission's output goes to standard error. The program exits at the end of
its standard input.
"""

import contextlib
import importlib
import inspect
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = ("inputs", "targets", "holes")
STEP = 0.01  # standard deviations by which a bin is increased and decreased to compute the slope of the predictions
PROBES_AT_ONCE = 5
ROWS_AT_ONCE = 5000  # maximum per call of predict(), to limit memory


class InvalidSubmissionError(Exception):
    """The submission lacks a file or a function, or its fit() or model cannot be used."""


class DataError(ValueError):
    """The data file is invalid. The template's scripts define an exception with the same name."""


class SubmissionScripts:
    """preprocess.py and train.py of a folder, and the preprocessed data."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        preprocess, train = (importlib.import_module(name) for name in ("preprocess", "train"))
        for module in (preprocess, train):
            if Path(str(module.__file__)).resolve().parent != folder.resolve():
                raise InvalidSubmissionError(f"{folder}: this folder contains no {module.__name__}.py")
        if not callable(getattr(train, "fit", None)):
            raise InvalidSubmissionError("train.py has no function fit(), which validate needs")
        self.preprocess, self.train = preprocess, train
        self.defaults = hyperparameters(train.fit)

    def preprocess_file(self, file: str, folder: str, names: list[str]) -> dict[str, Any]:
        """Preprocess a data file, save the result in a folder and return a description. names: targets, in order."""
        inputs, targets = self.preprocess.preprocess(file)
        if targets is not None:
            targets = targets.reindex(columns=names)
        if targets is None or targets.isna().all(axis=None):
            raise DataError(f"{file}: no row has an assay; validation compares predictions with assays")
        if np.isinf(targets.to_numpy(float)).any():
            raise DataError(f"{file}: an assay is infinite")
        np.save(Path(folder, "inputs.npy"), inputs.to_numpy(float))
        np.save(Path(folder, "targets.npy"), targets.to_numpy(float))
        return {
            "rows": len(inputs),
            "columns": [str(name) for name in inputs.columns],
            "names": names,
            "hyperparameters": {
                name: value
                for name, value in self.defaults.items()
                if isinstance(value, int | float) and not isinstance(value, bool)
            },
        }

    def load(self, folder: str, columns: list[str], names: list[str]) -> dict[str, Any]:
        """Load the data that another worker has preprocessed."""
        import pandas as pd

        inputs, targets, holes = (np.load(Path(folder, f"{name}.npy")) for name in ARRAYS)
        self.inputs = pd.DataFrame(inputs, columns=columns)
        self.targets, self.holes = pd.DataFrame(targets, columns=names), holes.astype(object)
        return {}

    def fit(self, training: list[int], held_out: list[int], file: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Fit a model to the training rows, and save its predictions for the held-out rows.

        arguments: hyperparameters of fit() that differ from their defaults.
        """
        predicted = self._predict(self._fit_model(training, arguments), self.inputs.iloc[held_out])
        target_mask = self.targets.iloc[training].notna().any().to_numpy()
        if not np.isfinite(predicted[:, target_mask]).all():
            raise InvalidSubmissionError("the model predicts NaN or infinity for a target that it was trained on")
        np.save(file, predicted)
        return {}

    def sensitivity(self, training: list[int], probes: list[int], file: str, seconds: float) -> dict[str, Any]:
        """Save each bin's sensitivity: the predictions' mean slope times the bin's standard deviation, (bins, targets).

        The mean is over the probe rows or, if these would take more than `seconds`, over at least PROBES_AT_ONCE of
        them. The response contains the number of rows used.
        """
        model = self._fit_model(training, {})
        deviations = self.inputs.iloc[training].std(ddof=0).to_numpy()
        total = np.zeros((self.inputs.shape[1], self.targets.shape[1]))
        rounds = max(1, len(probes) // PROBES_AT_ONCE)
        start_time, n_used = time.monotonic(), 0
        for number in range(rounds):
            rows_of_round = probes[number::rounds]
            total += self._summed_slopes(model, self.inputs.iloc[rows_of_round].to_numpy(), deviations)
            n_used += len(rows_of_round)
            if time.monotonic() - start_time > seconds:
                break
        np.save(file, total / n_used)
        return {"probes": n_used}

    def _summed_slopes(self, model: Any, rows: np.ndarray, deviations: np.ndarray) -> np.ndarray:
        """Return the slope for each bin, times the bin's standard deviation, summed over `rows`: (bins, targets)."""
        import pandas as pd

        slopes = np.zeros((self.inputs.shape[1], self.targets.shape[1]))
        bins_at_once = max(1, ROWS_AT_ONCE // (2 * len(rows)))
        varying = np.flatnonzero(deviations > 0)
        for start in range(0, len(varying), bins_at_once):
            bins = varying[start : start + bins_at_once]
            # (bins, increased or decreased, rows, bins): each bin is changed in a separate copy of the rows
            changed = np.tile(rows, (len(bins), 2, 1, 1))
            for number, position in enumerate(bins):
                changed[number, 0, :, position] += STEP * deviations[position]
                changed[number, 1, :, position] -= STEP * deviations[position]
            table = pd.DataFrame(changed.reshape(-1, rows.shape[1]), columns=self.inputs.columns)
            predicted = self._predict(model, table).reshape(len(bins), 2, len(rows), -1)
            slopes[bins] = (predicted[:, 0] - predicted[:, 1]).sum(axis=1) / (2 * STEP)
        return slopes

    def _fit_model(self, training: list[int], arguments: dict[str, Any]) -> Any:
        data = self.inputs.iloc[training], self.targets.iloc[training], self.holes[training]
        model = self.train.fit(*data, **arguments)
        if model is None or not (hasattr(model, "predict") or hasattr(self.train, "predict_fn")):
            kind = type(model).__name__
            raise InvalidSubmissionError(f"fit() must return a model that has predict(); it returned {kind}")
        return model

    def _predict(self, model: Any, inputs: Any) -> np.ndarray:
        predict = model.predict if hasattr(model, "predict") else lambda rows: self.train.predict_fn(rows, model)
        predicted, shape = np.asarray(predict(inputs), dtype=float), (len(inputs), self.targets.shape[1])
        if predicted.shape != shape:
            expected = f"{shape}, one row per sample and one column per target"
            raise InvalidSubmissionError(f"the predictions have the shape {predicted.shape} instead of {expected}")
        return predicted


def hyperparameters(fit: Callable[..., Any]) -> dict[str, Any]:
    """Return the names and defaults of fit()'s hyperparameters, the parameters after inputs, targets and holes.

    Raises InvalidSubmissionError unless the call fit(inputs, targets, holes) is valid. Ignores `*args` and `**kwargs`.
    """
    parameters = inspect.signature(fit).parameters.values()
    named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    data, tunable = named[:3], named[3:]
    if len(data) < 3 or any(each.kind is each.KEYWORD_ONLY or each.default not in (each.empty, None) for each in data):
        raise InvalidSubmissionError(
            "fit() is called with inputs, targets and holes; its first three parameters must accept them"
        )
    for each in tunable:
        if each.default is each.empty:
            raise InvalidSubmissionError(f"fit(): the hyperparameter {each.name!r} must have a default")
    return {each.name: each.default for each in tunable}


def error_response(error: BaseException) -> dict[str, Any]:
    """Return the response to a failed request, with the traceback unless the message is sufficient."""
    kind = type(error).__name__
    response = {"error": str(error) or kind, "data": kind == DataError.__name__}
    if not isinstance(error, InvalidSubmissionError) and kind != DataError.__name__:
        response["traceback"] = "".join(traceback.format_exception(error))
    return response


def serve(folder: Path, send: Callable[[dict[str, Any]], None]) -> None:
    """Respond to requests from standard input, one at a time."""
    scripts = None
    for line in sys.stdin:
        arguments = json.loads(line)
        try:
            if scripts is None:
                scripts = SubmissionScripts(folder)
            method = getattr(scripts, arguments.pop("request"))
            send(method(**arguments))
        except BaseException as error:  # the submission may raise anything, even SystemExit
            send(error_response(error))


if __name__ == "__main__":
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # redirects the submission's output, including that of compiled code

    def send_line(response: dict[str, Any]) -> None:
        print(json.dumps(response), file=stream, flush=True)

    with contextlib.suppress(BrokenPipeError):
        serve(Path(sys.argv[1]), send_line)
