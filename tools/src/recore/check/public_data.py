"""The public data that a check runs with, and the variations of them that its experiments need."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recore.column_names import read_header
from recore.schema import HOLE

Row = list[str]
Names = np.ndarray[Any, np.dtype[np.str_]]
FEW = 24  # rows of a small variation


@dataclass(frozen=True)
class PublicData:
    """A gzipped CSV with assays. targets: the names of the assays, in the order of predictions.

    All members raise ValueError or OSError if the file is invalid.
    """

    path: Path
    targets: tuple[str, ...]

    @cached_property
    def header(self) -> Row:
        return read_header(self.path)

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
        import pyarrow.csv

        first, columns = self.header[0], [name for name in self.targets if name in self.header[1:]]
        hole = [HOLE] if HOLE in self.header[1:] else []
        types = dict.fromkeys(columns, pa.float64()) | dict.fromkeys([first, *hole], pa.string())
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=[first, *columns, *hole])
        try:
            table = pa.csv.read_csv(self.path, convert_options=convert)
        except pa.ArrowException as error:
            raise ValueError(f"{self.path}: {error}") from None
        measured = np.full((len(table), len(self.targets)), np.nan)
        for name in columns:
            measured[:, self.targets.index(name)] = table[name].to_numpy()
        return table[first].to_pylist(), measured, np.array(table[HOLE].to_pylist() if hole else [], dtype=str)

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
        lines = (line for number, line in enumerate(self._records()) if number == 0 or number in chosen)
        header, *rows = csv.reader(list(lines))
        return header, rows

    def _records(self) -> Iterator[str]:
        """The header and the rows, as text that ends with a newline. A quoted cell may hold newlines."""
        with gzip.open(self.path, "rt", newline="", encoding="utf-8") as file:
            record = ""
            for line in file:
                record += line
                if record.count('"') % 2 == 0:
                    if record.strip():
                        yield record if record.endswith("\n") else record + "\n"
                    record = ""
