"""Submissions that are stored only as their differences from submissions/good.

A folder in submissions/passing contains files that are added to the good submission or replace its own.
"""

import shutil
from pathlib import Path

from support.checkout import ROOT

SUBMISSIONS = ROOT / "tools/tests/recore/submissions"


def overlay(folder: Path, name: str) -> Path:
    """Write the complete submission to a new folder. name: its folder in submissions, such as passing/hooks."""
    differences = SUBMISSIONS / name
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SUBMISSIONS / "good", folder, ignore=ignore)
    shutil.copytree(differences, folder, ignore=ignore, dirs_exist_ok=True)
    return folder
