"""The program that runs a submission's own preprocess.py and train.py, and imports nothing of recore.

Started as `python -P program.py SUBMISSION`, a process of its own for each worker. A line of standard input is a
request, JSON; a line of standard output is its answer, JSON with "error" where the submission raised
something, "data" where the data were at fault, and the "traceback". Arrays travel as .npy files. What the submission prints goes to
standard error. It ends when standard input does. How fit() is called is the template's own rule, fitting.py.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import runpy
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = ("inputs", "targets", "holes")
RULE = Path(__file__).parents[3] / "fitting.py"
STRENGTHS = ("alpha_min", "alpha_max")  # hyperparameters of fit() that are the range of regularisation strengths
ONE_STRENGTH = {"alphas": 1, "cv": 2}  # hyperparameters that make a fit with one strength cheap, where fit() has them
STEP = 0.01  # standard deviations of a bin, by which it is moved for the slope of the predictions


class Missing(Exception):
    """The submission lacks what is needed of it; the message says what."""


class DataError(ValueError):
    """The data are at fault; the submission has an exception of this name too."""


class Submission:
    """preprocess.py and train.py of a folder, and the data that they made of a file."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        preprocess, train = (importlib.import_module(name) for name in ("preprocess", "train"))
        for module in (preprocess, train):
            if Path(str(module.__file__)).resolve().parent != folder.resolve():
                raise Missing(f"{folder}: no {module.__name__}.py there")
        if not callable(getattr(train, "fit", None)):
            raise Missing("train.py: no function fit(), which validate calls")
        self.preprocess, self.train, self.rule = preprocess, train, load_rule()
        self.defaults: dict[str, Any] = self.rule.hyperparameters(train.fit)

    def strengths(self) -> list[float] | None:
        """The weakest and the strongest regularisation that fit() tries; None where it has no such hyperparameters."""
        return [float(self.defaults[name]) for name in STRENGTHS] if set(STRENGTHS) <= set(self.defaults) else None

    def read(self, file: str, into: str, score: str) -> dict[str, Any]:
        """Preprocess a data file; tell of what came, and of the weights that the host's score.py has."""
        inputs, targets = self.preprocess.preprocess(file)
        if targets is None or targets.isna().all(axis=None):
            raise DataError(f"{file}: not one assay to validate with")
        if np.isinf(targets.to_numpy(float)).any():
            raise DataError(f"{file}: an assay is infinite")
        np.save(Path(into, "inputs.npy"), inputs.to_numpy(float))
        np.save(Path(into, "targets.npy"), targets.to_numpy(float))
        host = runpy.run_path(score)
        return {
            "rows": len(inputs),
            "columns": [str(name) for name in inputs.columns],
            "names": [str(name) for name in targets.columns],
            "weights": dict(zip(host["TARGETS"], map(float, host["WEIGHTS"]), strict=True)),
            "strengths": self.strengths(),
        }

    def load(self, folder: str, columns: list[str], names: list[str]) -> dict[str, Any]:
        """Take the data that another worker has read."""
        import pandas as pd

        inputs, targets, holes = (np.load(Path(folder, f"{name}.npy")) for name in ARRAYS)
        self.inputs = pd.DataFrame(inputs, columns=columns)
        self.targets, self.holes = pd.DataFrame(targets, columns=names), holes.astype(object)
        return {}

    def fit(self, training: list[int], held: list[int], out: str, alpha: float | None) -> dict[str, Any]:
        """Fit to some rows, with one strength alone where it is given, and write predictions for others to `out`."""
        predicted = np.asarray(self._fitted(training, alpha).predict(self.inputs.iloc[held]), dtype=float)
        np.save(out, predicted)
        return {}

    def sensitivity(self, training: list[int], probes: list[int], out: str, seconds: float) -> dict[str, Any]:
        """The mean slope of the predictions over each bin, times the bin's standard deviation, to `out` (bins, targets).

        {"slow": True} instead, where that would take longer than so many seconds.
        """
        import pandas as pd

        model, few = self._fitted(training, None), self.inputs.iloc[probes]
        deviations = self.inputs.iloc[training].std(ddof=0).to_numpy()
        rows, found = few.to_numpy(), np.zeros((self.inputs.shape[1], self.targets.shape[1]))
        started, moved = time.monotonic(), np.flatnonzero(deviations > 0)
        for done, place in enumerate(moved, 1):
            step = STEP * deviations[place]
            both = np.concatenate([rows, rows])
            both[: len(rows), place] += step
            both[len(rows) :, place] -= step
            up, down = np.split(np.asarray(model.predict(pd.DataFrame(both, columns=few.columns)), dtype=float), 2)
            found[place] = (up - down).mean(axis=0) / (2 * STEP)
            if done >= 5 and (time.monotonic() - started) / done * len(moved) > seconds:
                return {"slow": True}
        np.save(out, found)
        return {}

    def _fitted(self, training: list[int], alpha: float | None) -> Any:
        """The model that fit() makes of some rows with its defaults, or with one strength."""
        values = {}
        if alpha is not None:
            values = dict.fromkeys(STRENGTHS, alpha)
            values |= {name: value for name, value in ONE_STRENGTH.items() if name in self.defaults}
        data = self.inputs.iloc[training], self.targets.iloc[training], self.holes[training]
        model, _ = self.rule.fit_model(self.train.fit, *data, values)
        return model


def load_rule() -> Any:
    """The template's fitting.py, whatever module of that name the submission has."""
    spec = importlib.util.spec_from_file_location("recore_fitting", RULE)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a file with that ending has a loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failed(error: BaseException) -> dict[str, Any]:
    """The answer where something was raised: its traceback too, unless the message alone says all."""
    kind = type(error).__name__
    told = isinstance(error, Missing) or kind in (DataError.__name__, "FitError")
    trace = {} if told else {"traceback": "".join(traceback.format_exception(error))}
    return {"error": str(error) or kind, "data": kind == DataError.__name__} | trace


def serve(folder: Path, answers: Callable[[dict[str, Any]], None]) -> None:
    """Answer request after request."""
    submission = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            submission = submission or Submission(folder)
            answers(getattr(submission, request.pop("do"))(**request))
        except KeyboardInterrupt:
            return
        except BaseException as error:  # whatever the submission raises, SystemExit among it, is the answer
            answers(failed(error))


if __name__ == "__main__":
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # print() of the submission, also from compiled code

    def answer(said: dict[str, Any]) -> None:
        print(json.dumps(said), file=stream, flush=True)

    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(Path(sys.argv[1]), answer)
