"""Reads what preprocess.py writes, which is text of an unknown program, and compares rows of it."""

import math
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from recore.check.predictions import RELATIVE
from stagemaker import parse_float

LONGEST_LINE = 16 << 20  # characters
LARGEST = 2 << 30  # bytes


@dataclass(frozen=True)
class InputRow:
    """A row: its index, and its other cells as one text."""

    index: str
    cells: str

    @property
    def values(self) -> list[str]:
        return self.cells.split(",")


@dataclass(frozen=True)
class Inputs:
    """A CSV of model inputs. problem: why it could not be read, empty if it could."""

    header: list[str]
    rows: list[InputRow]
    problem: str = ""

    @property
    def header_is_data(self) -> bool:
        """Whether the first line is a row: all its cells but the index are numbers with different decimals."""
        cells = [cell.strip('"') for cell in self.header[1:]]
        numbers = [cell for cell in cells if parse_float(cell) is not None]
        return bool(cells) and len(numbers) == len(cells) and parse_float(self.header[0].strip('"')) is not None


def read_inputs(path: Path, cells_of: Container[int] | None = None) -> Inputs:
    """Read a CSV without interpreting its cells. An index may be quoted.

    cells_of: the numbers of the rows whose cells are kept, from 0; by default all.
    """
    if path.stat().st_size > LARGEST:
        return Inputs([], [], f"more than {LARGEST >> 30} GiB")
    rows: list[InputRow] = []
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        header = file.readline(LONGEST_LINE).rstrip("\r\n").split(",")
        while line := file.readline(LONGEST_LINE):
            index, comma, cells = line.rstrip("\r\n").partition(",")
            if not comma:
                return Inputs(header, rows, f"line {len(rows) + 2} has only one cell")
            kept = cells_of is None or len(rows) in cells_of
            rows.append(InputRow(index.strip('"'), cells if kept else ""))
    return Inputs(header, rows, "" if len(header) > 1 else "the header has only one cell")


def differing(expected: InputRow, row: InputRow) -> int | None:
    """The first cell, counted from 1, in which two rows differ by more than rounding; None if they agree."""
    if expected.cells == row.cells:
        return None
    first, second = expected.values, row.values
    for number, (one, other) in enumerate(zip(first, second, strict=False), 1):
        if one != other and not _close(one, other):
            return number
    return None if len(first) == len(second) else min(len(first), len(second)) + 1


def _close(one: str, other: str) -> bool:
    first, second = parse_float(one), parse_float(other)
    if first is None or second is None:
        return False
    return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=0.0) or (math.isnan(first) and math.isnan(second))
