"""The public data that a check runs with, and the variations of them that its experiments need."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recore.data_file import open_data
from recore.schema import HOLE
from recore.spectral_data import SpectralData, read_data

Row = list[str]
Names = np.ndarray[Any, np.dtype[np.str_]]
FEW = 24  # rows of a small variation


@dataclass(frozen=True)
class PublicData:
    """A data file with assays. targets: the names of the assays, in the order of predictions.

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
        """The first cell of each row, as text."""
        return self._table[0]

    @cached_property
    def measured(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The assays (rows, targets), NaN if one was not measured."""
        return self._table[1]

    @property
    def rows(self) -> int:
        return len(self.index)

    @property
    def hole(self) -> Names:
        """The drill hole of each row, as text; no elements if the file does not say."""
        return self._table[2]

    @property
    def holes(self) -> int:
        """How many drill holes the rows are from; 0 if the file does not say."""
        return len(set(self.hole.tolist()))

    @cached_property
    def _table(self) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float64]], Names]:
        import pyarrow as pa

        with open_data(self.path) as data:
            places = data.places
            columns = [(name, places[name]) for name in self.targets if name in places]
            hole = [places[HOLE]] if HOLE in places else []
            types = dict.fromkeys((place for _, place in columns), pa.float64())
            table = data.read(types | dict.fromkeys([0, *hole], pa.string()))
        measured = np.full((len(table), len(self.targets)), np.nan)
        for name, place in columns:
            measured[:, self.targets.index(name)] = table[str(place)].to_numpy()
        return table["0"].to_pylist(), measured, np.array(table[str(hole[0])].to_pylist() if hole else [], dtype=str)

    @cached_property
    def content(self) -> SpectralData:
        """The spectra and the IDs, too."""
        return read_data(self.path)

    @cached_property
    def few_rows(self) -> list[int]:
        """The numbers of some rows, spread over the file."""
        return sorted({round(number) for number in np.linspace(0, self.rows - 1, min(FEW, self.rows))})

    def write_rows(self, target: Path, rows: Sequence[int]) -> None:
        """Write these rows, in the order of the file."""
        chosen = {row + 1 for row in rows} | {0}  # the header is not a row
        with gzip.open(target, "wt", compresslevel=1, newline="", encoding="utf-8") as file:
            file.writelines(line for number, line in enumerate(self._records()) if number in chosen)

    def write_variations(self, folder: Path) -> None:
        """Write variations of a few rows, each NAME.csv.gz: some, untargeted, shuffled, reversed, single.

        untargeted: without assays, as private data. shuffled: each row with the assays of another one. reversed: in
        the opposite order. single: one row.
        """
        header, rows = self._few()
        inputs = [number for number, name in enumerate(header) if number == 0 or name not in self.targets]
        targets = [number for number in range(len(header)) if number not in set(inputs)]
        shuffled = [list(row) for row in rows]
        for row, other in zip(shuffled, rows[1:] + rows[:1], strict=True):
            for number in targets:
                row[number] = other[number]
        variations = {
            "some": [header, *rows],
            "untargeted": [[row[number] for number in inputs] for row in [header, *rows]],
            "shuffled": [header, *shuffled],
            "reversed": [header, *reversed(rows)],
            "single": [header, rows[len(rows) // 2]],
        }
        for name, lines in variations.items():
            with gzip.open(folder / f"{name}.csv.gz", "wt", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)

    def _few(self) -> tuple[Row, list[Row]]:
        """The header and the few rows. The index and IDs are left as they are."""
        chosen = {number + 1 for number in self.few_rows}
        records = [record for number, record in enumerate(self._records()) if number == 0 or number in chosen]
        header, *rows = csv.reader(records)
        return header, rows

    def _records(self) -> Iterator[str]:
        with open_data(self.path) as data:
            yield from data.records()
