"""Check that output can be written before the work that produces it begins."""

import tempfile
from pathlib import Path


def check_writable(path: Path) -> None:
    """Raise OSError if no file or folder can be created at a path. Its parent folders may be missing.

    A temporary file is created in the nearest existing folder, because the folder's mode and owner are not conclusive.
    """
    try:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise NotADirectoryError(f"{path}: {folder} is not a folder; choose another path")
        with tempfile.TemporaryFile(dir=folder, prefix=".recore-"):  # deleted even after an interrupt
            pass
    except NotADirectoryError:
        raise
    except OSError as error:
        raise OSError(f"{path}: this path is not writable ({error.strerror}); choose another path") from None
