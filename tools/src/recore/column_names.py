"""Reads the column names of a data file."""

import csv
import gzip
import zlib
from pathlib import Path
from typing import BinaryIO

from recore.distribution import PROGRAM

LARGEST_HEADER = 4 << 20  # bytes


def read_header(path: Path) -> list[str]:
    """The column names of a gzipped CSV. Raises ValueError or OSError if they cannot be read."""
    try:
        with open(path, "rb") as file:
            return header_of(file, path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file; `{PROGRAM} sample` makes sample data") from None
    except OSError as error:
        raise ValueError(f"{path}: a gzipped CSV is needed: {error}") from None


def header_of(file: BinaryIO, path: Path) -> list[str]:
    """Read the header of an open file, from its beginning, to which the file returns. See `read_header`."""
    try:
        file.seek(0)
        with gzip.open(file, "rb") as text:
            line = text.readline(LARGEST_HEADER)
        file.seek(0)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: a gzipped CSV is needed: {error}") from None
    try:
        names = next(csv.reader([line.decode("utf-8", "replace")], strict=True), [])
    except csv.Error as error:
        raise ValueError(f"{path}: the first line is not a valid header: {error}") from None
    if len(names) < 2 or len(line) == LARGEST_HEADER:
        raise ValueError(f"{path}: a header of an index and columns, separated by commas, is needed")
    return names
