"""The model container, which predicts assays from a model's inputs with the submission's train.py.

As the entry point of a training job, this file runs submission/train.py and adds to the model:

    code/                  this file and the container's other files
    code/submission/       the submission's files
    expected_error.json    the calibration of expected errors

As the container's inference script, it returns the submission's CSV by default. JSON responses add units, expected
errors, 90% intervals, flags and the domain. "text/csv; details=yes" requests the domain, the values, the lower and
upper bounds of their intervals, and the reason if a row could not be predicted.
"""

import contextlib
import csv
import importlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import expected_error
import numpy as np
import row_notes

CSV, JSON = "text/csv", "application/json"
DETAILS = "details=yes"  # parameter of text/csv in a client's Accept header
ERRORS_FILE = "expected_error.json"
CHALLENGE = "challenge.json"  # {"units": {target: unit}, in the order of predictions, "group": the column of the holes}
# in code/; the last may be missing
FILES = ("model.py", "expected_error.py", "row_notes.py", CHALLENGE, "requirements.txt")

Challenge = dict[str, Any]


# ---- The hooks of the server -----------------------------------------------------------------------------
class ServedSubmission:
    """The submission's train.py with its model.

    calibration: the calibration of expected errors, or None without held-out predictions. units: the units by target.
    """

    def __init__(self, model_dir: str) -> None:
        errors = Path(model_dir, ERRORS_FILE)
        self.calibration = json.loads(errors.read_text("ascii")) if errors.exists() else None
        self.units: dict[str, str] = read_challenge(Path(model_dir, "code"))["units"]
        with imports_from(Path(model_dir, "code/submission")):
            self._train = importlib.import_module("train")
            self._model = self._train.model_fn(model_dir)

    def predict(self, request: str) -> str:
        """Return the predictions for a CSV of inputs, as the submission's hooks write them."""
        if hasattr(self._train, "transform_fn"):
            result = self._train.transform_fn(self._model, request, CSV, CSV)
        else:
            inputs = self._train.input_fn(request, CSV)
            predict = getattr(self._train, "predict_fn", lambda inputs, model: model.predict(inputs))
            result = getattr(self._train, "output_fn", write_predictions)(predict(inputs, self._model), CSV)
        body = result[0] if isinstance(result, tuple) else result
        if hasattr(body, "get_data"):  # a response of Flask, which a hook may return
            body = body.get_data()
        return body if isinstance(body, str) else bytes(body).decode()


def model_fn(model_dir: str) -> ServedSubmission:
    return ServedSubmission(model_dir)


def transform_fn(model: ServedSubmission, data: str | bytes, content_type: str, accept: str) -> tuple[str, str]:
    """Respond to a CSV request from the features container. Raises ValueError if it is invalid."""
    if content_type.partition(";")[0].strip().lower() != CSV:
        raise ValueError(f"unsupported content type {content_type[:80]!r}: send {CSV}")
    request, notes = row_notes.take_notes(data if isinstance(data, str) else bytes(data).decode())
    if row_notes.has_parameter(accept, DETAILS):
        return write_details(model, request, notes), CSV
    if problem := next((note for note in notes if isinstance(note, row_notes.RowProblem)), None):
        raise ValueError(problem)
    has_rows = len(next(csv.reader(io.StringIO(request)), [])) > 1  # without rows, the header has only the index
    response = model.predict(request) if has_rows else ""
    if accept.partition(",")[0].partition(";")[0].strip().lower() != JSON:
        return response, CSV
    values = read_predictions(response, len(model.units))
    index = read_index(request, len(values)) if has_rows else []
    rows = zip(index, describe_assays(model, values), notes or [None] * len(index), strict=True)
    predictions = [
        {"index": name, "assays": dict(zip(model.units, row, strict=True)), "domain": description}
        for name, row, description in rows
    ]
    return json.dumps({"predictions": predictions}, allow_nan=False), JSON


def write_details(model: ServedSubmission, request: str, notes: Sequence[row_notes.Note]) -> str:
    """Return a line of CSV with details for each row of a request. The request has a header."""
    header, *rows = [row for row in csv.reader(io.StringIO(request)) if row]
    notes = notes or [None] * len(rows)

    def predict(part: Sequence[list[str]]) -> list[np.ndarray]:
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([header, *part])
        values = read_predictions(model.predict(lines.getvalue()), len(model.units))
        if len(values) != len(part):
            raise ValueError(f"train.py returned {len(values)} rows for a request with {len(part)} rows")
        if np.isinf(values).any() or np.isnan(values).all(axis=1).any():
            raise ValueError("train.py predicted infinity or no numbers")
        return list(values)

    good_rows = [row for row, note in zip(rows, notes, strict=True) if not isinstance(note, row_notes.RowProblem)]
    predicted = iter(row_notes.compute_by_row(good_rows, predict))
    results = [note if isinstance(note, row_notes.RowProblem) else next(predicted) for note in notes]
    empty = np.full(len(model.units), np.nan)
    values = [empty if isinstance(result, row_notes.RowProblem) else result for result in results]
    assays = describe_assays(model, np.reshape(values, (len(rows), len(model.units))))
    response = io.StringIO()
    table = csv.writer(response, lineterminator="\n")
    for note, result, row in zip(notes, results, assays, strict=True):
        domain = ("inside" if note["inside"] else "outside") if isinstance(note, dict) else ""
        lows, highs = zip(*(assay["interval"] or ("", "") for assay in row), strict=True)
        problem = result if isinstance(result, row_notes.RowProblem) else ""
        table.writerow([domain, *(assay["value"] for assay in row), *lows, *highs, problem])
    return response.getvalue()


