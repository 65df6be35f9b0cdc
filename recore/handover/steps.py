"""The steps of the pipeline on any machine: train, preprocess, predict, compare. It needs only this folder.

Each step gives the submission the folders and variables that its job has on the platform. It runs with your rights and
without a sandbox. Part of recore: MIT licence, copyright 2026 the recore authors.
"""

import argparse
import contextlib
import csv
import importlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUBMISSION = Path(__file__).resolve().parent / "submission"
SEEDS = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
TOLERANCE = 1e-9  # relative, between two predictions that count as equal


def main() -> None:
    parser = argparse.ArgumentParser(description="The steps of the pipeline, without a platform.")
    steps = parser.add_subparsers(dest="step", required=True)
    train_step = steps.add_parser("train", help="train the model again")
    train_step.add_argument("--data", type=Path, required=True, help="public.csv.gz, with assays")
    train_step.add_argument("--model", type=Path, required=True, help="the folder for the model")
    preprocess_step = steps.add_parser("preprocess", help="convert spectra into the model's inputs")
    preprocess_step.add_argument("--data", type=Path, required=True, help="a csv.gz of spectra")
    preprocess_step.add_argument("--output", type=Path, required=True, help="the request, a CSV")
    predict_step = steps.add_parser("predict", help="answer a request")
    predict_step.add_argument("--model", type=Path, required=True, help="the folder of the model")
    predict_step.add_argument("--request", type=Path, required=True, help="the output of preprocess")
    predict_step.add_argument("--output", type=Path, required=True, help="the predictions, 49 numbers a line")
    compare_step = steps.add_parser("compare", help="are two files of predictions equal to 1e-9?")
    compare_step.add_argument("expected", type=Path)
    compare_step.add_argument("found", type=Path)
    arguments = vars(parser.parse_args())
    functions: dict[str, Any] = {"train": train, "preprocess": preprocess, "predict": predict, "compare": compare}
    functions[arguments.pop("step")](**arguments)


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
        target = base / "processing/output/preprocess/public.csv"
        code = base / "processing/input/code"
        for folder in (source.parent, target.parent, code):
            folder.mkdir(parents=True)
        _link(data, source)
        script = Path(shutil.copy(SUBMISSION / "preprocess.py", code))
        _run([script, "--input", source, "--output", target], code, base, {})
        if not target.is_file():
            sys.exit("steps.py: preprocess.py wrote no file")
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(target, output)


def predict(model: Path, request: Path, output: Path) -> None:
    """Answer the request with the functions of train.py that the model's server calls."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # it is read only when Python starts
        words = ["predict", "--model", model, "--request", request, "--output", output]
        _run([Path(__file__).resolve(), *words], Path.cwd(), None, {})
        return
    os.environ["SM_MODEL_DIR"] = str(model.resolve())
    text, request_path, output = request.read_text("utf-8"), request, output.resolve()
    model = model.resolve()
    sys.path.insert(0, str(SUBMISSION))
    hooks = importlib.import_module("train")
    loaded = hooks.model_fn(str(model))
    read = getattr(hooks, "input_fn", _read_numbers)
    answer = getattr(hooks, "predict_fn", lambda inputs, fitted: fitted.predict(inputs))
    write = getattr(hooks, "output_fn", _write_numbers)
    result = write(answer(read(text, "text/csv"), loaded), "text/csv")
    body = result[0] if isinstance(result, tuple) else result
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(body if isinstance(body, bytes) else str(body).encode())
    print(f"predict: {request_path} is answered in {output}")


def compare(expected: Path, found: Path) -> None:
    """Exit with status 1 unless all numbers agree within TOLERANCE."""
    pair = [_read_cells(path) for path in (expected, found)]
    if [len(row) for row in pair[0]] != [len(row) for row in pair[1]]:
        sys.exit(f"compare: {expected} and {found} have different numbers of rows or columns")
    largest = 0.0
    for number, rows in enumerate(zip(*pair, strict=True), 1):
        for first, second in zip(*rows, strict=True):
            if (first is None) != (second is None):
                sys.exit(f"compare: line {number}: a prediction is empty in only one of the files")
            if first is not None and second is not None:
                largest = max(largest, abs(first - second) / max(1.0, abs(first)))
    if not largest <= TOLERANCE:
        sys.exit(f"compare: the predictions differ by up to {largest:.3g}, more than {TOLERANCE:g}")
    print(f"compare: {len(pair[0])} rows are equal within {TOLERANCE:g}")


@contextlib.contextmanager
def _job_folder() -> Iterator[Path]:
    """A temporary folder in the place of /opt/ml."""
    with tempfile.TemporaryDirectory(prefix="handover-") as name:
        yield Path(name).resolve()


def _link(data: Path, place: Path) -> None:
    if not data.is_file():
        sys.exit(f"steps.py: {data}: there is no such file; README.md says where the data files belong")
    place.symlink_to(data.resolve())


def _run(command: list[Any], folder: Path, base: Path | None, folders: dict[str, Path]) -> None:
    """Run a script with the variables of its job; a failure ends this program with the script's status."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))} | SEEDS
    if base:
        variables["SAGEMAKER_BASE_DIR"] = str(base)
    variables |= {name: str(path) for name, path in folders.items()}
    done = subprocess.run([sys.executable, *map(str, command)], cwd=folder, env=variables)
    if done.returncode:
        sys.exit(done.returncode)


def _read_cells(path: Path) -> list[list[float | None]]:
    with open(path, encoding="utf-8", newline="") as file:
        return [[float(cell) if cell.strip() else None for cell in row] for row in csv.reader(file)]


def _read_numbers(text: str, content_type: str) -> Any:
    """The default of AWS's image for a submission without input_fn."""
    import numpy as np

    return np.genfromtxt(io.StringIO(text), delimiter=",")


def _write_numbers(prediction: Any, accept: str) -> str:
    """The default of AWS's image for a submission without output_fn."""
    rows = [row if hasattr(row, "__iter__") else [row] for row in prediction]
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


if __name__ == "__main__":
    main()
