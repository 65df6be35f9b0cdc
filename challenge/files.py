"""Errors in data files in plain words, output files that are never half written, default folders."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # the folder of the scripts


class DataError(ValueError):
    """The data are invalid; the message says where."""


@contextlib.contextmanager
def readable_errors(source: str | os.PathLike[str], header: Sequence[Any] = ()) -> Iterator[None]:
    """Rewrite pyarrow's errors about a file in plain words, with the column's name instead of its number."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        reason = re.sub(r"In CSV column #(\d+)", lambda number: f"column {header[int(number[1])]!r}", reason)
        reason = reason.replace("CSV conversion error to double: invalid value", "not a number:")
        raise DataError(f"{source}: {reason[:300]}") from error


@contextlib.contextmanager
def atomic_output(path: str, source: str | None = None) -> Iterator[str]:
    """Yield a temporary path to write to, and rename it to `path` if nothing failed: `path` is never half a file."""
    if source and os.path.exists(path) and os.path.samefile(path, source):
        raise DataError(f"{path}: the output would replace the input")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    try:
        yield f"{path}.part"
        os.replace(f"{path}.part", path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{path}.part")


def default_folder(in_container: str, here: str) -> str:
    """Return the platform's folder if /opt/ml has the folder above it, else the folder `here` beside the scripts.

    SageMaker's variable SAGEMAKER_BASE_DIR, where it is set, names another place for /opt/ml.
    """
    base, names = os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", in_container.split("/")[3:]
    if os.path.isdir(os.path.join(base, names[0])):
        return os.path.join(base, *names)
    return os.path.join(ROOT, here)


def note_ignored(arguments: Sequence[str]) -> str:
    """Return the end of a script's last line: a note of the arguments that it does not know, if there are any."""
    return f"; ignored arguments: {' '.join(arguments)}" if arguments else ""
