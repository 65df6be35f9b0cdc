"""Write README.md of a handover: the folder's contents, and the exact commands that reproduce and check the run."""

import csv
import re
import shlex
from pathlib import Path
from typing import Any

from recore.challenge import challenge
from recore.distribution import PROGRAM
from recore.evaluation import RunPrediction
from recore.handover.markdown import render
from recore.handover.run_files import SUBMISSION, HandoverRun
from recore.handover.steps import TOLERANCE
from recore.production.archives import find_missing_hook
from recore.validation import unit_of

SHOWN_TARGETS = 6  # number of targets in the example response
SHOWN_INPUTS = 5  # number of inputs in the example request


def write_readme(
    run: HandoverRun, prediction: RunPrediction, sample_rows: int, files: set[str], wheels: list[str]
) -> str:
    """Return the text of README.md. files: all other files in the handover. wheels: the two wheels' names.

    Raises ValueError if a recorded hash is invalid, because hashes become part of commands.
    """
    all_targets = challenge().targets
    hashes = {name: sha256 for name, (_, sha256) in run.record.data.items() if sha256}
    for sha256 in hashes.values():
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise ValueError(f"run.json: {sha256[:80]!r} is not a SHA-256 hash")
    header, first = _read_lines(prediction.request)
    response = dict(zip(all_targets, _read_lines(prediction.response)[0], strict=False))
    weights = next(iter(run.record.scores.values())).weights if run.record.scores else {}
    shown_names = sorted(response, key=lambda name: -weights.get(name, 0.0))[:SHOWN_TARGETS]
    return render(
        "README.md.jinja",
        run=run,
        scores=run.record.scores,
        files=files,
        python=".".join(run.versions["python"].split(".")[:2]),
        hashes=hashes,
        paths=run.data_paths,
        tolerance=TOLERANCE,
        sample_rows=sample_rows,
        wheels=wheels,
        missing=find_missing_hook(run.submission.script, run.submission.files.get("train.py", b"")),
        training=next((step.seconds for step in run.record.steps if step.name == "train"), None),
        seconds=[step.seconds or 0 for step in prediction.steps],
        targets=all_targets,
        example=challenge().example,
        columns=len(header),
        inputs=list(zip(header[:SHOWN_INPUTS], first, strict=False)),
        outputs=[(name, all_targets.index(name) + 1, response[name], unit_of(name)) for name in shown_names],
        command=shlex.join(_command(run)),
    )


def _read_lines(path: Path) -> tuple[list[str], list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        return next(lines, []), next(lines, [])


def _command(run: HandoverRun) -> list[str]:
    record = run.portable_record
    arguments: dict[str, Any] = {name: file["path"] for name, file in record["data"].items() if file.get("sha256")}
    arguments |= {name: value for name, value in record.get("arguments", {}).items() if name not in arguments}
    arguments.pop("submission", None)
    words = [*shlex.split(PROGRAM), "run", SUBMISSION]
    for name, value in arguments.items():
        if name == "report":
            words += [] if value else ["--no-report"]
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return words
