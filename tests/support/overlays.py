"""Submissions of which only what differs from tests/submissions/good is stored.

A folder of tests/submissions/broken or passing holds files that are added to the good submission or replace its own.
`removed.txt` names the files, one a line, that it lacks.
"""

import shutil
from pathlib import Path

from support.checkout import ROOT

SUBMISSIONS = ROOT / "tests/submissions"
REMOVED = "removed.txt"


def overlay(folder: Path, name: str) -> Path:
    """Write a submission, such as broken/hooks, to a new folder."""
    differences = SUBMISSIONS / name
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SUBMISSIONS / "good", folder, ignore=ignored)
    shutil.copytree(differences, folder, ignore=ignored, dirs_exist_ok=True)
    removed = folder / REMOVED
    if removed.exists():
        for file in [*removed.read_text().split(), REMOVED]:
            (folder / file).unlink()
    return folder
