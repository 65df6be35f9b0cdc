"""Reads the files of a submission that hints are about, and finds files with similar names."""

import shlex
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from recore.distribution import PROGRAM
from recore.untrusted_archives import read_files
from stagemaker import RequirementLine, read_requirements

MAX_BYTES = 1 << 20


def read_file(submission: Path, name: str) -> bytes | None:
    """The content of a submission's file; None if it is missing, unreadable or larger than MAX_BYTES.

    submission: a folder, or an archive that has been read before.
    """
    file = submission / name
    with suppress(ValueError, OSError):
        if not submission.is_dir():
            return read_files(submission, [name], MAX_BYTES).get(name)
        if file.is_file() and file.stat().st_size <= MAX_BYTES:
            return file.read_bytes()
    return None


def requirements_of(submission: Path) -> list[RequirementLine]:
    """The lines of a submission's requirements.txt; none if it has none."""
    return read_requirements(read_file(submission, "requirements.txt") or b"")


def other_case(wanted: str, names: Collection[str]) -> str | None:
    """The name that differs from the wanted one only in upper and lower case, which Linux distinguishes."""
    if wanted in names:
        return None
    return next((name for name in sorted(names) if name.lower() == wanted.lower()), None)


def module_in_other_case(module: str, names: Collection[str]) -> str | None:
    """The file or folder whose name differs from a module's only in upper and lower case."""
    return other_case(f"{module}.py", names) or other_case(module, names)


def similar_file_hint(wanted: str, names: Collection[str]) -> str | None:
    """What to do about a missing file if one of these names in its folder was probably meant; otherwise None."""
    if similar := other_case(wanted, names):
        return f"rename {similar} to {wanted}: jobs run on Linux, which distinguishes upper and lower case"
    notebook = next((name for name in sorted(names) if name.endswith(".ipynb")), None)
    if notebook and "train.py" not in names:
        convert = f"jupyter nbconvert --to script --output train {shlex.quote(notebook)}"
        return (
            f"jobs cannot run a notebook: `{convert}` writes its code to train.py; `{PROGRAM} new FOLDER` writes the "
            "files that belong to it"
        )
    return None
