"""Find codes in assay columns, such as 9999 for a missing or over-range assay, or 0 for no assay.

Numbers are compared within their column: 999 can be a concentration, but not if the next lower value is 41.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_OTHERS = 3  # measured values needed to recognise a code in a single row
NINES_PATTERN = re.compile(r"9{3,}(\.9+)?")
LIMIT_CODES = (1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 32767.0, 65535.0)  # upper limits that programs also use as codes
LARGE_RATIO = 10  # times the next lower value: a code, even in a single row if all its digits are nines
MIN_RATIO = 2  # times the next lower value: a code if all its digits are nines and several rows have it
# nines among values of similar size are a code in this many rows, and this many times more often than the others
MIN_COUNT = 3
SIZE = 3  # times smaller or larger


@dataclass(frozen=True)
class SuspectedCode:
    """A number that is probably a code. rows: the positions at which it occurs. message: a sentence with the fix."""

    column: str
    value: float
    rows: tuple[int, ...]
    message: str

    @property
    def values(self) -> dict[str, Any]:
        """The finding as a dict, for --json."""
        return {"column": self.column, "value": self.value, "rows": len(self.rows)}


def suspected_codes(assays: Mapping[str, ArrayLike]) -> list[SuspectedCode]:
    """Find probable codes in assay columns, in which NaN means missing. Within each column, zeros come first."""
    columns = {name: np.asarray(content, dtype=float) for name, content in assays.items()}
    return [_report(name, values, code) for name, values in columns.items() for code in _codes(values)]


def _codes(values: NDArray[np.float64]) -> list[float]:
    zeros = [0.0] if (values == 0).sum() > 1 else []  # a single zero is not a code
    distinct, counts = np.unique(values[np.isfinite(values) & (values > 0)], return_counts=True)
    codes = []
    while len(counts) > 1 and _is_code_above(distinct, counts):
        codes.append(distinct[-1])
        distinct, counts = distinct[:-1], counts[:-1]
    for position in np.flatnonzero(counts >= MIN_COUNT):
        if not _is_nines(distinct[position]):
            continue
        similar = (distinct >= distinct[position] / SIZE) & (distinct <= distinct[position] * SIZE)
        similar[position] = False
        if counts[similar].sum() >= MIN_OTHERS and counts[position] >= MIN_COUNT * counts[similar].max():
            codes.append(distinct[position])
    return zeros + [float(code) for code in sorted(codes)]


def _is_code_above(distinct: NDArray[np.float64], counts: NDArray[np.int64]) -> bool:
    value, next_lower, is_repeated = distinct[-1], distinct[-2], bool(counts[-1] > 1)
    if not is_repeated and counts[:-1].sum() < MIN_OTHERS:
        return False
    if _is_nines(value):
        return bool(value > (MIN_RATIO if is_repeated else LARGE_RATIO) * next_lower)
    return is_repeated and value in LIMIT_CODES and bool(value > LARGE_RATIO * next_lower)


def _is_nines(value: float) -> bool:
    return NINES_PATTERN.fullmatch(f"{value:.12g}") is not None


def _report(column: str, values: NDArray[np.float64], code: float) -> SuspectedCode:
    rows = np.flatnonzero(values == code)
    share = f"{column}: {len(rows):,} of {(~np.isnan(values)).sum():,} values {'is' if len(rows) == 1 else 'are'}"
    if code > 0:
        message = (
            f"{share} exactly {code:.12g}, and the next lower value is {values[values < code].max():.4g}; if this is a "
            "code for a missing or over-range assay, leave the cells empty"
        )
    else:
        message = (
            f"{share} exactly 0, which is not a concentration; if 0 means not measured, leave the cells empty; if it "
            "means below the detection limit, write <LIMIT before importing"
        )
    return SuspectedCode(column, code, tuple(rows.tolist()), message)
