"""Reads the files of a submission that hints are about, from its folder or its archive."""

from contextlib import suppress
from pathlib import Path

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
