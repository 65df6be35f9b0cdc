"""Tables of text, as instruments and laboratories write them: comma, semicolon or tab between, decimal point or comma."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

DELIMITERS = ("\t", ";", ",")
FIRST = 1 << 16  # bytes that are looked at to tell text from something else
LARGEST_FILE = 1 << 30  # bytes
LONGEST_LINE = 1 << 22  # letters

csv.field_size_limit(1 << 16)


def is_text(path: Path) -> bool:
    """Whether the file's beginning can be text: no zero bytes and few other control characters."""
    with path.open("rb") as file:
        head = file.read(FIRST)
    return not any(byte < 9 or 13 < byte < 32 for byte in head)


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the stripped cells of each line that is neither empty nor begins with #.

    The delimiter is the first of tab, semicolon and comma that the first such line has; without any of them, white
    space. Where it is not a comma, a comma in a number is a decimal comma. Raises ValueError where it is no such text.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size >> 20} MB of text: at most {LARGEST_FILE >> 20} are read")
    delimiter: str | None = None
    with path.open(encoding=_encoding(path), newline="") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
            if len(line) == LONGEST_LINE:
                raise ValueError(f"line {number}: it is longer than {LONGEST_LINE} letters")
            if not line.strip() or line.startswith("#"):
                continue
            delimiter = delimiter or next((mark for mark in DELIMITERS if mark in line), " ")
            if delimiter == " ":
                yield number, line.split()
                continue
            try:
                cells = next(csv.reader([line], delimiter=delimiter, strict=True))
            except csv.Error as error:
                raise ValueError(f"line {number}: {error}") from None
            cells = [cell.strip() for cell in cells]
            yield number, cells if delimiter == "," else [_decimal_point(cell) for cell in cells]
    if delimiter is None:
        raise ValueError("it is empty")


def _encoding(path: Path) -> str:
    """UTF-8, with or without its mark; where it is none of that, Latin-1, which has every byte."""
    try:
        with path.open(encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _decimal_point(cell: str) -> str:
    return cell.replace(",", ".") if cell.count(",") == 1 and cell.strip("+-").replace(",", "")[:1].isdigit() else cell


def number_of(cell: str) -> float | None:
    """The finite number that a cell holds, None where it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None
