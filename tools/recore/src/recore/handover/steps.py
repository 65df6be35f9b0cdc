"""The steps of the pipeline without the platform: train, preprocess, predict, compare. It needs only this folder.

`recore predict`, which README.md describes, is easier and says for which samples the model holds. Each step gives the
submission the folders and variables that its job has on the platform. It runs with your rights and without a sandbox.
Part of recore: MIT licence, copyright 2026 the recore authors.
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
TOLERANCE = 1e-5  # relative, of two predictions that count as equal: those of single precision do, too
CSV = "text/csv"
AS_SERVED = ".out"  # the suffix of predictions as the platform writes them, without header

Cells = list[list[float | None]]


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
    numbers = f"the predictions, with a header; only numbers if the name ends in {AS_SERVED}"
    predict_step.add_argument("--output", type=Path, required=True, help=numbers)
    compare_step = steps.add_parser("compare", help=f"are two files equal within {TOLERANCE:g}?")
    compare_step.add_argument("expected", type=Path)
    compare_step.add_argument("found", type=Path)
    arguments = vars(parser.parse_args())
    functions: dict[str, Any] = {"train": train, "preprocess": preprocess, "predict": predict, "compare": compare}
    step = arguments.pop("step")
    try:
        functions[step](**arguments)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        sys.exit(f"steps.py {step}: {describe(error)}")
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
        target = base / "processing/output/preprocess/public.csv"
        code = base / "processing/input/code"
        for folder in (source.parent, target.parent, code):
            folder.mkdir(parents=True)
        _link(data, source)
        script = Path(shutil.copy(SUBMISSION / "preprocess.py", code))
        _run([script, "--input", source, "--output", target], code, base, {})
        if not target.is_file():
            sys.exit("steps.py: preprocess.py wrote no file")
        _leave_out_targets(target)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(target, output)


def predict(model: Path, request: Path, output: Path) -> None:
    """Answer the request with the functions of train.py that the model's server calls.

    The platform sends a large file in parts of whole lines, of which only the first has the header. Here every file is
    one request, which gives the same predictions as long as each depends on its row alone.
    """
    if os.environ.get("PYTHONHASHSEED") != "0":  # it is read only when Python starts
        words = ["predict", "--model", model, "--request", request, "--output", output]
        _run([Path(__file__).resolve(), *words], Path.cwd(), None, {})
        return
    if not model.is_dir():
        raise FileNotFoundError(f"{model}: there is no such folder; README.md says how to unpack model.tar.gz")
    text = request.read_bytes().decode("utf-8", "replace")
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise ValueError(f"{request}: it is empty; the output of `steps.py preprocess` is needed")
    os.environ["SM_MODEL_DIR"] = str(model.resolve())
    output = output.resolve()  # train.py may change the working directory
    try:
        answer = _ask(str(model.resolve()), text)
    except Exception as error:
        raise ValueError(f"{request}: train.py failed: {type(error).__name__}: {describe(error)}") from None
    if output.suffix != AS_SERVED:
        answer = _add_header(rows, answer)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(answer, "utf-8", newline="")
    print(f"predict: {request} is answered in {output}")


def _ask(model: str, text: str) -> str:
    sys.path.insert(0, str(SUBMISSION))
    hooks = importlib.import_module("train")
    loaded = hooks.model_fn(model)
    if hasattr(hooks, "transform_fn"):  # it replaces the other three
        result = hooks.transform_fn(loaded, text, CSV, CSV)
    else:
        read = getattr(hooks, "input_fn", _read_numbers)
        predict = getattr(hooks, "predict_fn", lambda inputs, fitted: fitted.predict(inputs))
        write = getattr(hooks, "output_fn", _write_numbers)
        result = write(predict(read(text, CSV), loaded), CSV)
    body = result[0] if isinstance(result, tuple) else result
    if hasattr(body, "get_data"):  # a response of Flask, which a function may return
        body = body.get_data()
    return body.decode() if isinstance(body, bytes) else str(body)


def _add_header(request: list[list[str]], answer: str) -> str:
    host = _import_score()
    ids = [host.GROUP, *sorted(name for name in host.IDS if name != host.GROUP)]
    predictions = [row for row in csv.reader(io.StringIO(answer)) if row]
    if len(request) - len(predictions) not in (0, 1):
        raise ValueError(f"train.py answered with {len(predictions)} lines to {len(request)} lines of the request")
    has_header = len(request) > len(predictions)
    places = {name: request[0].index(name) for name in ids if has_header and name in request[0]}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["index", *places, *host.TARGETS])
    for row, numbers in zip(request[has_header:], predictions, strict=True):
        table.writerow([row[0], *(row[place] for place in places.values()), *numbers])
    return text.getvalue()


def compare(expected: Path, found: Path) -> None:
    """Exit with status 1 unless all numbers agree within TOLERANCE."""
    targets = _import_score().TARGETS
    pair = [read_cells(path, targets) for path in (expected, found)]
    try:
        largest = largest_difference(*pair)
    except ValueError as error:
        sys.exit(f"compare: {expected} and {found}: {error}")
    if largest > TOLERANCE:
        sys.exit(f"compare: the predictions differ by up to {largest:.3g}, more than {TOLERANCE:g}")
    print(f"compare: {len(pair[0])} rows are equal within {TOLERANCE:g}")


def largest_difference(expected: Cells, found: Cells) -> float:
    """The largest difference of two predictions, relative to the first one or to the mean size in its column.

    Infinite if only one is empty. Raises ValueError if the rows or columns are not the same.
    """
    if [len(row) for row in expected] != [len(row) for row in found] or len({len(row) for row in expected}) > 1:
        raise ValueError("the numbers of rows or columns differ")
    largest = 0.0
    for columns in zip(zip(*expected, strict=True), zip(*found, strict=True), strict=True):
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
    """The predictions in a CSV with or without a header; None for what is no finite number. Raises ValueError."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    places = [place for place, name in enumerate(rows[0] if rows else []) if name in targets]
    try:
        if places:
            rows = [[row[place] for place in places] for row in rows[1:]]
        numbers = [[float(cell) if cell.strip() else math.nan for cell in row] for row in rows]
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: these are not predictions: {error}") from None
    return [[cell if math.isfinite(cell) else None for cell in row] for row in numbers]


