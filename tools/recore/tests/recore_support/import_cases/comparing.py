"""How a data file that was written differs from the right values."""

import csv
import gzip
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path

import numpy as np

from recore.schema import IDS, TARGETS
from recore_support.import_cases.case import Values

# spectra are written with 6 decimals; assays are converted with atomic weights of five digits
SPECTRUM_TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}
ASSAY_TOLERANCE = {"rel_tol": 5e-5, "abs_tol": 1e-9}


@dataclass(frozen=True)
class DataFile:
    """The cells of a data file: names of rows, and columns by name."""

    index: list[str]
    columns: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> "DataFile":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        index, *cells = map(list, zip(*rows, strict=True))
        return cls(index, dict(zip(header[1:], cells, strict=True)))

    def without_missing_targets(self, values: Values) -> Values:
        """The values without the targets that the file lacks."""
        kept = {name for name in values.assays if name in IDS or any(self.columns.get(name, []))}
        return replace(values, assays={name: values.assays[name] for name in kept})

    def difference_from(self, values: Values) -> str:
        """How the file differs from the right values, or ""."""
        if sorted(self.index) != sorted(values.index):
            return f"rows {self.index} instead of {values.index}"
        order = [self.index.index(name) for name in values.index]
        columns = {name: [cells[place] for place in order] for name, cells in self.columns.items()}
        channels = [name for name in columns if name not in IDS and name not in TARGETS]
        written = np.array([float(name) for name in channels])
        expected = values.wavenumbers
        if written.shape != expected.shape:
            return f"{len(written)} channels {written[:1]} to {written[-1:]} instead of {len(expected)}"
        decimals = min(len(name.partition(".")[2]) for name in channels)
        if not np.allclose(written, expected, rtol=0, atol=0.501 * 10.0**-decimals):
            return f"channels {written[0]} to {written[-1]} instead of {expected[0]} to {expected[-1]}"
        absorbance = np.array([columns[name] for name in channels], dtype=float).T
        if not np.allclose(absorbance, values.absorbance, **SPECTRUM_TOLERANCE):
            return f"absorbance {absorbance[0, :3]} instead of {values.absorbance[0, :3]}"
        for name in (*IDS, *TARGETS):
            cells = columns.get(name, [""] * len(order))
            right = values.assays.get(name, [None] * len(order))
            is_compared = name in TARGETS or name in values.assays
            if is_compared and not all(map(_is_same, cells, right)):
                return f"{name} is {cells} instead of {right}"
        return ""


def _is_same(cell: str, value: float | str | None) -> bool:
    if isinstance(value, str) or value is None or not cell:
        return cell == (value or "")
    return isclose(float(cell), value, **ASSAY_TOLERANCE)
