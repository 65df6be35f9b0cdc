"""Reads a plain or gzipped CSV as text, row by row: cells are bytes, as they are written in the file."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from recore.evaluation import read_rows, split_cells
from recore.text import plain

GZIP = b"\x1f\x8b"  # how a gzipped file begins


def read_text_rows(path: Path) -> Iterator[list[bytes]]:
    """Yield the cells of each row, the header first, all as many as in the header. Empty lines are left out.

    Raises ValueError or OSError if the file is not such a CSV.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    width = None
    try:
        with open(path, "rb") as file:
            is_gzipped = file.read(len(GZIP)) == GZIP
            file.seek(0)
            text = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_gzipped else file
            for number, row in enumerate(read_rows(text), 1):
                line = row.rstrip(b"\r\n")
                if not line:
                    continue
                cells = split_cells(line)
                if width is None and not _is_text(line):
                    raise ValueError("a plain or gzipped CSV is needed, but this is not text in UTF-8")
                width = width or len(cells)
                if len(cells) != width:
                    raise ValueError(f"row {number} has {len(cells)} cells, the header {width}: correct the file")
                yield cells
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: the file is truncated or damaged: {plain(str(error), 300)}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {plain(str(error), 300)}") from None
    if width is None:
        raise ValueError(f"{path}: the file is empty")


def _is_text(line: bytes) -> bool:
    try:
        return "\0" not in line.decode()
    except UnicodeDecodeError:
        return False


def text_of(cell: bytes) -> str:
    """What a cell says, without quotes and without spaces around it."""
    text = cell.decode("utf-8", "replace").strip()
    return next(csv.reader([text]))[0].strip() if text.startswith('"') else text