def describe(error: BaseException) -> str:
    """The last line of an error's message, with the file that it is about."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return lines[-1]


@contextlib.contextmanager
def _job_folder() -> Iterator[Path]:
    """A temporary folder in the place of /opt/ml."""
    with tempfile.TemporaryDirectory(prefix="handover-") as name:
        yield Path(name).resolve()


def _link(data: Path, place: Path) -> None:
    if not data.is_file():
        sys.exit(f"steps.py: {data}: there is no such file; README.md says where the data files belong")
    with open(data, "rb") as source:
        if source.read(2) == b"\x1f\x8b":
            place.symlink_to(data.resolve())
            return
        source.seek(0)
        with gzip.open(place, "wb", compresslevel=1) as packed:  # a plain CSV
            shutil.copyfileobj(source, packed)


def _leave_out_targets(request: Path) -> None:
    """Remove the assays from a request, if preprocess.py wrote them: the model does not expect them."""
    targets = _import_score().TARGETS
    whole = request.rename(f"{request}.whole")
    with open(whole, encoding="utf-8", newline="") as file, open(request, "w", encoding="utf-8", newline="") as written:
        rows = csv.reader(file)
        header = next(rows, [])
        kept = [number for number, name in enumerate(header) if not number or name not in targets]
        if len(kept) == len(header):
            whole.replace(request)
            return
        csv.writer(written, lineterminator="\n").writerows(
            [row[number] for number in kept] for row in itertools.chain([header], rows)
        )
    print("preprocess: preprocess.py wrote assays; they are left out of the request")


def _import_score() -> Any:
    """The host's score.py, which names the targets and the IDs."""
    sys.path.insert(0, str(SUBMISSION.parent))
    return importlib.import_module("score")


def _run(command: list[Any], folder: Path, base: Path | None, folders: dict[str, Path]) -> None:
    """Run a script with the variables of its job. A failure ends this program with the last line of its stderr; all of
    it is then in steps.log."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))} | SEEDS
    if base:
        variables["SAGEMAKER_BASE_DIR"] = str(base)
    variables |= {name: str(path) for name, path in folders.items()}
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True, errors="replace")
    lines = done.stderr.splitlines()
    if done.returncode == 0:
        sys.stderr.write(done.stderr)
        return
    reason = lines[-1] if lines else f"it ended with status {done.returncode}"
    if command[0] == Path(__file__).resolve():
        sys.exit(reason)
    Path("steps.log").write_text(done.stderr, "utf-8")
    sys.exit(f"steps.py: {Path(command[0]).name} failed: {reason} (steps.log has more)")


def _read_numbers(text: str, content_type: str) -> Any:
    """What the model's server does for a submission without input_fn."""
    import numpy as np

    return np.array(list(csv.reader(io.StringIO(text), strict=True)), dtype=np.float32).squeeze()


def _write_numbers(prediction: Any, accept: str) -> str:
    """What the model's server does for a submission without output_fn."""
    import numpy as np

    array, text = np.array(prediction), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
    return text.getvalue()


if __name__ == "__main__":
    main()
