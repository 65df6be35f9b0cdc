"""Score a model's held-out predictions with the host's score.py, in a processing job.

The job writes evaluation.json, which a pipeline's condition and the model registry read:

    {"score": {"value": 0.51}, "rows": 2100, "weights_scored": 1.01, "r2": {"AgPPM": 0.4, ...}}

The value is the held-out score of `recore run`: rows without a held-out prediction are ignored. r2 is null for a target
with fewer than two rows.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

NAME = "held_out.csv"  # name in model.tar.gz
MAX_BYTES = 1 << 30


class ScoreError(ValueError):
    """The predictions cannot be scored. The message is one line with the reason."""


def evaluate(model: Path, data_file: Path, score_script: Path) -> dict[str, Any]:
    """Return the contents of evaluation.json. model: the path of a model.tar.gz. Raises ScoreError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held_out = folder / NAME
        extract_held_out(model, held_out)
        predicted = read_text(held_out)
        assays = read_text(data_file, predicted.column_names[1:])
        if len(predicted) != len(assays):
            raise ScoreError(f"{NAME} has {len(predicted)} rows, but {data_file.name} has {len(assays)}")
        write_measured(assays, predicted, folder / "actual.csv.gz")
        numbers = predicted.select(list(range(1, predicted.num_columns)))
        pa.csv.write_csv(numbers, folder / "predicted.csv", pa.csv.WriteOptions(include_header=False))
        details = run_score(score_script, folder)
    return {
        "score": {"value": details["score"]},
        "rows": details["rows"],
        "weights_scored": details["weights_scored"],
        "r2": {name: target["r2"] for name, target in details["targets"].items()},
    }


def extract_held_out(model: Path, destination: Path) -> None:
    """Extract the held-out predictions from a model.tar.gz to a file. Raises ScoreError."""
    try:
        with tarfile.open(model) as archive:
            members = (member for member in archive if os.path.normpath(member.name) == NAME and member.isreg())
            member = next(members, None)
            if member is None:
                raise ScoreError(f"the score is unknown: train.py did not write {NAME} next to the model")
            if member.size > MAX_BYTES or member.issparse():
                raise ScoreError(f"{NAME} is larger than {MAX_BYTES >> 30} GB")
            content = archive.extractfile(member)
            destination.write_bytes(content.read() if content else b"")
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ScoreError(f"{model}: {NAME} could not be read: {to_one_line(error)}") from None


def read_text(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read these columns of a CSV as strings, by default all columns. Raises ScoreError."""
    try:
        header = pa.csv.open_csv(path).schema.names
        names = header if columns is None else [name for name in header if name in columns]
        if not names:
            raise ScoreError(f"{path.name} has none of the columns of {NAME}")
        convert = pa.csv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.string()))
        return pa.csv.read_csv(path, pa.csv.ReadOptions(block_size=1 << 24), convert_options=convert).combine_chunks()
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise ScoreError(f"{path.name}: {to_one_line(error)}") from None


def to_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def write_measured(assays: pa.Table, predicted: pa.Table, path: Path) -> None:
    """Write the assays to a CSV, with empty cells where predictions are missing."""
    empty = pa.scalar("", pa.string())
    columns = [pc.if_else(pc.equal(predicted[name], ""), empty, assays[name]) for name in assays.column_names]
    with gzip.open(path, "wb", compresslevel=1) as file:
        pa.csv.write_csv(pa.table(columns, names=assays.column_names), file)


def run_score(score_script: Path, folder: Path) -> dict[str, Any]:
    """Run score.py on the files in a folder, and return its JSON output. Raises ScoreError."""
    paths = {"actual": "actual.csv.gz", "predicted": "predicted.csv", "output": "score.txt"}
    arguments = [f"--{name}={folder / file}" for name, file in paths.items()]
    command = [sys.executable, "-P", str(score_script.absolute()), *arguments]
    done = subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["score.py printed no reason"])[-1]
        raise ScoreError(f"{NAME}: {reason}")
    details: dict[str, Any] = json.loads((folder / "score.json").read_text("ascii"))
    return details


def main() -> None:
    parser = argparse.ArgumentParser(description="Score held-out predictions.", allow_abbrev=False)
    inputs = Path("/opt/ml/processing/input")
    parser.add_argument("--model", type=Path, default=inputs / "model/model.tar.gz", help="archive of the model")
    parser.add_argument("--data", type=Path, default=inputs / "data/public.csv.gz", help="training data file")
    parser.add_argument("--score", type=Path, default=inputs / "score/score.py", help="the host's score.py")
    output = Path("/opt/ml/processing/output/evaluation")
    parser.add_argument("--output", type=Path, default=output, help="folder to write evaluation.json to")
    arguments = parser.parse_args()
    evaluation = evaluate(arguments.model, arguments.data, arguments.score)
    arguments.output.mkdir(parents=True, exist_ok=True)
    destination = arguments.output / "evaluation.json"
    part = destination.with_name(f"{destination.name}.part")
    part.write_text(json.dumps(evaluation, indent=1, allow_nan=False) + "\n", "ascii")
    part.replace(destination)
    print(f"evaluate: score {evaluation['score']['value']} on {evaluation['rows']} rows, in {destination}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (ScoreError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"evaluate.py: {str(error) or 'interrupted'}")
