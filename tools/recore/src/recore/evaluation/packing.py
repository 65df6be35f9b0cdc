"""Writes a submission's archive for `recore pack`."""

import os
import tempfile
from pathlib import Path

from recore.evaluation.submission import ARCHIVE_NAME, SubmissionFiles
from recore.outputs import check_writable


def check_target(submission: Path, target: Path) -> None:
    """Check that the archive can be written to a file, before work is spent on it.

    Raises ValueError or OSError if the submission is not a folder with a setup.py, if nothing can be written there, or
    if the file would be a part of the next archive.
    """
    if submission.is_file():
        raise ValueError(f"{submission}: this is a file, not a submission folder; an archive is already packed")
    if not submission.is_dir():
        raise FileNotFoundError(f"{submission}: there is no such folder")
    if not (submission / "setup.py").is_file():
        raise ValueError(f"{submission}: there is no setup.py to name the files to upload: copy the template's")
    check_writable(target)
    folder = target.absolute().parent
    inside = folder.resolve().is_relative_to(submission.resolve())
    top = folder.resolve() == submission.resolve()
    if inside and not (top and target.name.endswith(".tar.gz")):
        raise ValueError(
            f"{target}: the next archive could contain it; choose a folder outside the submission, or omit "
            f"--out to write {submission / ARCHIVE_NAME}"
        )


def write_archive(files: SubmissionFiles, target: Path) -> None:
    """Write the archive under a temporary name, then rename it. Raises OSError if that is not possible."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pack-") as beside:
            part = Path(beside, ARCHIVE_NAME)
            part.write_bytes(files.archive)
            os.replace(part, target)
    except OSError as error:
        raise OSError(f"{target}: the archive could not be written: {error.strerror}") from error
