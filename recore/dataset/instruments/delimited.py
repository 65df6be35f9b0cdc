"""Spectra as text: two columns, wavenumber and value, one spectrum a file; or a table, one spectrum a line."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recore.dataset.cells import is_text, number_of, read_cells
from recore.dataset.instruments.spectrum import Measured, Problem

SUFFIXES = (".csv", ".txt", ".tsv", ".dpt", ".asc")

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


def recognises(path: Path) -> bool:
    """Whether the file is text."""
    return is_text(path)


def read(path: Path, sample: str, replicate: str) -> Iterator[Measured | Problem]:
    """Yield the file's spectra, or for a line of a table that holds none, why.

    Two columns, with or without a header: the spectrum of `sample`. More: a table with a header of wavenumbers and the
    samples in its column `sample`, or else in its first; lines of one sample are its replicates, counted from 0.
    Raises ValueError where the file is neither.
    """
    lines = read_cells(path)
    first = next(lines)
    if len(first[1]) == 2:
        yield _two_columns(str(path), sample, replicate, itertools.chain([first], lines))
    elif len(first[1]) > 2:
        yield from _table(str(path), first, lines)
    else:
        raise ValueError(f"line {first[0]}: two columns, wavenumber and value, or a table of spectra are needed")


def _two_columns(source: str, sample: str, replicate: str, lines: Iterator[tuple[int, list[str]]]) -> Measured:
    header, x, y = "", [], []
    for place, (line, cells) in enumerate(lines):
        numbers = [number_of(cell) for cell in cells]
        if place == 0 and not any(number is not None for number in numbers):
            header = " ".join(cells)
            continue
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise ValueError(f"line {line}: {' '.join(cells)[:40]!r} are not two numbers, wavenumber and value")
        x.append(numbers[0])
        y.append(numbers[1])
    said = _said(header, UNITS), _said(header, QUANTITIES)
    if not said[0] and re.search("wavelength", header, re.IGNORECASE):
        raise ValueError(f"its header {header[:60]!r} speaks of wavelengths without a unit: nm or um is needed there")
    return Measured(source, sample, replicate, np.array(x), np.array(y), *said)


def _said(header: str, meanings: dict[str, str]) -> str:
    """Which of the meanings a header has, "" where none."""
    return next((name for name, words in meanings.items() if re.search(words, header, re.IGNORECASE)), "")


def _table(
    source: str, header: tuple[int, list[str]], lines: Iterator[tuple[int, list[str]]]
) -> Iterator[Measured | Problem]:
    names = header[1]
    # R writes an X before a name that is a number
    axis = {
        place: number for place, name in enumerate(names) if (number := number_of(name.removeprefix("X"))) is not None
    }
    named = [name.lower() for name in names]
    column = named.index("sample") if "sample" in named else 0
    if len(axis) < 2 or column in axis:
        need = "the column of the samples, then one for each wavenumber"
        turned = (
            ": a spectrum a column is not read, turn the table" if re.match("wave", names[0], re.IGNORECASE) else ""
        )
        raise ValueError(f"line {header[0]}: it is no header of a table of spectra: {need}{turned}")
    others = [name for place, name in enumerate(names) if place not in axis and place != column]
    shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    remarks = (f"columns that are no wavenumber were passed over: {shown}",) if others else ()
    x, seen = np.array(list(axis.values())), dict[str, int]()
    empty = True
    for line, cells in lines:
        empty = False
        where = f"{source} line {line}"
        if len(cells) != len(names):
            yield Problem(where, f"{len(cells)} cells under {len(names)} names")
            continue
        sample = cells[column]
        numbers = [number_of(cells[place]) for place in axis]
        if not sample or None in numbers:
            wrong = next((place for place, number in zip(axis, numbers, strict=True) if number is None), column)
            yield Problem(
                where, f"column {names[wrong]!r}: {cells[wrong][:40]!r} is no " + ("number" if sample else "name")
            )
            continue
        replicate = seen[sample] = seen.get(sample, -1) + 1
        yield Measured(where, sample, str(replicate), x, np.array(numbers, dtype=float), remarks=remarks)
    if empty:
        raise ValueError("a header, but no spectrum")
