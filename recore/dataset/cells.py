"""Tables of text, as instruments and laboratories write them: comma, semicolon or tab between, decimal point or comma."""

import csv
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

DELIMITERS = ("\t", ";", ",")
FIRST = 1 << 16  # bytes that are looked at to tell text from something else
CONTROL = bytes([*range(9), *range(14, 32)])
# how files begin that people take for text, and what to do with them
BEGINNINGS = {
    b"\x1f\x8b": "it is gzipped: unpack it first",
    b"PK": "it is a spreadsheet or a zip archive: save the table as CSV",
    b"\xff\xfe": "it is UTF-16: save it as UTF-8",
    b"\xfe\xff": "it is UTF-16: save it as UTF-8",
}
LARGEST_FILE = 1 << 30  # bytes
LONGEST_LINE = 1 << 22  # letters
SEPARATOR = re.compile(r"\"?sep=.\"?", re.IGNORECASE)  # Excel's first line, of which the second says as much
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 1,234: more than one or more than a thousand


def is_text(path: Path) -> bool:
    """Whether the file's beginning can be text: without control characters but tabs and ends of lines."""
    with path.open("rb") as file:
        head = file.read(FIRST)
    return len(head.translate(None, CONTROL)) == len(head)


def no_text(path: Path) -> str | None:
    """What a file that is no text is instead, and what to do with it; None where that is not known."""
    with path.open("rb") as file:
        head = file.read(2)
    return next((what for beginning, what in BEGINNINGS.items() if head == beginning), None)


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the stripped cells of each line that has any and does not begin with #.

    The delimiter is the first of tab, semicolon and comma that the first such line has; without any of them, white
    space. Where it is not a comma, a comma in a number is a decimal comma. Raises ValueError where it is no such text,
    or where 1,234 can be either because other numbers have a decimal point.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size >> 20} MB of text: at most {LARGEST_FILE >> 20} are read")
    with path.open(encoding=_encoding(path), newline="") as file:
        lines = _lines(file)
        first = next(lines, None)
        if first and SEPARATOR.fullmatch(first[1].strip()):
            first = next(lines, None)
        if first is None:
            raise ValueError("it is empty")
        delimiter = next((mark for mark in DELIMITERS if mark in first[1]), None)
        lines = itertools.chain([first], lines)
        if delimiter is None:
            yield from ((number, line.split()) for number, line in lines)
            return
        number, header = 0, True
        marks = _Marks()

        def texts() -> Iterator[str]:
            nonlocal number
            for number, line in lines:  # noqa: B007 - told to the loop below
                yield line

        reader = csv.reader(texts(), delimiter=delimiter, strict=True)
        try:
            for place, row in enumerate(reader, start=1):
                if reader.line_num > place:
                    raise ValueError(f"line {number}: a quoted cell runs over more than one line")
                cells = [cell.strip() for cell in row]
                if not any(cells):  # as spreadsheets leave them
                    continue
                if delimiter != ",":
                    if not header:
                        marks.see(number, cells)
                    cells = [_decimal_point(cell) for cell in cells]
                header = False
                yield number, cells
        except csv.Error as error:
            raise ValueError(f"line {number}: {error}") from None
        if header:
            raise ValueError("it is empty")


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The lines that are neither empty nor comments, numbered. Raises ValueError at one that is too long to hold."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
        if len(line) == LONGEST_LINE:
            raise ValueError(f"line {number}: it is longer than {LONGEST_LINE} letters")
        if line.strip() and not line.startswith("#"):
            yield number, line


def _encoding(path: Path) -> str:
    """UTF-8, with or without its mark; where it is none of that, Latin-1, which has every byte."""
    try:
        with path.open(encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


class _Marks:
    """The first number with a decimal point, and the first with a comma that may part thousands."""

    def __init__(self) -> None:
        self.point = self.comma = ""

    def see(self, line: int, cells: list[str]) -> None:
        """Look at a line. Raises ValueError where the table has both."""
        for cell in cells:
            if not self.point and "." in cell and number_of(cell) is not None:
                self.point = f"{cell[:40]!r} on line {line}"
            if not self.comma and "," in cell and THOUSANDS.fullmatch(cell):
                self.comma = f"{cell!r} on line {line}"
        if self.point and self.comma:
            raise ValueError(f"{self.comma} has a comma and {self.point} a point: which is the decimal mark?")


def _decimal_point(cell: str) -> str:
    """A cell with a point for its decimal comma; 1.234,5 stays as it is, and is no number."""
    if cell.count(",") != 1 or "." in cell or not cell.lstrip("+-<> ").replace(",", "")[:1].isdigit():
        return cell
    return cell.replace(",", ".")


def number_of(cell: str) -> float | None:
    """The finite number that a cell holds, None where it holds none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None
