"""Spectra as text: two columns, wavenumber and value, with one spectrum per file, or a table with one per line."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recore.dataset.cells import parse_axis_name, read_cells
from recore.dataset.instruments.spectrum import Measured, Problem
from recore.listing import list_names
from stagemaker import parse_number

SUFFIXES = (".csv", ".txt", ".tsv", ".dpt", ".asc")
SHOWN = 5  # columns that a message names
MOST_CHANNELS = 100_000  # of a spectrum: columns of a table, or lines of a file of two columns

UNITS = {
    "cm-1": r"cm\s*\^?[-\u2212\u207b][1\u00b9]|1/cm|wavenumber",
    "nm": r"\bnm\b|nanomet",
    "um": r"[\u00b5\u03bc]m|\bum\b|micro",
}
QUANTITIES = {
    "Kubelka-Munk": r"kubelka|munk",
    "absorbance": r"absorb|log\s*\(?\s*1\s*/",
    "reflectance": r"reflect|%\s*r\b",
    "transmittance": r"transmi|%\s*t\b",
}


def read(path: Path, sample: str, replicate: str, only_spectra: bool = True) -> Iterator[Measured | Problem]:
    """Yield the spectra of a text file, and the reason for each line of a table that holds none.

    A file of two columns, with or without a header, is the spectrum of `sample`. A file of more columns is a table with
    a header of wavenumbers; its column `sample`, otherwise its first, names the samples, and several lines of a sample
    are its replicates, counted from 0; a remark names its other columns if it is to hold `only_spectra`. Raises
    ValueError if the file is neither.
    """
    lines = read_cells(path)
    first = next(lines)
    if len(first[1]) == 2:
        yield _two_columns(str(path), sample, replicate, itertools.chain([first], lines))
    elif len(first[1]) > 2:
        yield from _table(str(path), first, lines, only_spectra)
    else:
        raise ValueError(f"line {first[0]}: two columns (wavenumber, value) or a table of spectra are required")


def _two_columns(source: str, sample: str, replicate: str, lines: Iterator[tuple[int, list[str]]]) -> Measured:
    header, x, y = "", list[float](), list[float]()
    for place, (line, cells) in enumerate(lines):
        numbers = [parse_number(cell) for cell in cells]
        if place == 0 and all(number is None for number in numbers):
            header = " ".join(cells)
            continue
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise ValueError(f"line {line}: {' '.join(cells)[:40]!r} is not two numbers, wavenumber and value")
        if len(x) == MOST_CHANNELS:
            raise ValueError(f"line {line}: a spectrum has at most {MOST_CHANNELS:,} lines of two numbers")
        x.append(numbers[0])
        y.append(numbers[1])
    unit, quantity = _meaning(header, UNITS), _meaning(header, QUANTITIES)
    if not unit and re.search("wavelength", header, re.IGNORECASE):
        raise ValueError(f"the header {header[:60]!r} mentions wavelengths without a unit: add nm or um to it")
    return Measured(source, sample, replicate, np.array(x), np.array(y), unit, quantity)


def _meaning(header: str, patterns: dict[str, str]) -> str:
    """The first of the patterns' names whose pattern is in the header, "" if none is."""
    return next((name for name, pattern in patterns.items() if re.search(pattern, header, re.IGNORECASE)), "")


def _table(
    source: str, header: tuple[int, list[str]], lines: Iterator[tuple[int, list[str]]], only_spectra: bool
) -> Iterator[Measured | Problem]:
    names = header[1]
    if len(names) > MOST_CHANNELS:
        raise ValueError(f"line {header[0]} has {len(names):,} columns; at most {MOST_CHANNELS:,} are read")
    numbers = {place: parse_axis_name(name) for place, name in enumerate(names)}
    axis = {place: number for place, number in numbers.items() if number is not None}
    lower_case = [name.lower() for name in names]
    column = lower_case.index("sample") if "sample" in lower_case else 0
    if len(axis) < 2 or column in axis:
        reason = "a table of spectra has a column of samples, then one column for each wavenumber"
        if re.match("wave", names[0], re.IGNORECASE):
            reason += "; transpose this table, which has one spectrum per column"
        raise ValueError(f"line {header[0]} is not the header of a table of spectra: {reason}")
    ignored = [name for place, name in enumerate(names) if place not in axis and place != column]
    remarks = (
        (f"columns that are not wavenumbers were ignored: {list_names(ignored, SHOWN)}",)
        if ignored and only_spectra
        else ()
    )
    x = np.array(list(axis.values()))
    last_replicate: dict[str, int] = {}
    line = None
    for line, cells in lines:
        place_in_file = f"{source} line {line}"
        if len(cells) != len(names):
            yield Problem(place_in_file, f"the line has {len(cells)} cells, but the header has {len(names)}")
            continue
        sample = cells[column]
        values = {place: parse_number(cells[place]) for place in axis}
        wrong = next((place for place, value in values.items() if value is None), None)
        if not sample:
            yield Problem(place_in_file, f"column {names[column]!r}: the cell is empty")
        elif wrong is not None:
            yield Problem(place_in_file, f"column {names[wrong]!r}: {cells[wrong][:40]!r} is not a number")
        else:
            replicate = last_replicate[sample] = last_replicate.get(sample, -1) + 1
            y = np.array(list(values.values()), dtype=float)
            yield Measured(place_in_file, sample, str(replicate), x, y, remarks=remarks)
    if line is None:
        raise ValueError("there is a header, but no spectrum")
