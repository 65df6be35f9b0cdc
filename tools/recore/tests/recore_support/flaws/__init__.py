"""Edits of submissions/good: those that a rule that reads must find, and those that none may find.

A flaw is named after the rule that finds it, with a suffix if the rule finds several; the same holds for variants.
"""

import shutil
from pathlib import Path

from benchmarks.mutants.editing import Change
from recore_support.flaws.flaw import GOOD as GOOD
from recore_support.flaws.flaw import Flaw as Flaw
from recore_support.flaws.scripts import SCRIPTS
from recore_support.flaws.uploads import UPLOADED
from recore_support.flaws.variants import VARIANTS as VARIANTS

FLAWS = UPLOADED | SCRIPTS


def make_flawed(name: str, folder: Path) -> Path:
    """Write a submission with a flaw to a new folder."""
    return _edit(FLAWS[name].change, folder)


def make_variant(name: str, folder: Path) -> Path:
    """Write a variant of the good submission to a new folder."""
    return _edit(VARIANTS[name], folder)


def _edit(change: Change, folder: Path) -> Path:
    shutil.copytree(GOOD, folder, ignore=shutil.ignore_patterns("__pycache__"))
    change(folder)
    return folder
