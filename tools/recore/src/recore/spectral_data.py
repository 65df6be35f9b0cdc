"""Read data files into arrays. Invalid files are read as far as possible, and their problems are reported."""

import itertools
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.data_file import DataFile, open_data
from recore.file_kinds import CONVERT_FIX
from recore.listing import count, list_names
from recore.schema import DEPTH_FROM, DEPTH_TO, channels_of, is_wavenumber
from recore.text import format_unusual, plain

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]  # row positions

MAX_SENTENCES = 20  # maximum number of sentences about invalid cells
MAX_LISTED = 5
FLATNESS = 1e-9  # a spectrum whose range is a smaller share of its largest value consists of rounding errors


@dataclass(frozen=True)
class SpectralData:
    """The contents of a data file, with descending wavenumbers. Cells that are not finite numbers are NaN.

    index, hole: (rows,), strings. depth_from, depth_to: (rows,), in m. wavenumbers: (channels,), in cm-1. spectra:
    (rows, channels), absorbance. assays: a column for each target in the file. problems: a sentence about each problem.
    """

    path: Path
    index: NDArray[Any]
    hole: NDArray[Any]
    depth_from: Floats
    depth_to: Floats
    wavenumbers: Floats
    spectra: Floats
    assays: pd.DataFrame
    problems: tuple[str, ...]

    @property
    def rows(self) -> int:
        return len(self.index)

    @property
    def depth(self) -> Floats:
        """The depth of the middle of each sample (rows,), in m."""
        return (self.depth_from + self.depth_to) / 2

    @property
    def ids(self) -> pd.DataFrame:
        """The index, hole and, if the challenge has depths, the depths of each row."""
        depths = {DEPTH_FROM: self.depth_from, DEPTH_TO: self.depth_to} if challenge().depths else {}
        return pd.DataFrame({"index": self.index, challenge().group: self.hole, **depths})

    def take(self, rows: Rows) -> "SpectralData":
        """Return a copy with only these rows."""
        names = ("index", "hole", "depth_from", "depth_to", "spectra")
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **arrays, assays=self.assays.iloc[rows].reset_index(drop=True))


def rows_by_group(groups: NDArray[Any]) -> dict[str, Rows]:
    """Return the row positions in each group, such as a drill hole, in order of first appearance.

    groups: (rows,) the name of each row's group.
    """
    if not len(groups):
        return {}
    codes, names = pd.factorize(groups)
    rows = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
    return dict(zip(names.tolist(), np.split(rows, ends), strict=True))


def snv(spectra: Floats) -> Floats:
    """Apply standard normal variate (SNV) to each row: remove offset and scale, which depend on grain size and packing.

    spectra: (rows, channels) without missing values. A flat row becomes NaN.
    """
    deviations = spectra.std(axis=1)
    deviations[np.ptp(spectra, axis=1) <= FLATNESS * np.abs(spectra).max(axis=1)] = np.nan
    return np.asarray((spectra - spectra.mean(axis=1, keepdims=True)) / deviations[:, None])


def read_data(path: Path) -> SpectralData:
    """Read a data file. Invalid cells and columns are reported in `problems`.

    Raises ValueError if it is not CSV with a header, at least one row and a channel, or OSError if it cannot be read.
    """
    with open_data(path) as file:
        return _read_data(path, file)


def _read_data(path: Path, file: DataFile) -> SpectralData:
    all_targets = challenge().targets
    group = challenge().group
    names, positions = file.header, file.positions
    problems = []
    channels = channels_of(positions)
    if equal := [f"{one!r} and {other!r}" for one, other in itertools.pairwise(channels) if float(one) == float(other)]:
        problems.append(f"channels with the same wavenumber: {list_names(equal, MAX_LISTED)}")
    targets = [name for name in all_targets if name in positions]
    problems += _report_repeated(names, positions) + _report_unknown(positions)
    if names[0] in challenge().columns or is_wavenumber(names[0]):
        name = plain(names[0], 40)
        problems.append(f"the first column must be the index, but its name is {name!r}; it is used as the index")
    missing_columns = [name for name in challenge().sample_ids if name not in positions]
    if missing_columns:
        problems.append(f"{count(len(missing_columns), 'missing column')}: {_quote_names(missing_columns)}")
    if not channels:
        raise ValueError(f"{path}: no column name is a wavenumber such as 3997.4, so the file contains no spectra")
    numbers = [name for name in (*channels, *targets, *challenge().depths) if name in positions]
    ids = [0, positions[group]] if group in positions else [0]
    table, invalid = _read_table(file, ids, [positions[name] for name in numbers])
    if not len(table):
        raise ValueError(f"{path}: the file has a header but no rows")
    arrays = {name: table[str(positions[name])].to_numpy() for name in numbers}
    invalid += [(order, problem) for order, name in enumerate(numbers) if (problem := _report_infinite(arrays[name]))]
    problems += _report_cells([(numbers[order], problem) for order, problem in invalid])
    columns = {name: np.where(np.isfinite(values), values, np.nan) for name, values in arrays.items()}
    missing = np.full(len(table), np.nan)
    spectra = np.column_stack([columns[name] for name in channels])
    return SpectralData(
        path=path,
        index=table["0"].to_numpy(),
        hole=table[str(positions[group])].to_numpy() if group in positions else np.full(len(table), "", dtype=object),
        depth_from=columns.get(DEPTH_FROM, missing),
        depth_to=columns.get(DEPTH_TO, missing),
        wavenumbers=np.array([float(name) for name in channels]),
        spectra=spectra,
        assays=pd.DataFrame({name: columns[name] for name in targets}, index=range(len(table))),
        problems=tuple(problems),
    )


