"""Run the pipeline's steps without the platform: train, preprocess, predict, compare. Only this folder is needed.

`recore predict`, described in README.md, is easier and reports for which samples the model is valid. Each step sets up
the folders and variables that its job has on the platform. The submission runs with your permissions, without a
sandbox. Part of recore: MIT licence, copyright 2026 the recore authors.
"""

import argparse
import contextlib
import csv
import gzip
import importlib
import io
import itertools
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SUBMISSION = Path(__file__).resolve().parent / "submission"
SEEDS = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
TOLERANCE = 1e-5  # relative difference between predictions that count as equal, even in single precision
CSV = "text/csv"
SERVED_SUFFIX = ".out"  # suffix of files with predictions as the platform writes them, without a header

Cells = list[list[float | None]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the steps of the pipeline without the platform.")
    steps = parser.add_subparsers(dest="step", required=True)
    train_step = steps.add_parser("train", help="retrain the model")
    train_step.add_argument("--data", type=Path, required=True, help="public.csv.gz, with assays")
    train_step.add_argument("--model", type=Path, required=True, help="folder for the model")
    preprocess_step = steps.add_parser("preprocess", help="convert spectra to the model's inputs")
    preprocess_step.add_argument("--data", type=Path, required=True, help="csv.gz file of spectra")
    preprocess_step.add_argument("--output", type=Path, required=True, help="CSV file to write, the input of predict")
    predict_step = steps.add_parser("predict", help="predict from the output of preprocess")
    predict_step.add_argument("--model", type=Path, required=True, help="folder that contains the model")
    predict_step.add_argument("--request", type=Path, required=True, help="output of preprocess")
    numbers = f"CSV file to write; without a header and IDs if the name ends in {SERVED_SUFFIX}"
    predict_step.add_argument("--output", type=Path, required=True, help=numbers)
    compare_step = steps.add_parser("compare", help=f"check that two files agree within {TOLERANCE:g}")
    compare_step.add_argument("expected", type=Path)
    compare_step.add_argument("computed", type=Path)
    arguments = vars(parser.parse_args())
    functions: dict[str, Any] = {"train": train, "preprocess": preprocess, "predict": predict, "compare": compare}
    step = arguments.pop("step")
    try:
        functions[step](**arguments)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        sys.exit(f"steps.py {step}: {format_error(error)}")
    except KeyboardInterrupt:
        sys.exit(f"steps.py {step}: interrupted")


def train(data: Path, model: Path) -> None:
    """Run train.py as the training job does."""
    model.mkdir(parents=True, exist_ok=True)
    with _job_folder() as base:
        channel = base / "input/data/training"
        channel.mkdir(parents=True)
        _link(data, channel / "public.csv.gz")
        output = base / "output/data"
        output.mkdir(parents=True)
        folders = {
            "SM_CHANNEL_TRAINING": channel,
            "SM_MODEL_DIR": model.resolve(),
            "SM_OUTPUT_DATA_DIR": output,
            "SM_OUTPUT_DIR": output.parent,
        }
        _run([SUBMISSION / "train.py"], SUBMISSION, base, folders)


def preprocess(data: Path, output: Path) -> None:
    """Run preprocess.py alone, as the processing job does."""
    with _job_folder() as base:
        source = base / "processing/input/public/public.csv.gz"
        destination = base / "processing/output/preprocess/public.csv"
        code = base / "processing/input/code"
        for folder in (source.parent, destination.parent, code):
            folder.mkdir(parents=True)
        _link(data, source)
        script = Path(shutil.copy(SUBMISSION / "preprocess.py", code))
        _run([script, "--input", source, "--output", destination], code, base, {})
        if not destination.is_file():
            sys.exit("steps.py: preprocess.py did not write its output")
        _remove_targets(destination)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(destination, output)


def predict(model: Path, request: Path, output: Path) -> None:
    """Compute the predictions for a request with the functions of train.py that the model's server calls.

    The platform splits a large file into several requests, only the first of which has the header. Here, each file is
    one request; the predictions are the same if each of them depends only on its row.
    """
    if os.environ.get("PYTHONHASHSEED") != "0":  # Python reads this variable only when it starts
        words = ["predict", "--model", model, "--request", request, "--output", output]
        _run([Path(__file__).resolve(), *words], Path.cwd(), None, {})
        return
    if not model.is_dir():
        raise FileNotFoundError(f"{model}: there is no such folder; unpack model.tar.gz as README.md says")
    body = request.read_bytes().decode("utf-8", "replace")
    rows = [row for row in csv.reader(io.StringIO(body)) if row]
    if not rows:
        raise ValueError(f"{request}: this file is empty; pass the output of `steps.py preprocess`")
    os.environ["SM_MODEL_DIR"] = str(model.resolve())
    output = output.resolve()  # train.py may change the working directory
    try:
        response = _serve(str(model.resolve()), body)
    except Exception as error:
        raise ValueError(f"{request}: train.py failed: {type(error).__name__}: {format_error(error)}") from None
    if output.suffix != SERVED_SUFFIX:
        response = _add_header(rows, response)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(response, "utf-8", newline="")
    print(f"predict: the predictions for {request} are in {output}")


def _serve(model: str, request: str) -> str:
    sys.path.insert(0, str(SUBMISSION))
    hooks = importlib.import_module("train")
    loaded = hooks.model_fn(model)
    if hasattr(hooks, "transform_fn"):  # transform_fn replaces the other three functions
        result = hooks.transform_fn(loaded, request, CSV, CSV)
    else:
        read = getattr(hooks, "input_fn", _read_numbers)
        predict = getattr(hooks, "predict_fn", lambda inputs, fitted: fitted.predict(inputs))
        write = getattr(hooks, "output_fn", _write_numbers)
        result = write(predict(read(request, CSV), loaded), CSV)
    body = result[0] if isinstance(result, tuple) else result
    if hasattr(body, "get_data"):  # functions may return a Flask response
        body = body.get_data()
    return body.decode() if isinstance(body, bytes) else str(body)


def _add_header(request: list[list[str]], response: str) -> str:
    host = _import_score()
    ids = [host.GROUP, *sorted(name for name in host.IDS if name != host.GROUP)]
    predictions = [row for row in csv.reader(io.StringIO(response)) if row]
    if len(request) - len(predictions) not in (0, 1):
        raise ValueError(f"train.py returned {len(predictions)} lines for a request of {len(request)} lines")
    has_header = len(request) > len(predictions)
    columns = {name: request[0].index(name) for name in ids if has_header and name in request[0]}
    output = io.StringIO()
    table = csv.writer(output, lineterminator="\n")
    table.writerow(["index", *columns, *host.TARGETS])
    for row, numbers in zip(request[has_header:], predictions, strict=True):
        table.writerow([row[0], *(row[column] for column in columns.values()), *numbers])
    return output.getvalue()


def compare(expected: Path, computed: Path) -> None:
    """Exit with status 1 unless all numbers agree within TOLERANCE."""
    targets = _import_score().TARGETS
    pair = [read_cells(path, targets) for path in (expected, computed)]
    try:
        largest = largest_difference(*pair)
    except ValueError as error:
        sys.exit(f"compare: {expected} and {computed}: {error}")
    if largest > TOLERANCE:
        sys.exit(f"compare: the predictions differ by up to {largest:.3g}, more than {TOLERANCE:g}")
    print(f"compare: {len(pair[0])} rows agree within {TOLERANCE:g}")


def largest_difference(expected: Cells, computed: Cells) -> float:
    """Return the largest difference, relative to the expected value or, if larger, its column's mean magnitude.

    The result is infinite if only one value of a pair is missing. Raises ValueError if the numbers of cells differ.
    """
    if [len(row) for row in expected] != [len(row) for row in computed] or len({len(row) for row in expected}) > 1:
        raise ValueError("the numbers of rows or columns differ")
    largest = 0.0
    for columns in zip(zip(*expected, strict=True), zip(*computed, strict=True), strict=True):
        mean = statistics.fmean([abs(cell) for cell in columns[0] if cell is not None] or [0.0])
        for first, second in zip(*columns, strict=True):
            if first == second:
                continue
            if first is None or second is None:
                return math.inf
            scale = max(abs(first), mean)
            largest = max(largest, abs(first - second) / scale if scale else math.inf)
    return largest


def read_cells(path: Path, targets: Sequence[str]) -> Cells:
    """Read predictions from a CSV with or without a header, with None for non-finite values. Raises ValueError."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    columns = [column for column, name in enumerate(rows[0] if rows else []) if name in targets]
    try:
        if columns:
            rows = [[row[column] for column in columns] for row in rows[1:]]
        numbers = [[float(cell) if cell.strip() else math.nan for cell in row] for row in rows]
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: invalid predictions: {error}") from None
    return [[cell if math.isfinite(cell) else None for cell in row] for row in numbers]


def format_error(error: BaseException) -> str:
    """Return the last line of an error's message or, for an OSError, the file and the reason."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return lines[-1]


@contextlib.contextmanager
def _job_folder() -> Iterator[Path]:
    """Yield a temporary folder that replaces /opt/ml."""
    with tempfile.TemporaryDirectory(prefix="handover-") as name:
        yield Path(name).resolve()


def _link(data: Path, destination: Path) -> None:
    if not data.is_file():
        sys.exit(f"steps.py: {data}: there is no such file; put the data files where README.md says")
    with open(data, "rb") as source:
        if source.read(2) == b"\x1f\x8b":
            destination.symlink_to(data.resolve())
            return
        source.seek(0)
        with gzip.open(destination, "wb", compresslevel=1) as packed:  # a plain CSV
            shutil.copyfileobj(source, packed)


def _remove_targets(request: Path) -> None:
    """Remove the assays that preprocess.py wrote to a request, because the model does not expect them."""
    targets = _import_score().TARGETS
    source = request.rename(f"{request}.all")
    with open(source, encoding="utf-8", newline="") as file, open(request, "w", encoding="utf-8", newline="") as output:
        rows = csv.reader(file)
        header = next(rows, [])
        columns = [column for column, name in enumerate(header) if not column or name not in targets]
        if len(columns) == len(header):
            source.replace(request)
            return
        csv.writer(output, lineterminator="\n").writerows(
            [row[column] for column in columns] for row in itertools.chain([header], rows)
        )
    print("preprocess: preprocess.py wrote assays; they were removed from the request")


def _import_score() -> Any:
    sys.path.insert(0, str(SUBMISSION.parent))
    return importlib.import_module("score")


def _run(command: list[Any], folder: Path, base: Path | None, folders: dict[str, Path]) -> None:
    """Run a script with its job's variables. If it fails, save its stderr to steps.log and exit with the last line."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))} | SEEDS
    if base:
        variables["SAGEMAKER_BASE_DIR"] = str(base)
    variables |= {name: str(path) for name, path in folders.items()}
    words = [sys.executable, *map(str, command)]
    result = subprocess.run(words, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True, errors="replace")
    lines = result.stderr.splitlines()
    if result.returncode == 0:
        sys.stderr.write(result.stderr)
        return
    reason = lines[-1] if lines else f"exit status {result.returncode}"
    if command[0] == Path(__file__).resolve():
        sys.exit(reason)
    Path("steps.log").write_text(result.stderr, "utf-8")
    sys.exit(f"steps.py: {Path(command[0]).name} failed: {reason} (complete output in steps.log)")


def _read_numbers(request: str, content_type: str) -> Any:
    """Parse a request as the model's server does if train.py has no input_fn."""
    import numpy as np

    return np.array(list(csv.reader(io.StringIO(request), strict=True)), dtype=np.float32).squeeze()


def _write_numbers(prediction: Any, accept: str) -> str:
    """Format predictions as the model's server does if train.py has no output_fn."""
    import numpy as np

    array, output = np.array(prediction), io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
    return output.getvalue()


if __name__ == "__main__":
    main()
