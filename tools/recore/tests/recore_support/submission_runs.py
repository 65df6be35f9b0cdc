"""Write variants of submissions/good, and run `recore run` on them."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore_support.edited_submissions import SUBMISSIONS, replace
from recore_support.run_command import run_recore


def variant(folder: Path, changes: dict[str, tuple[str, str]] | None = None, **files: str) -> Path:
    """Copy the good submission to a folder. changes: for each file name, a string in the file and its replacement.

    files: the contents of files to add or replace, by name. A name may omit `.py`.
    """
    shutil.copytree(SUBMISSIONS / "good", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in (changes or {}).items():
        replace(name, old, new)(folder)
    for name, content in files.items():
        (folder / (name if "." in name else f"{name}.py")).write_text(content)
    return folder


@dataclass(frozen=True)
class FinishedRun:
    """A finished run's exit status, output and folder."""

    status: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def record(self) -> dict[str, Any]:
        return json.loads((self.folder / "run.json").read_text())

    @property
    def states(self) -> dict[str, str]:
        return {step["name"]: step["state"] for step in self.record["steps"]}

    def reason(self, step: str) -> str:
        return next(item["reason"] for item in self.record["steps"] if item["name"] == step)

    def log(self, step: str) -> Path:
        return self.folder / "logs" / f"{step.replace(' ', '-')}.log"

    @property
    def scores(self) -> dict[str, float]:
        return {path.stem: float(path.read_text()) for path in (self.folder / "scores").glob("*.txt")}


def run_submission(submission: Path, out: Path, *options: object, **variables: str) -> FinishedRun:
    """Run a submission to completion in a separate process, without a report."""
    result = run_recore(submission, "--out", out, *options, "--no-report", **variables)
    return FinishedRun(result.returncode, result.stdout, result.stderr, out)


def other_entries(folder: Path) -> list[str]:
    """Return the entries next to a run's folder, such as partial folders that were not removed."""
    return sorted(name for name in os.listdir(folder.parent) if name != folder.name)
