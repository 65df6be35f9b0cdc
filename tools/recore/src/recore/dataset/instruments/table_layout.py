"""Recognise layouts other than one spectrum per line, and explain how to change them."""

import re
from collections.abc import Sequence

import numpy as np

from recore.challenge import challenge
from recore.dataset.grammar import Ambiguity
from recore.dataset.grammar.axis import ChannelName, mentions_axis
from recore.dataset.grammar.ids import is_statistic
from recore.dataset.grammar.numbers import Marks
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import check_positive, explain_peaks
from recore.dataset.text_table import TextTable
from recore.listing import list_names

MIN_LINES = 7  # of an axis in a column, or in a line that can be the header
NARROW_RATIO = 1.2  # times the smallest number; no spectrum is that narrow, but sample numbers are
MAX_BANDS = 100  # bands of a satellite, such as B01, B02, B11
TRANSPOSE = "transpose the table, which has one spectrum per column"


def reject_columns(table: TextTable, line: int, names: list[str], rows: list[list[str]]) -> None:
    """Raise ValueError or Ambiguity for a table without channels, and name the layout if it is recognised."""
    numbered = [name for name in names if re.match(r"\d", name)]
    if len(numbered) > len(names) / 2:
        raise ValueError(
            f"line {line}: the unit in the names of channels, such as {numbered[0][:40]!r}, is unknown; "
            "write cm-1, nm or um after the numbers, or nothing for cm-1"
        )
    columns = dict(enumerate(zip(*rows, strict=True)))
    axes = [number for number, cells in columns.items() if mentions_axis(names[number]) and is_axis(cells, table.marks)]
    if len(axes) > 1:
        first, second = (names[number][:40] for number in axes[:2])
        raise Ambiguity("layout", f"{second!r} is a second axis next to {first!r}; remove it")
    if mentions_axis(names[0]) or is_axis(columns.get(0, ()), table.marks):
        if other := next(filter(is_statistic, names[:0:-1]), ""):
            raise Ambiguity("layout", f"the column {other[:40]!r} is not a spectrum; remove it")
        if axes and (peaks := explain_peaks(_to_numbers(columns[axes[0]], table.marks))):
            raise Ambiguity("peaks", f"{peaks}; export the spectrum")
        raise Ambiguity("layout", f"{TRANSPOSE}: {names[0][:40]!r} is its axis")
    if rows and len(names) > MIN_LINES and is_axis(rows[0][1:], table.marks):
        raise ValueError(f"line {line} is above the header with the channels; remove it")
    if mangled := [name for name in names if re.fullmatch(r"x\d{3,}_\d+", name)]:
        raise ValueError(f"line {line}: {mangled[0][:40]!r} may be MATLAB's name for a number; write the decimal point")
    reason = "a table of spectra has a column of samples, then one column for each wavenumber, such as 3998.5"
    raise ValueError(f"line {line} ({list_names(names, 3)}) is not the header of a table of spectra: {reason}")


def reject_pairs(table: TextTable, line: int, rows: list[list[str]]) -> None:
    """Raise Ambiguity if lines of numbers contain several pairs of wavenumber and value."""
    columns = [*zip(*rows, strict=True)]
    if len(columns) > 2 and len(columns) % 2 == 0 and all(is_axis(cells, table.marks) for cells in columns[::2]):
        raise Ambiguity("layout", f"line {line} has several pairs of wavenumber and value; write one pair in each line")


def check_layout(
    table: TextTable, names: list[str], axis: dict[int, ChannelName], rows: list[list[str]], reading: ReadingOptions
) -> None:
    """Raise ValueError for channels below 0, and Ambiguity if the columns may be samples or numbered bands."""
    for name in names:
        if re.fullmatch(r"-\d+(?:\.\d+)?", name):
            check_positive(float(name), name)
    is_stated = any(channel.unit for channel in axis.values()) or mentions_axis(table.preamble)
    is_in_schema = not {*challenge().ids, *challenge().targets}.isdisjoint(names)  # with one spectrum per line
    if is_stated or is_in_schema:
        return
    first = min(position for position in range(len(names)) if position not in axis)
    cells = [cells[first] for cells in rows]
    has_axis = is_axis(cells, table.marks)
    if has_axis and mentions_axis(names[first]):
        raise Ambiguity("layout", f"{TRANSPOSE}: {names[first][:40]!r} is its axis")
    if reading.unit and not table.prefixes:
        return
    shown = list_names([names[position] for position in axis], 3)
    numbers = np.array([channel.number for channel in axis.values()])
    counted = (np.abs(np.diff(numbers)) == 1).all()
    is_counted = counted and (numbers.max() < NARROW_RATIO * numbers.min() or (has_axis and bool(table.prefixes)))
    is_unnamed = not names[first] or names[first].lower() in ("x", "unnamed: 0")
    # S101 to S140 can be samples, whatever the first cell is; sample numbers have no even steps
    is_even = has_axis and bool(table.prefixes) and not explain_peaks(_to_numbers(cells, table.marks))
    if is_counted or (has_axis and (is_unnamed or is_even) and len(rows) >= MIN_LINES):
        raise Ambiguity("layout", f"columns are named {shown}, like samples; {TRANSPOSE}, or add the unit to the names")
    is_numbering = (
        (numbers == np.round(numbers)).all() and numbers.min() <= 2 and (counted or numbers.max() < MAX_BANDS)
    )
    if table.prefixes and is_numbering:
        raise Ambiguity("channels", f"{shown} are channel or band numbers; name the channels by their wavenumbers")


def is_axis(cells: Sequence[str], marks: Marks) -> bool:
    """Return whether cells are monotonic numbers like an axis, but not row numbers."""
    numbers = _to_numbers(cells, marks)
    if len(numbers) < 2 or np.isnan(numbers).any():
        return False
    steps = np.diff(numbers)
    return bool(((steps > 0).all() and not (steps == 1).all()) or (steps < 0).all())


def _to_numbers(cells: Sequence[str], marks: Marks) -> np.ndarray:
    return np.array([marks.parse(cell) for cell in cells], dtype=float)
