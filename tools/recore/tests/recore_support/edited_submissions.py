"""Edited submissions, and the findings of `recore check` in them.

An edit raises ValueError if the folder does not contain what it changes, so that no edit has silently no effect.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.checkout import ROOT

from recore.check.rule import Level

SUBMISSIONS = ROOT / "tools/recore/tests/submissions"
GOOD = SUBMISSIONS / "good"
SOUND = SUBMISSIONS / "sound"

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A row of the table of edits. Its name begins with the code of the rule that it is made for.

    file, line, level, text: of the only finding: its file, the contents of its line or "" for the entire file, and a
    part of its message. found: False if no rule may find anything. runs: whether the rule runs
    the submission; then SOUND is edited, otherwise GOOD, which is shorter.
    """

    change: Change
    file: str = ""
    line: str = ""
    level: Level = Level.ERROR
    message: str = ""
    is_reported: bool = True
    runs: bool = False


def make(case: Case, folder: Path) -> Path:
    """Write the submission of a case to a new folder, and return the folder."""
    shutil.copytree(SOUND if case.runs else GOOD, folder, ignore=shutil.ignore_patterns("__pycache__"))
    case.change(folder)
    return folder


def both(*changes: Change) -> Change:
    """Make several changes, one after another."""

    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def replace(file: str, *replacements: str) -> Change:
    """Replace strings that appear once in a file. replacements: each string, followed by the new one."""

    def change(folder: Path) -> None:
        content = (folder / file).read_text()
        for old, new in zip(replacements[::2], replacements[1::2], strict=True):
            if (times := content.count(old)) != 1:
                raise ValueError(f"{file} holds {old!r} {times} times")
            content = content.replace(old, new)
        (folder / file).write_text(content)

    return change


def insert(file: str, lines: str, before: str) -> Change:
    """Insert lines before the first line that begins with `before`."""
    return replace(file, f"\n{before}", f"\n{lines}{before}")


def write(*files: str) -> Change:
    """Add files, or replace them completely. files: each name, followed by the content."""

    def change(folder: Path) -> None:
        for name, content in zip(files[::2], files[1::2], strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)

    return change


def require(requirements: str) -> Change:
    """Add a requirements.txt, and a MANIFEST.in so that it is uploaded."""
    return write("MANIFEST.in", "include requirements.txt\n", "requirements.txt", requirements)


def delete(*files: str) -> Change:
    def change(folder: Path) -> None:
        for name in files:
            (folder / name).unlink()

    return change
