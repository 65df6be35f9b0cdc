"""Numbers in assay columns that are codes, not contents: 9999 for a missing or over-range assay, 0 for none.

A code is judged within its column: 999 can be a content of zinc, but not where the next lower value is 41.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST_OTHERS = 3  # measured values besides a code in a single row; with fewer, it is not judged
NINES = re.compile(r"9{3,}(\.9+)?")
ROUND = (1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 32767.0, 65535.0)  # upper ends that programs use, too
FAR = 10  # times the next lower value: a code, even in a single row if it consists of nines
ABOVE = 2  # times the next lower value: a code if it consists of nines and is in several rows
# nines among values of their size are a code in so many rows, and in so many times more than any such value
FREQUENT = 3
SIZE = 3  # times smaller or larger


@dataclass(frozen=True)
class SuspectedCode:
    """A number of a column that is probably a code. rows: their indices. text: a sentence with the remedy."""

    column: str
    value: float
    rows: tuple[int, ...]
    text: str

    @property
    def values(self) -> dict[str, Any]:
        """The values of the finding, for programs."""
        return {"column": self.column, "value": self.value, "rows": len(self.rows)}


def suspected_codes(assays: Mapping[str, ArrayLike]) -> list[SuspectedCode]:
    """The probable codes in columns of contents, column by column, zeros first. Missing values are NaN."""
    columns = {name: np.asarray(content, dtype=float) for name, content in assays.items()}
    return [_describe(name, values, code) for name, values in columns.items() for code in _codes(values)]


def _codes(values: NDArray[np.float64]) -> list[float]:
    zeros = [0.0] if (values == 0).sum() > 1 else []  # a single one is not a code
    distinct, counts = np.unique(values[np.isfinite(values) & (values > 0)], return_counts=True)
    codes = []
    while len(counts) > 1 and _is_code_above(distinct, counts):
        codes.append(distinct[-1])
        distinct, counts = distinct[:-1], counts[:-1]
    for place in np.flatnonzero(counts >= FREQUENT):
        if not _is_nines(distinct[place]):
            continue
        similar = (distinct >= distinct[place] / SIZE) & (distinct <= distinct[place] * SIZE)
        similar[place] = False
        if counts[similar].sum() >= FEWEST_OTHERS and counts[place] >= FREQUENT * counts[similar].max():
            codes.append(distinct[place])
    return zeros + [float(code) for code in sorted(codes)]


def _is_code_above(distinct: NDArray[np.float64], counts: NDArray[np.int64]) -> bool:
    """Whether the highest of the values is a code."""
    value, next_lower, is_repeated = distinct[-1], distinct[-2], bool(counts[-1] > 1)
    if not is_repeated and counts[:-1].sum() < FEWEST_OTHERS:
        return False
    if _is_nines(value):
        return bool(value > (ABOVE if is_repeated else FAR) * next_lower)
    return is_repeated and value in ROUND and bool(value > FAR * next_lower)


def _is_nines(value: float) -> bool:
    return NINES.fullmatch(f"{value:.12g}") is not None


def _describe(column: str, values: NDArray[np.float64], code: float) -> SuspectedCode:
    rows = np.flatnonzero(values == code)
    share = f"{column}: {len(rows):,} of {(~np.isnan(values)).sum():,} {'value is' if len(rows) == 1 else 'values are'}"
    if code > 0:
        text = (
            f"{share} exactly {code:.12g}, and the next lower one is {values[values < code].max():.4g}; if this is a "
            "code for a missing or over-range assay, leave the cells empty"
        )
    else:
        text = (
            f"{share} exactly 0, which no content is; if 0 stands for not measured, leave the cells empty, and if for "
            "below the limit of detection, write <LIMIT before importing"
        )
    return SuspectedCode(column, code, tuple(rows.tolist()), text)
