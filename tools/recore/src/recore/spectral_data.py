"""The content of a data file as arrays. An invalid file is read as far as possible, and its problems are described."""

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
from recore.file_kinds import CONVERT
from recore.listing import count, list_names
from recore.schema import DEPTH_FROM, DEPTH_TO, channels_of, is_wavenumber
from recore.text import name_unusual, plain

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]  # numbers of rows

LISTED_COLUMNS = 20  # sentences about invalid cells
LISTED_NAMES = 5
FLAT = 1e-9  # a spectrum whose range is a smaller share of its largest value consists of rounding errors


@dataclass(frozen=True)
class SpectralData:
    """The content of a data file, channels by decreasing wavenumber; NaN for what is not a finite number.

    index, hole: (rows,) text. depth_from, depth_to: (rows,) m. wavenumbers: (channels,) cm-1. spectra: (rows, channels)
    absorbance. assays: a column for each target in the file. problems: what is wrong with the file.
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
        """The middle of each sample."""
        return (self.depth_from + self.depth_to) / 2

    @property
    def ids(self) -> pd.DataFrame:
        """The index, the hole and the depths, if the challenge has them, of each row."""
        depths = {DEPTH_FROM: self.depth_from, DEPTH_TO: self.depth_to} if challenge().depths else {}
        return pd.DataFrame({"index": self.index, challenge().group: self.hole, **depths})

    def take(self, rows: Rows) -> "SpectralData":
        """The data of these rows only."""
        names = ("index", "hole", "depth_from", "depth_to", "spectra")
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **arrays, assays=self.assays.iloc[rows].reset_index(drop=True))


def rows_by_group(groups: NDArray[Any]) -> dict[str, Rows]:
    """The row numbers of each group, for example of each drill hole, in the order of the groups' first rows.

    groups: (rows,) the name of each row's group.
    """
    if not len(groups):
        return {}
    codes, names = pd.factorize(groups)
    rows = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
    return dict(zip(names.tolist(), np.split(rows, ends), strict=True))


def snv(spectra: Floats) -> Floats:
    """Standard normal variate of each row: removes offset and scale, which depend on grain size and packing.

    spectra: (rows, channels) without gaps. A flat row becomes NaN.
    """
    deviations = spectra.std(axis=1)
    deviations[np.ptp(spectra, axis=1) <= FLAT * np.abs(spectra).max(axis=1)] = np.nan
    return np.asarray((spectra - spectra.mean(axis=1, keepdims=True)) / deviations[:, None])


def read_data(path: Path) -> SpectralData:
    """Read a data file. Invalid cells and columns become `problems`.

    Raises ValueError or OSError if it is not a CSV file with a header, a row and a channel.
    """
    with open_data(path) as file:
        return _read_data(path, file)


def _read_data(path: Path, file: DataFile) -> SpectralData:
    all_targets = challenge().targets
    group = challenge().group
    names, places = file.header, file.places
    problems = []
    channels = channels_of(places)
    if alike := [f"{one!r} and {other!r}" for one, other in itertools.pairwise(channels) if float(one) == float(other)]:
        problems.append(f"channels with the same wavenumber: {list_names(alike, LISTED_NAMES)}")
    targets = [name for name in all_targets if name in places]
    problems += _describe_repeated(names, places) + _describe_unknown(places)
    if names[0] in challenge().columns or is_wavenumber(names[0]):
        name = plain(names[0], 40)
        problems.append(f"the first column must be the index, but its name is {name!r}; it is read as the index")
    absent = [name for name in challenge().sample_ids if name not in places]
    if absent:
        problems.append(f"{count(len(absent), 'missing column')}: {_list(absent)}")
    if not channels:
        raise ValueError(f"{path}: no column name is a wavenumber such as 3997.4, so the file contains no spectra")
    numbers = [name for name in (*channels, *targets, *challenge().depths) if name in places]
    ids = [0, places[group]] if group in places else [0]
    table, invalid = _read_table(file, ids, [places[name] for name in numbers])
    if not len(table):
        raise ValueError(f"{path}: the file has a header but no rows")
    arrays = {name: table[str(places[name])].to_numpy() for name in numbers}
    invalid += [(order, text) for order, name in enumerate(numbers) if (text := _describe_infinite(arrays[name]))]
    problems += _describe_cells([(numbers[order], text) for order, text in invalid])
    columns = {name: np.where(np.isfinite(values), values, np.nan) for name, values in arrays.items()}
    missing = np.full(len(table), np.nan)
    spectra = np.column_stack([columns[name] for name in channels])
    return SpectralData(
        path=path,
        index=table["0"].to_numpy(),
        hole=table[str(places[group])].to_numpy() if group in places else np.full(len(table), "", dtype=object),
        depth_from=columns.get(DEPTH_FROM, missing),
        depth_to=columns.get(DEPTH_TO, missing),
        wavenumbers=np.array([float(name) for name in channels]),
        spectra=spectra,
        assays=pd.DataFrame({name: columns[name] for name in targets}, index=range(len(table))),
        problems=tuple(problems),
    )


def _describe_repeated(names: list[str], places: Collection[str]) -> list[str]:
    """Columns that are there again, under the same name or, as pandas writes it, followed by .1."""
    repeated = {name for name, number in Counter(names[1:]).items() if number > 1}
    repeated |= {name for name in challenge().unknown_columns(places) if _is_repeated(name, places)}
    columns = count(len(repeated), "repeated column")
    return [f"{columns}, of which only the first is read: {_list(sorted(repeated))}"] if repeated else []


def _is_repeated(name: str, places: Collection[str]) -> bool:
    original, _, number = name.rpartition(".")
    return number.isdigit() and original in places


def _describe_unknown(places: Collection[str]) -> list[str]:
    """Columns that are not of the schema; those of a known name and a unit are named apart."""
    unknown = sorted(name for name in challenge().unknown_columns(places) if not _is_repeated(name, places))
    known = challenge().columns
    with_unit = [name for name in unknown if re.split(r"[ _(\[]", name)[0] in known]
    others = [name for name in unknown if name not in with_unit]
    problems = []
    if with_unit:
        one, several = "column is not read, because its name states", "columns are not read, because their names state"
        problems.append(f"{count(len(with_unit), one, several)} a unit: {_list(with_unit)}; {CONVERT}")
    if others:
        columns = count(len(others), "unknown column")
        problems.append(f"{columns}, neither an ID, a wavenumber nor a target: {_list(others)}")
    return problems


def _read_table(file: DataFile, text: list[int], numeric: list[int]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """The columns at these places; and (order in `numeric`, description) of those with invalid cells."""
    types = dict.fromkeys(text, pa.string())
    try:
        return file.read(types | dict.fromkeys(numeric, pa.float64())), []
    except ValueError as error:
        if "conversion error" not in str(error):
            raise
        return _parse_numbers(file.read(types | dict.fromkeys(numeric, pa.string())), numeric)


def _describe_infinite(values: Floats) -> str:
    """How many values are infinite; "" if none is."""
    number = int(np.isinf(values).sum())
    return f"{count(number, 'cell is infinite', 'cells are infinite')} and counts as missing" if number else ""


def _describe_cells(invalid: list[tuple[str, str]]) -> list[str]:
    """A sentence for all columns whose cells are invalid in the same way. invalid: names of columns, what is wrong."""
    alike: dict[str, list[str]] = {}
    for name, text in invalid:
        alike.setdefault(text, []).append(name)
    described = [f"column{'s' * (len(names) > 1)} {_list(names)}: {text}" for text, names in alike.items()]
    if unlisted := sum(map(len, [*alike.values()][LISTED_COLUMNS:])):
        more = count(unlisted, "more column contains", "more columns contain")
        described[LISTED_COLUMNS:] = [f"{more} cells that are not finite numbers"]
    return described


def _parse_numbers(table: pa.Table, numeric: list[int]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Convert the numeric columns from text; what cannot be parsed becomes NaN and is described."""
    invalid: list[tuple[int, str]] = []
    for order, place in enumerate(numeric):
        text = table[str(place)].to_pandas().str.strip()
        values = pd.to_numeric(text, errors="coerce")
        wrong = values.isna() & ~text.str.lower().isin(["", "nan", "na", "null", "n/a", "#n/a"])
        if wrong.any():
            cell = text[wrong].iloc[0]
            example = repr(plain(cell, 40)) + name_unusual(cell[:40])
            cells = count(int(wrong.sum()), "cell is not a number", "cells are not numbers")
            invalid.append((order, f"{cells}, for example {example}"))
        column = table.column_names.index(str(place))
        table = table.set_column(column, str(place), pa.array(values.astype(float)))
    return table, invalid


def _list(names: list[str]) -> str:
    return list_names([repr(plain(name, 40)) for name in names], LISTED_NAMES)
