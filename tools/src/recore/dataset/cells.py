"""Text tables as instruments and laboratories write them: comma, semicolon or tab, decimal point or decimal comma."""

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from recore.file_kinds import name_binary
from stagemaker import parse_number

DELIMITERS = ("\t", ";", ",")
FIRST = 1 << 16  # bytes that decide whether a file is text
CONTROL = bytes([*range(9), *range(14, 32)])
LARGEST_FILE = 1 << 30  # bytes
LONGEST_LINE = 1 << 22  # characters
MOST_SKIPPED = 100_000  # lines that are empty or comments
SEPARATOR = re.compile(r"\"?sep=.\"?", re.IGNORECASE)  # a first line for Excel alone
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 1,234 can be 1.234 or 1234


def check_text(path: Path, reason: str) -> None:
    """Raises ValueError unless the file can be text: its beginning has no control characters but tabs and line ends.

    reason: what the message says if the kind of file is unknown.
    """
    with path.open("rb") as file:
        head = file.read(FIRST)
    if len(head.translate(None, CONTROL)) < len(head):
        raise ValueError(name_binary(head) or reason)


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the stripped cells of each line that is not empty and does not begin with #.

    The delimiter is the first of tab, semicolon and comma that the first such line contains, otherwise white space.
    Unless it is a comma, a comma in a number is a decimal comma. Raises ValueError if the file is not such a table, or
    if 1,234 is ambiguous because other numbers have a decimal point.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size >> 20} MB of text; at most {LARGEST_FILE >> 20} MB are read")
    with path.open(encoding=_encoding(path), newline="") as file:
        lines = _lines(file)
        first = next(lines, None)
        if first and SEPARATOR.fullmatch(first[1].strip()):
            first = next(lines, None)
        if first is None:
            raise ValueError("the file is empty")
        delimiter = next((mark for mark in DELIMITERS if mark in first[1]), None)
        header, point, comma = True, "", ""  # the first decimal point, the first comma that may separate thousands
        empty = 0
        for number, line in itertools.chain([first], lines):
            cells = _split(number, line, delimiter)
            if not any(cells):  # spreadsheets leave such lines
                empty += 1
                if empty > MOST_SKIPPED:
                    raise ValueError(f"line {number}: more than {MOST_SKIPPED:,} lines have only empty cells")
                continue
            if delimiter in ("\t", ";"):
                for cell in cells if not header else ():
                    if not point and "." in cell and parse_number(cell) is not None:
                        point = f"{cell[:40]!r} on line {number}"
                    if not comma and THOUSANDS.fullmatch(cell):
                        comma = f"{cell!r} on line {number}"
                if point and comma:
                    raise ValueError(f"{comma} has a comma, but {point} has a point; use one decimal mark")
                cells = [_decimal_point(cell) for cell in cells]
            header = False
            yield number, cells
        if header:
            raise ValueError("the file is empty")


def _split(number: int, line: str, delimiter: str | None) -> list[str]:
    """The stripped cells of a line, which is split at white space without a delimiter."""
    if delimiter is None:
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        reason = "a quoted cell spans more than one line" if "unexpected end" in str(error) else error
        raise ValueError(f"line {number}: {reason}") from None


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    """The numbered lines that are neither empty nor comments. Raises ValueError if one is too long.

    Also raises ValueError if too many are empty or comments.
    """
    skipped = 0
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), start=1):
        if len(line) == LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} characters")
        if line.strip() and not line.startswith("#"):
            yield number, line
        else:
            skipped += 1
            if skipped > MOST_SKIPPED:
                raise ValueError(f"line {number}: more than {MOST_SKIPPED:,} lines are empty or comments")


def _encoding(path: Path) -> str:
    """UTF-8 with or without a byte order mark; otherwise Latin-1, which can decode any bytes."""
    try:
        with path.open(encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _decimal_point(cell: str) -> str:
    """The cell with a decimal point instead of a decimal comma. 1.234,5 is left alone; it is not a valid number."""
    if cell.count(",") != 1 or "." in cell or not cell.lstrip("+-<> ").replace(",", "")[:1].isdigit():
        return cell
    return cell.replace(",", ".")


def parse_axis_name(name: str) -> float | None:
    """The number in the name of an instrument's column, or None. R prefixes names that are numbers with an X."""
    return parse_number(name.removeprefix("X"))
