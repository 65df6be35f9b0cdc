"""Writes a submission's src.tar.gz: the files that the Unearthed CLI's build packs, in an archive of the same bytes."""

import os
import tempfile
from pathlib import Path

from recore.evaluation.submission import SubmissionFiles

ARCHIVE_NAME = "src.tar.gz"


def check_target(submission: Path, target: Path) -> None:
    """Check that the archive can be written to a file, before work is spent on it.

    Raises ValueError or FileNotFoundError where the submission is no folder with a setup.py, where there is no folder
    for the file, and where the file would be a part of the next archive.
    """
    if submission.is_file():
        raise ValueError(f"{submission}: a file; the folder of a submission is needed, as an archive is packed already")
    if not submission.is_dir():
        raise FileNotFoundError(f"{submission}: there is no such folder")
    if not (submission / "setup.py").is_file():
        raise ValueError(f"{submission}: there is no setup.py to name the files to upload: copy the template's")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}: make it, or choose another --out")
    inside = folder.resolve().is_relative_to(submission.resolve())
    top = folder.resolve() == submission.resolve()
    if inside and not (top and target.name.endswith(".tar.gz")):
        raise ValueError(
            f"{target}: the next archive could contain it; choose a folder outside of the submission, or leave out "
            f"--out to write {submission / ARCHIVE_NAME}"
        )


def write_archive(files: SubmissionFiles, target: Path) -> None:
    """Write the archive under a temporary name, then rename it. Raises OSError where that is not possible."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pack-") as beside:
            part = Path(beside, ARCHIVE_NAME)
            part.write_bytes(files.archive)
            os.replace(part, target)
    except OSError as error:
        raise OSError(f"{target}: the archive could not be written: {error.strerror}") from error
