"""Remove columns from a CSV file. Jobs receive this module alone, so it imports only the standard library."""

import csv
import os
import tempfile
from collections.abc import Collection, Iterator
from itertools import chain, compress, repeat
from pathlib import Path
from typing import BinaryIO

MAX_HEADER_BYTES = 4 << 20  # bytes of the header that are read
MAX_ROW_BYTES = 16 << 20  # bytes


def remove_columns(path: Path, names: Collection[str]) -> list[str]:
    """Remove the named columns, but never the first, and return the removed names. Other cells stay unchanged.

    Raises ValueError if a row is larger than 16 MB.
    """
    with open(path, "rb") as file:
        removed = find_columns(file.readline(MAX_HEADER_BYTES), names)
        if not removed:
            return []
        file.seek(0)
        with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
            part = Path(temporary, path.name)
            selectors = [position not in removed for position in range(max(removed) + 1)]
            with open(part, "wb") as output:
                for row in _rows(file):
                    cells = row.rstrip(b"\r\n")
                    output.write(b",".join(compress(_split(cells), chain(selectors, repeat(True)))) + row[len(cells) :])
            os.replace(part, path)
    return list(removed.values())


def find_columns(header: bytes, names: Collection[str]) -> dict[int, str]:
    """Return a dictionary {position: name} of the columns that are in `names`, without the first column."""
    try:
        columns = next(csv.reader([header.decode("utf-8", "replace")]), [])
    except csv.Error:
        return {}
    return {position: name for position, name in enumerate(columns) if position and name in names}


def _rows(file: BinaryIO) -> Iterator[bytes]:
    """Yield rows; a quoted cell may contain line breaks."""
    lines: list[bytes] = []
    size = quotes = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        lines.append(line)
        size += len(line)
        quotes += line.count(b'"')
        if size > MAX_ROW_BYTES:
            raise ValueError(f"a row is larger than {MAX_ROW_BYTES >> 20} MB")
        if quotes % 2 == 0:
            yield b"".join(lines)
            lines, size, quotes = [], 0, 0
    yield b"".join(lines)


def _split(row: bytes) -> list[bytes]:
    """Split a row into cells; a quoted cell may contain commas."""
    cells: list[bytes] = []
    for cell in row.split(b","):
        if cells and cells[-1].count(b'"') % 2:
            cells[-1] += b"," + cell
        else:
            cells.append(cell)
    return cells
