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
    return [
        code
        for column, content in assays.items()
        for values in [np.asarray(content, dtype=float)]
        for code in (*_zeros(column, values), *_high_codes(column, values))
    ]


def _zeros(column: str, values: NDArray[np.float64]) -> list[SuspectedCode]:
    """The zeros of a column. A single one is not a code."""
    rows = np.flatnonzero(values == 0)
    if len(rows) < 2:
        return []
    text = (
        f"{column}: {len(rows):,} of {_measured(values):,} values are exactly 0, which no content is; if 0 stands for "
        "not measured, leave the cells empty, and if for below the limit of detection, write <LIMIT before importing"
    )
    return [SuspectedCode(column, 0.0, tuple(rows.tolist()), text)]


def _high_codes(column: str, values: NDArray[np.float64]) -> list[SuspectedCode]:
    distinct, counts = np.unique(values[np.isfinite(values) & (values > 0)], return_counts=True)
    codes = []
    while len(counts) > 1 and _is_judged(counts) and _is_code_above(distinct[-1], counts[-1], distinct[-2]):
        codes.append(distinct[-1])
        distinct, counts = distinct[:-1], counts[:-1]
    for place in np.flatnonzero(counts >= FREQUENT):
        if not _is_nines(distinct[place]):
            continue
        similar = (distinct >= distinct[place] / SIZE) & (distinct <= distinct[place] * SIZE)
        similar[place] = False
        is_frequent = counts[similar].sum() >= FEWEST_OTHERS and counts[place] >= FREQUENT * counts[similar].max()
        if is_frequent:
            codes.append(distinct[place])
    return [_high_code(column, values, float(code)) for code in sorted(codes)]


def _is_judged(counts: NDArray[np.int64]) -> bool:
    return bool(counts[-1] > 1 or counts[:-1].sum() >= FEWEST_OTHERS)


def _is_code_above(value: float, number: int, next_lower: float) -> bool:
    if _is_nines(value):
        return value > (ABOVE if number > 1 else FAR) * next_lower
    return number > 1 and value in ROUND and value > FAR * next_lower


def _is_nines(value: float) -> bool:
    return NINES.fullmatch(f"{value:.12g}") is not None


def _high_code(column: str, values: NDArray[np.float64], code: float) -> SuspectedCode:
    rows = np.flatnonzero(values == code)
    lower = values[values < code].max()
    kind = "value is" if len(rows) == 1 else "values are"
    text = (
        f"{column}: {len(rows):,} of {_measured(values):,} {kind} exactly {code:.12g}, and the next lower one is "
        f"{lower:.4g}; if this is a code for a missing or over-range assay, leave the cells empty"
    )
    return SuspectedCode(column, code, tuple(rows.tolist()), text)


def _measured(values: NDArray[np.float64]) -> int:
    return int((~np.isnan(values)).sum())