def _report_repeated(names: list[str], positions: Collection[str]) -> list[str]:
    """Report duplicate columns, including columns to whose names pandas has added a suffix (.1)."""
    repeated = {name for name, number in Counter(names[1:]).items() if number > 1}
    repeated |= {name for name in challenge().unknown_columns(positions) if _is_repeated(name, positions)}
    columns = count(len(repeated), "duplicate column")
    return [f"{columns}; only the first of each name is read: {_quote_names(sorted(repeated))}"] if repeated else []


def _is_repeated(name: str, positions: Collection[str]) -> bool:
    original, _, number = name.rpartition(".")
    return number.isdigit() and original in positions


def _report_unknown(positions: Collection[str]) -> list[str]:
    """Report columns not in the challenge's schema. A separate sentence lists known names followed by a unit."""
    unknown = sorted(name for name in challenge().unknown_columns(positions) if not _is_repeated(name, positions))
    known = challenge().columns
    with_unit = [name for name in unknown if re.split(r"[ _(\[]", name)[0] in known]
    others = [name for name in unknown if name not in with_unit]
    problems = []
    if with_unit:
        singular = "column is not read, because its name includes"
        plural = "columns are not read, because their names include"
        problems.append(f"{count(len(with_unit), singular, plural)} a unit: {_quote_names(with_unit)}; {CONVERT_FIX}")
    if others:
        columns = count(len(others), "unknown column")
        problems.append(f"{columns} (not an ID, a wavenumber or a target): {_quote_names(others)}")
    return problems


def _read_table(file: DataFile, textual: list[int], numeric: list[int]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Read columns by position. Return the table, and (position in `numeric`, problem) for each invalid column."""
    types = dict.fromkeys(textual, pa.string())
    try:
        return file.read(types | dict.fromkeys(numeric, pa.float64())), []
    except ValueError as error:
        if "conversion error" not in str(error):
            raise
        return _parse_numbers(file.read(types | dict.fromkeys(numeric, pa.string())), numeric)


def _report_infinite(values: Floats) -> str:
    """Return a clause about the number of infinite values, or "" if there are none."""
    number = int(np.isinf(values).sum())
    return f"{count(number, 'infinite cell')} (read as missing)" if number else ""


def _report_cells(invalid: list[tuple[str, str]]) -> list[str]:
    """Return a sentence for each problem, with its columns. invalid: pairs of column name and problem."""
    groups: dict[str, list[str]] = {}
    for name, problem in invalid:
        groups.setdefault(problem, []).append(name)
    sentences = [
        f"column{'s' if len(names) > 1 else ''} {_quote_names(names)}: {problem}" for problem, names in groups.items()
    ]
    if unlisted := sum(map(len, [*groups.values()][MAX_SENTENCES:])):
        more = count(unlisted, "more column contains", "more columns contain")
        sentences[MAX_SENTENCES:] = [f"{more} cells that are not finite numbers"]
    return sentences


def _parse_numbers(table: pa.Table, numeric: list[int]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Parse the numeric columns. Cells that cannot be parsed become NaN and are reported."""
    invalid: list[tuple[int, str]] = []
    for order, position in enumerate(numeric):
        cells = table[str(position)].to_pandas().str.strip()
        values = pd.to_numeric(cells, errors="coerce")
        is_invalid = values.isna() & ~cells.str.lower().isin(["", "nan", "na", "null", "n/a", "#n/a"])
        if is_invalid.any():
            cell = cells[is_invalid].iloc[0]
            example = repr(plain(cell, 40)) + format_unusual(cell[:40])
            counted = count(int(is_invalid.sum()), "cell is not a number", "cells are not numbers")
            invalid.append((order, f"{counted}, for example {example}"))
        column = table.column_names.index(str(position))
        table = table.set_column(column, str(position), pa.array(values.astype(float)))
    return table, invalid


def _quote_names(names: list[str]) -> str:
    return list_names([repr(plain(name, 40)) for name in names], MAX_LISTED)
