"""Whether a file or a folder can be written, asked before the work whose result it gets."""

import tempfile
from pathlib import Path


def check_writable(path: Path) -> None:
    """Raise OSError unless a file or a folder can be written at a path, whose folders may be missing.

    The nearest folder that exists is written to, because neither its mode nor its owner tells whether that works.
    """
    try:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise NotADirectoryError(f"{path}: {folder} is not a folder; choose another place")
        with tempfile.TemporaryFile(dir=folder, prefix=".recore-"):  # which an interrupt does not leave behind
            pass
    except NotADirectoryError:
        raise
    except OSError as error:
        raise OSError(f"{path}: nothing can be written there ({error.strerror}); choose another place") from None
