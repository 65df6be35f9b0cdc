"""The public data for a check, and the variations of the data that its experiments need."""

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.data_file import open_data
from recore.spectral_data import Floats, SpectralData, read_data

Row = list[str]
SUBSET_SIZE = 24  # rows of a small variation


@dataclass(frozen=True)
class PublicData:
    """A data file with assays. targets: the assays' names, in the order of the predictions.

    All members raise ValueError or OSError if the file is invalid.
    """

    path: Path
    targets: tuple[str, ...]

    @cached_property
    def header(self) -> Row:
        with open_data(self.path) as data:
            return data.header

    @cached_property
    def index(self) -> list[str]:
        """The first cell of each row, as a string."""
        return self._table[0]

    @cached_property
    def measured(self) -> Floats:
        """The assays (rows, targets), with NaN where nothing was measured."""
        return self._table[1]

    @property
    def was_measured(self) -> NDArray[np.bool_]:
        """Whether each target was measured at least once; predictions of other targets may be empty."""
        known: NDArray[np.bool_] = ~np.isnan(self.measured).all(axis=0)
        return known

    @property
    def rows(self) -> int:
        return len(self.index)

    @property
    def hole(self) -> NDArray[np.str_]:
        """The drill hole of each row, as strings; empty if the file has no drill holes."""
        return self._table[2]

    @cached_property
    def holes(self) -> int:
        """The number of drill holes; 0 if the file has none."""
        return len(set(self.hole.tolist()))

    @cached_property
    def _table(self) -> tuple[list[str], Floats, NDArray[np.str_]]:
        group = challenge().group
        import pyarrow as pa

        with open_data(self.path) as data:
            positions = data.positions
            columns = [(name, positions[name]) for name in self.targets if name in positions]
            hole = [positions[group]] if group in positions else []
            types = dict.fromkeys((position for _, position in columns), pa.float64())
            table = data.read(types | dict.fromkeys([0, *hole], pa.string()))
        measured = np.full((len(table), len(self.targets)), np.nan)
        for name, position in columns:
            measured[:, self.targets.index(name)] = table[str(position)].to_numpy()
        return table["0"].to_pylist(), measured, np.array(table[str(hole[0])].to_pylist() if hole else [], dtype=str)

    @cached_property
    def content(self) -> SpectralData:
        """The spectra, IDs and assays in the file."""
        return read_data(self.path)

    @cached_property
    def subset(self) -> list[int]:
        """The numbers (from 0) of a few rows, evenly spaced."""
        return pick_subset(range(self.rows))

    def write_rows(self, destination: Path, rows: Sequence[int]) -> None:
        """Write the header and these rows to a data file, in their original order."""
        with gzip.open(destination, "wt", compresslevel=1, newline="", encoding="utf-8") as file:
            file.writelines(self._select_lines(rows))

    def write_variations(self, folder: Path, private: Sequence[int]) -> None:
        """Write each of these variations of the data as NAME.csv.gz.

        private: the rows in the argument `private`, without assays and with renamed drill holes. some: a few rows.
        untargeted: `some` without assays. reversed: the rows of `untargeted` in reverse order. single: one row of
        `untargeted`.
        """
        header, *rows = csv.reader(self._select_lines(self.subset))
        inputs = [number for number, name in enumerate(header) if number == 0 or name not in self.targets]
        untargeted = [[row[number] for number in inputs] for row in [header, *rows]]
        variations = {
            "private": self._make_private_rows(inputs, private),
            "some": [header, *rows],
            "untargeted": untargeted,
            "reversed": [untargeted[0], *reversed(untargeted[1:])],
            "single": [untargeted[0], untargeted[1 + len(rows) // 2]],
        }
        for name, lines in variations.items():
            with gzip.open(folder / f"{name}.csv.gz", "wt", compresslevel=1, newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)

    def _make_private_rows(self, columns: list[int], rows: Sequence[int]) -> Iterator[Row]:
        """Yield the header and these rows, with only these columns and with renamed drill holes."""
        group = challenge().group
        renamed = rename_holes(self.hole.tolist())
        hole = self.header.index(group) if group in self.header else None
        for row in csv.reader(self._select_lines(rows)):
            if hole is not None:
                row[hole] = renamed.get(row[hole], row[hole])
            yield [row[number] for number in columns]

    def _select_lines(self, rows: Sequence[int]) -> Iterator[str]:
        line_indices = {row + 1 for row in rows} | {0}  # the header is not a row
        with open_data(self.path) as data:
            yield from (record for number, record in enumerate(data.records()) if number in line_indices)


def pick_subset(rows: Sequence[int]) -> list[int]:
    """Return a few of these row numbers, evenly spaced."""
    positions = np.linspace(0, len(rows) - 1, min(SUBSET_SIZE, len(rows)))
    return [rows[number] for number in sorted(set(map(round, positions)))]


def rename_holes(names: Sequence[str]) -> dict[str, str]:
    """Map drill holes to unused names in the same format with different numbers at the end.

    The empty name, for rows without a hole, does not change.
    """
    used, renamed = set(names), {"": ""}
    for name in dict.fromkeys(filter(None, names)):
        start, digits = re.fullmatch(r"(.*?)(\d*)", name, re.S).groups()  # type: ignore[union-attr]
        number = next(each for each in count(int(digits or 0) + 1) if f"{start}{each:0{len(digits)}}" not in used)
        renamed[name] = f"{start}{number:0{len(digits)}}"
        used.add(renamed[name])
    return renamed
