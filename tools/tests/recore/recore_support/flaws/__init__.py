"""Submissions whose flaw can be found by reading alone: edits of submissions/good, each with its only finding.

A flaw is named after the rule that finds it, with a suffix if the rule finds several.
"""

import shutil
from pathlib import Path

from recore_support.flaws.flaw import Flaw as Flaw
from recore_support.flaws.scripts import SCRIPTS
from recore_support.flaws.uploads import UPLOADED
from recore_support.overlays import SUBMISSIONS

FLAWS = UPLOADED | SCRIPTS


def make_flawed(name: str, folder: Path) -> Path:
    """Write a submission with a flaw to a new folder."""
    shutil.copytree(SUBMISSIONS / "good", folder, ignore=shutil.ignore_patterns("__pycache__"))
    FLAWS[name].change(folder)
    return folder
