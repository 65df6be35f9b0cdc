"""Edited submissions, and the findings that `recore check` must report in them.

An edit raises ValueError if the text that it replaces is missing, so no edit can silently have no effect.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.checkout import ROOT

from recore.check.rule import Level

SUBMISSIONS = ROOT / "tools/recore/tests/submissions"
GOOD_CODE = SUBMISSIONS / "good"
SOUND_CODE = SUBMISSIONS / "sound"

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A row in the table of edits. Its name begins with the code of the rule under test.

    file, line, level, message: the only finding's file, line content ("" for the entire file), level and part of its
    message. is_reported: whether a rule must find the edit. runs: whether the rule runs the submission; if so, `change`
    edits SOUND_CODE, otherwise GOOD_CODE, which is shorter.
    """

    change: Change
    file: str = ""
    line: str = ""
    level: Level = Level.ERROR
    message: str = ""
    is_reported: bool = True
    runs: bool = False


def make(case: Case, folder: Path) -> Path:
    """Write a case's submission to a new folder, and return the folder."""
    shutil.copytree(SOUND_CODE if case.runs else GOOD_CODE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    case.change(folder)
    return folder


def chain(*changes: Change) -> Change:
    """Return a change that makes these changes in order."""

    def change(folder: Path) -> None:
        for edit in changes:
            edit(folder)

    return change


def replace(file: str, *replacements: str) -> Change:
    """Return a change that replaces strings that occur once in a file. replacements: alternate old and new strings."""

    def change(folder: Path) -> None:
        content = (folder / file).read_text()
        for old, new in zip(replacements[::2], replacements[1::2], strict=True):
            if (times := content.count(old)) != 1:
                raise ValueError(f"{file} holds {old!r} {times} times")
            content = content.replace(old, new)
        (folder / file).write_text(content)

    return change


def insert(file: str, lines: str, before: str) -> Change:
    """Return a change that inserts lines before the first line beginning with `before`."""
    return replace(file, f"\n{before}", f"\n{lines}{before}")


def write(*files: str) -> Change:
    """Return a change that writes entire files. files: each name, followed by the file's content."""

    def change(folder: Path) -> None:
        for name, content in zip(files[::2], files[1::2], strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)

    return change


def require(requirements: str) -> Change:
    """Return a change that adds a requirements.txt and includes it in MANIFEST.in."""
    return write("MANIFEST.in", "include requirements.txt\n", "requirements.txt", requirements)


def delete(*files: str) -> Change:
    def change(folder: Path) -> None:
        for name in files:
            (folder / name).unlink()

    return change
