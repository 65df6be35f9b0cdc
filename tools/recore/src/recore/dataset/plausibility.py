"""Find columns whose values do not fit their unit: concentrations in rocks, soils and ores, and depths of drill holes.

Columns are judged by quantiles of their measured values, because single values of real data can be extreme.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from recore.dataset.grammar.target_units import VALUES_PER_UNIT, unit_of
from recore.dataset.grammar.units import CONTENT_UNITS, DEPTH_UNITS, DETECTION_LIMITS, NAMES, PLAUSIBLE_RANGES

MAJOR = 1000  # ppm in the upper crust, at least, of major elements
COMMON = 30  # times more or less than the upper crust; the medians of common rocks and soils are within this range
MIN_ROWS = 3  # measured values; columns with fewer are not judged
LIMIT_FRACTION = 0.1  # share of the values that are equal to the lowest, if it is a limit of detection
ROUND_FRACTION = 0.9  # share of gold assays that are whole or half numbers, as laboratories report ppb, but never ppm

MAX_LENGTH = 30.0  # m, median; composites of drill core and cuttings are shorter
CONVERTED_LENGTH = (0.1, 10.0)  # m, median, for depths converted from a suspected unit
MAX_DEPTH = 4000.0  # m; holes of mineral exploration are rarely deeper than 3 km


@dataclass(frozen=True)
class SuspectedUnit:
    """A column that is probably not in the challenge's unit.

    unit: the probable unit, or "" if none fits. factor: the factor that converts this unit to the challenge's.
    """

    column: str
    unit: str
    factor: float | None
    reason: str
    remedy: str

    @property
    def message(self) -> str:
        return f"{self.reason}: {self.remedy}"

    @property
    def values(self) -> dict[str, Any]:
        """The finding as a dict, for --json."""
        return {"column": self.column, "unit": self.unit, "factor": self.factor}


def suspected_content_units(assays: Mapping[str, ArrayLike]) -> list[SuspectedUnit]:
    """Find targets whose values are probably in the wrong unit."""
    known = [target for target in DETECTION_LIMITS if target in assays and unit_of(target) in CONTENT_UNITS]
    units = (_content_unit(target, assays[target]) for target in known)
    return [unit for unit in units if unit]


def _content_unit(target: str, assays: ArrayLike) -> SuspectedUnit | None:
    """Find the probable unit of a target's positive values, or return None if the target's unit is plausible."""
    values = np.asarray(assays, dtype=float)
    values = values[values > 0]
    if len(values) < MIN_ROWS:
        return None
    target_unit = unit_of(target)
    scale = VALUES_PER_UNIT[target_unit]
    low, abundance, high = (scale * content for content in PLAUSIBLE_RANGES[target])
    median = float(np.median(values))
    limit = DETECTION_LIMITS[target]
    repeats = int((values == values.min()).sum())
    at_limit = median <= limit and values.min() >= limit / 4 and repeats >= max(2, LIMIT_FRACTION * len(values))
    gold_in_ppb = target == "AuPPM" and median >= 1 and (values * 2 % 1 == 0).mean() >= ROUND_FRACTION
    if (median >= low or at_limit) and median <= high and not gold_in_ppb:
        return None
    reason = f"{target}: the median of {len(values)} values is {_format(median)} {target_unit}, "
    if low <= median <= high:
        reason += "and most values are whole or half numbers"
    else:
        reason += f"but {_format(low)} to {_format(high)} {target_unit} are plausible"
    factors = {unit: scale * size for unit, size in CONTENT_UNITS.items() if unit != target_unit}
    fitting = {unit: factor for unit, factor in factors.items() if low <= median * factor <= high}
    if not fitting:
        return SuspectedUnit(target, "", None, reason, "check the unit of this column")
    unusual = {unit: abs(np.log(median * factor / abundance)) for unit, factor in fitting.items()}
    # metals are so rarely reported in g/kg that ore in per cent is more probable, although such rocks are less common
    is_trace = abundance < scale * MAJOR
    unit, *others = sorted(fitting, key=lambda unit: (is_trace and unit == "g/kg", unusual[unit]))
    units = " or ".join(NAMES[name] for name in (unit, *(other for other in others if unusual[other] < np.log(COMMON))))
    remedy = f"multiply the column by {fitting[unit]:g}, or import the table with --column {target}=COLUMN:{unit}"
    return SuspectedUnit(target, unit, fitting[unit], f"{reason}; the values look like {units}", remedy)


def suspected_depth_unit(depth_from: ArrayLike, depth_to: ArrayLike) -> SuspectedUnit | None:
    """Find the probable unit of depths, or return None if metres are plausible."""
    start, end = np.asarray(depth_from, dtype=float), np.asarray(depth_to, dtype=float)
    known = np.isfinite(start) & np.isfinite(end)
    if not known.any():
        return None
    lengths = np.abs(end - start)[known]
    length = float(np.median(lengths))
    depth = float(np.quantile(np.maximum(np.abs(start), np.abs(end))[known], 0.95))
    if length <= MAX_LENGTH and depth <= MAX_DEPTH:
        return None
    column = "DepthFrom, DepthTo"
    quantiles = f"{_format(length)} m long, and the 95th percentile of the depths is {_format(depth)} m"
    reason = f"{column}: the median sample is {quantiles}"
    # feet are likely if samples are short enough for metres, centimetres if they are too long
    fitting = [
        unit
        for unit in (("cm", "mm") if length > MAX_LENGTH else ("ft", "cm", "mm"))
        if depth * DEPTH_UNITS[unit] <= MAX_DEPTH
        and (length == 0 or CONVERTED_LENGTH[0] <= length * DEPTH_UNITS[unit] <= CONVERTED_LENGTH[1])
    ]
    if not fitting:
        return SuspectedUnit(column, "", None, reason, "check the unit of the depths")
    unit, factor = fitting[0], DEPTH_UNITS[fitting[0]]
    remedy = f"multiply both columns by {factor:g}, or import the table with --depth-unit {unit}"
    units = " or ".join(NAMES[unit] for unit in fitting)
    return SuspectedUnit(column, unit, factor, f"{reason}; the values look like {units}", remedy)


def _format(value: float) -> str:
    """Format a number for a message: 0.0015, 8.12, 450,000."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