@contextlib.contextmanager
def imports_from(folder: Path) -> Iterator[None]:
    """Give the submission's modules priority over this container's modules of the same name."""
    sys.path.insert(0, str(folder))
    programs = [Path(name).stem for name in FILES if name.endswith(".py")]
    names = [name for name in programs if (folder / name).exists() or (folder / f"{name}.py").exists()]
    hidden = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    yield
    for name, module in hidden.items():
        sys.modules.setdefault(name, module)


def write_predictions(predictions: Any, accept: str) -> str:
    """Return predictions (rows, targets) as CSV, as the image does if train.py has no output_fn."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(np.asarray(predictions, dtype=float).tolist())
    return lines.getvalue()


def read_challenge(folder: Path) -> Challenge:
    challenge: Challenge = json.loads((folder / CHALLENGE).read_text("utf-8"))
    return challenge


def read_predictions(response: str, targets: int) -> np.ndarray:
    """Return the predictions in a CSV, (rows, targets), with NaN for empty cells. Raises ValueError."""
    rows = [row for row in csv.reader(io.StringIO(response)) if row]
    for number, row in enumerate(rows, 1):
        if len(row) != targets:
            raise ValueError(f"train.py returned {len(row)} values in line {number} instead of {targets}")
    try:
        values = [[float(cell) if cell else math.nan for cell in row] for row in rows]
    except ValueError as error:
        raise ValueError(f"train.py returned a value that is not a number: {error}") from None
    return np.array(values).reshape(len(rows), targets)


def read_index(request: str, rows: int) -> list[str]:
    """Return the first cell of each row except a header. Raises ValueError if the number of cells is not `rows`."""
    cells = [row[0] for row in csv.reader(io.StringIO(request)) if row]
    if len(cells) - rows not in (0, 1):
        raise ValueError(f"train.py returned {rows} rows for a request with {len(cells)} lines")
    return cells[len(cells) - rows :]


def describe_assays(model: ServedSubmission, values: np.ndarray) -> Iterator[tuple[Any, ...]]:
    columns = [describe_target(model, name, column) for name, column in zip(model.units, values.T, strict=True)]
    return zip(*columns, strict=True)


def describe_target(model: ServedSubmission, name: str, values: np.ndarray) -> Iterator[Any]:
    """Yield the members of the JSON response for each prediction of a target."""
    calibration = model.calibration
    empty = np.full(len(values), np.nan)
    errors, lows, highs = expected_error.expected_error(calibration, name, values) if calibration else (empty,) * 3
    lowest, highest = (calibration and calibration["targets"][name]["range"]) or (-math.inf, math.inf)
    for value, error, low, high in zip(*(column.tolist() for column in (values, errors, lows, highs)), strict=True):
        flags = {
            "never measured in training": math.isnan(value),
            "below the training range": value < lowest,
            "above the training range": value > highest,
        }
        yield {
            "value": None if math.isnan(value) else value,
            "unit": model.units[name],
            "expected_error": None if math.isnan(error) else error,
            "interval": None if math.isnan(error) else [low, high],
            "flags": [flag for flag, is_set in flags.items() if is_set],
        }


# ---- The entry point of the training job -----------------------------------------------------------------
def main() -> None:
    entry_folder, model_dir = Path(__file__).resolve().parent, Path(os.environ["SM_MODEL_DIR"])
    submission = entry_folder / "submission"
    files = [path for path in submission.rglob("*") if path.is_file()]  # before train.py adds files
    run_train(submission, entry_folder)
    code = model_dir / "code"
    shutil.rmtree(code, ignore_errors=True)
    targets = {path: code / path.relative_to(entry_folder) for path in files}
    targets |= {entry_folder / name: code / name for name in FILES if (entry_folder / name).exists()}
    for source, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    data_file = Path(os.environ["SM_CHANNEL_TRAINING"], "public.csv.gz")
    write_expected_errors(model_dir, data_file, read_challenge(entry_folder))


def run_train(submission: Path, entry_folder: Path) -> None:
    """Run train.py as if it were the entry point. If it fails, exit with its status or signal."""
    variables = dict(os.environ)
    if "PYTHONPATH" in variables:  # the toolkit adds the folder of the entry point
        folders = variables["PYTHONPATH"].split(os.pathsep)
        folders = [str(submission) if Path(folder).resolve() == entry_folder else folder for folder in folders]
        variables["PYTHONPATH"] = os.pathsep.join(folders)
    process = subprocess.Popen([sys.executable, "train.py", *sys.argv[1:]], cwd=submission, env=variables)

    def forward(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    if status := process.wait():
        end(status)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def end(status: int) -> NoReturn:
    """Exit with a child process's status or, if a signal killed the child, terminate with the same signal."""
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status if status > 0 else 128 - status)


def write_expected_errors(model_dir: Path, data_file: Path, challenge: Challenge) -> None:
    """Write expected_error.json, or print the reason why responses will contain no expected errors."""
    held_out = model_dir / "held_out.csv"
    try:
        if not held_out.exists():
            raise expected_error.CalibrationError(f"train.py wrote no {held_out.name}")
        calibration = expected_error.calibrate_files(held_out, data_file, list(challenge["units"]), challenge["group"])
    except expected_error.CalibrationError as error:
        print(f"model: responses will contain no expected errors: {error}", flush=True)
        return
    (model_dir / ERRORS_FILE).write_text(json.dumps(calibration) + "\n", "ascii")


if __name__ == "__main__":
    main()
