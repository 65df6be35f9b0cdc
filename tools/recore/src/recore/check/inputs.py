"""Read model inputs, the output of an untrusted preprocess.py, and compare them between variations of the data."""

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recore.check.job_results import Variation
from recore.check.predictions import TOLERANCE
from recore.listing import count, list_names
from stagemaker import parse_float

MAX_LINE_LENGTH = 16 << 20  # characters
MAX_BYTES = 2 << 30
SHOWN = 3  # columns
DECIMAL = re.compile(r"(-?\d{1,9})\.(\d{1,15})", re.ASCII)
MIN_ROUNDED = 100_000  # the smallest number with six digits, in units of the last digit


@dataclass(frozen=True)
class InputRow:
    """A row of inputs: its index, and the other cells as one string."""

    index: str
    cells: str

    @property
    def values(self) -> list[str]:
        return self.cells.split(",")


@dataclass(frozen=True)
class Inputs:
    """A CSV of model inputs. problem: why the CSV could not be read, or ""."""

    header: list[str]
    rows: list[InputRow]
    problem: str = ""

    @property
    def header_is_data(self) -> bool:
        """Whether the first line seems to be data rather than a header: all its cells are numbers."""
        cells = [cell.strip('"') for cell in self.header[1:]]
        numbers = [cell for cell in cells if parse_float(cell) is not None]
        return bool(cells) and len(numbers) == len(cells) and parse_float(self.header[0].strip('"')) is not None


def read_inputs(path: Path, cells_of: Container[int] | None = None) -> Inputs:
    """Read a CSV without interpreting its cells. The index may be in quotation marks.

    cells_of: the rows, counted from 0, whose cells are kept; by default, all rows.
    """
    if path.stat().st_size > MAX_BYTES:
        return Inputs([], [], f"the file is larger than {MAX_BYTES >> 30} GiB")
    rows: list[InputRow] = []
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        header = file.readline(MAX_LINE_LENGTH).rstrip("\r\n").split(",")
        while line := file.readline(MAX_LINE_LENGTH):
            index, comma, cells = line.rstrip("\r\n").partition(",")
            if not comma:
                return Inputs(header, rows, f"line {len(rows) + 2} has only one cell")
            keeps_cells = cells_of is None or len(rows) in cells_of
            rows.append(InputRow(index.strip('"'), cells if keeps_cells else ""))
    return Inputs(header, rows, "" if len(header) > 1 else "the header has only one cell")


def first_difference(expected: InputRow, row: InputRow) -> int | None:
    """Return the number (from 1) of the first cell that differs by more than rounding, or None if the rows agree."""
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
    is_close = math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=0.0)
    return is_close or (math.isnan(first) and math.isnan(second)) or _is_rounded_differently(one, other)


def _is_rounded_differently(one: str, other: str) -> bool:
    """Return whether two numbers with at least six digits differ by one in the last digit, as reordered sums may."""
    parts = [DECIMAL.fullmatch(one), DECIMAL.fullmatch(other)]
    decimals = max(len(part[2]) if part else 0 for part in parts)
    units = [int(part[1] + part[2].ljust(decimals, "0")) for part in parts if part]
    return len(units) == 2 and abs(units[0] - units[1]) == 1 and min(map(abs, units)) >= MIN_ROUNDED


def read_columns(path: Path) -> pd.DataFrame:
    """Return the inputs without their index, or an empty table if pandas cannot read them, which other rules report."""
    try:
        return pd.read_csv(path, index_col=0, low_memory=False)
    except (ValueError, OSError):
        return pd.DataFrame()


def find_differences(
    public: Path, variations: Mapping[str, Variation], subset: Sequence[int], private: Sequence[int]
) -> dict[str, str]:
    """For each variation, return how its inputs differ from the public file's inputs, or "" if they agree.

    public: the output of preprocess.py for the public file. subset: the rows in the small variations. private: the rows
    in the variation `private`. Small variations without assays are compared with the same rows with assays. The
    variation `untargeted` is required only if `private` and `reversed` both differ.
    """
    expected = read_inputs(public, {*subset, *private})
    rows, as_private = (
        [expected.rows[number] for number in numbers if number < len(expected.rows)] for numbers in (subset, private)
    )
    differences = {"some": _compare(variations["some"], Inputs(expected.header, rows))}
    if differences["some"]:
        rows = read_variation(variations["some"]).rows or rows
    middle = len(rows) // 2
    others = {"private": as_private, "reversed": rows[::-1], "single": rows[middle : middle + 1], "untargeted": rows}
    for name, rows in others.items():
        if name in variations:
            differences[name] = _compare(variations[name], Inputs(expected.header, rows))
    return differences


def effect_of_assays(differences: Mapping[str, str]) -> str:
    """Return how the inputs change without assays, or "" if they do not change."""
    return differences.get("untargeted", "")


def effect_of_holes(differences: Mapping[str, str]) -> str:
    """Return how the inputs change if the drill holes are renamed, or "" if they do not change."""
    return "" if differences["some"] or effect_of_assays(differences) else differences["private"]


def read_variation(variation: Variation, cells_of: Container[int] | None = None) -> Inputs:
    """Read the output of preprocess.py for a variation. `problem` is set if the script failed or wrote no valid CSV.

    cells_of: see read_inputs.
    """
    if variation.output is None:
        return Inputs([], [], variation.problem)
    return read_inputs(variation.output, cells_of)


def _compare(variation: Variation, expected: Inputs) -> str:
    inputs = read_variation(variation)
    if inputs.problem:
        return f"preprocess.py fails: {inputs.problem}"
    if inputs.header[1:] != expected.header[1:]:
        return _compare_columns(inputs.header[1:], expected.header[1:])
    if len(inputs.rows) != len(expected.rows):
        return f"the CSV has {count(len(inputs.rows), 'row')} instead of {len(expected.rows)}"
    for wanted, row in zip(expected.rows, inputs.rows, strict=True):
        cell = first_difference(wanted, row)
        if cell is not None:
            column = expected.header[cell] if cell < len(expected.header) else f"cell {cell + 1}"
            pair = [each.values[cell - 1][:24] if cell <= len(each.values) else "missing" for each in (row, wanted)]
            return f"{column[:40]} in row {wanted.index[:40]} is {pair[0]} instead of {pair[1]}"
    return ""


def _compare_columns(names: list[str], expected: list[str]) -> str:
    missing, added = set(expected) - set(names), set(names) - set(expected)
    parts = {
        "lacks": [name[:40] for name in expected if name in missing],
        "also has": [name[:40] for name in names if name in added],
    }
    changes = [f"{verb} {list_names(columns, SHOWN)}" for verb, columns in parts.items() if columns]
    return f"the CSV {' and '.join(changes)}" if changes else "the columns are in a different order"
