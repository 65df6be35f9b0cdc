"""Read the files of a submission that fixes refer to, and find files with similar names."""

import shlex
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from recore.distribution import PROGRAM
from recore.untrusted_archives import read_files
from stagemaker import RequirementLine, read_requirements

MAX_BYTES = 1 << 20


def read_file(submission: Path, name: str) -> bytes | None:
    """Return the content of a submission's file, or None if it is missing, unreadable or larger than MAX_BYTES.

    submission: a folder, or an archive that has been validated.
    """
    file = submission / name
    with suppress(ValueError, OSError):
        if not submission.is_dir():
            return read_files(submission, [name], MAX_BYTES).get(name)
        if file.is_file() and file.stat().st_size <= MAX_BYTES:
            return file.read_bytes()
    return None


def requirements_of(submission: Path) -> list[RequirementLine]:
    """Return the lines of a submission's requirements.txt, or an empty list if the file is missing."""
    return read_requirements(read_file(submission, "requirements.txt") or b"")


def other_case(missing: str, names: Collection[str]) -> str | None:
    """Return the name that differs from the missing one only in case, or None."""
    if missing in names:
        return None
    return next((name for name in sorted(names) if name.lower() == missing.lower()), None)


def module_in_other_case(module: str, names: Collection[str]) -> str | None:
    """Return the file or folder whose name differs from a module's only in case, or None."""
    return other_case(f"{module}.py", names) or other_case(module, names)


def similar_file_fix(missing: str, names: Collection[str]) -> str | None:
    """Return the fix for a missing file if one of the names in its folder was probably meant; otherwise None."""
    if similar := other_case(missing, names):
        return f"rename {similar} to {missing}, because file names on Linux are case-sensitive"
    notebook = next((name for name in sorted(names) if name.endswith(".ipynb")), None)
    if notebook and "train.py" not in names:
        convert = f"jupyter nbconvert --to script --output train {shlex.quote(notebook)}"
        return (
            f"jobs cannot run a notebook; convert it to train.py with `{convert}`, and copy the other files from a new "
            f"template: `{PROGRAM} new FOLDER`"
        )
    return None
