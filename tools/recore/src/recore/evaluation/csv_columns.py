"""Removes columns from a CSV as text. It travels alone into a job, and imports only the standard library."""

import csv
import os
import tempfile
from collections.abc import Collection, Iterator
from itertools import chain, compress, repeat
from pathlib import Path
from typing import BinaryIO

LARGEST_HEADER = 4 << 20  # bytes; a longer one is not looked at
LARGEST_ROW = 16 << 20  # bytes


def remove_columns(path: Path, names: Collection[str]) -> list[str]:
    """Remove columns, but not the first, and return the names of those that there were. Other cells keep their text.

    Raises ValueError if a row has more than 16 MB.
    """
    with open(path, "rb") as file:
        found = find_columns(file.readline(LARGEST_HEADER), names)
        if not found:
            return []
        file.seek(0)
        with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
            part = Path(temporary, path.name)
            kept = [number not in found for number in range(max(found) + 1)]
            with open(part, "wb") as written:
                for row in _rows(file):
                    text = row.rstrip(b"\r\n")
                    written.write(b",".join(compress(_split(text), chain(kept, repeat(True)))) + row[len(text) :])
            os.replace(part, path)
    return list(found.values())


def find_columns(header: bytes, names: Collection[str]) -> dict[int, str]:
    """Which columns of a header have such names: their numbers, from 0, with their names."""
    try:
        columns = next(csv.reader([header.decode("utf-8", "replace")]), [])
    except csv.Error:
        return {}
    return {number: name for number, name in enumerate(columns) if number and name in names}


def _rows(file: BinaryIO) -> Iterator[bytes]:
    """A quoted cell may hold line ends."""
    lines: list[bytes] = []
    size = quotes = 0
    while line := file.readline(LARGEST_ROW + 1):
        lines.append(line)
        size += len(line)
        quotes += line.count(b'"')
        if size > LARGEST_ROW:
            raise ValueError(f"a row has more than {LARGEST_ROW >> 20} MB")
        if quotes % 2 == 0:
            yield b"".join(lines)
            lines, size, quotes = [], 0, 0
    yield b"".join(lines)


def _split(row: bytes) -> list[bytes]:
    """A quoted cell may hold commas."""
    cells: list[bytes] = []
    for cell in row.split(b","):
        if cells and cells[-1].count(b'"') % 2:
            cells[-1] += b"," + cell
        else:
            cells.append(cell)
    return cells
