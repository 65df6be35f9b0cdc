"""Find columns whose values do not fit their unit: concentrations in rocks, soils and ores, and depths of drill holes.

Columns are judged by quantiles of their measured values, because single values of real data can be extreme.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from recore.dataset.grammar.elements import mass_fraction
from recore.dataset.grammar.target_units import MAX_CONTENT, VALUES_PER_UNIT, element_of, unit_of
from recore.dataset.grammar.units import CONTENT_UNITS, DEPTH_UNITS, DETECTION_LIMITS, NAMES, PLAUSIBLE_RANGES

MAJOR = 1000  # ppm in the upper crust, at least, of major elements
COMMON = 30  # times more or less than the upper crust; the medians of common rocks and soils are within this range
MIN_ROWS = 3  # measured values; columns with fewer are not judged
LIMIT_FRACTION = 0.1  # share of the values that are equal to the lowest, if it is a limit of detection
ROUND_FRACTION = 0.9  # share of gold assays that are whole or half numbers, as laboratories report ppb, but never ppm

# Oxides of the major elements of rocks. Silica apart, their sum is rarely below 1% of a rock, and never above 100%.
OXIDES = "Al2O3 Fe2O3 CaO MgO Na2O K2O TiO2 P2O5 MnO".split()
MIN_MAJORS = 4  # measured major elements; fewer are not judged jointly
LOW_SUM, HIGH_SUM = 1.05, 110.0  # per cent, of the oxides; magnetite has 103 as Fe2O3
DEPLETED = 1 / 15  # of the upper crust, the median of the major elements
TYPICAL_SUMS = (5.0, 105.0)  # per cent, after conversion

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
    fix: str

    @property
    def message(self) -> str:
        return f"{self.reason}: {self.fix}"

    @property
    def values(self) -> dict[str, Any]:
        """The finding as a dict, for --json."""
        return {"column": self.column, "unit": self.unit, "factor": self.factor}


def suspected_content_units(
    assays: Mapping[str, ArrayLike], units: Mapping[str, str] | None = None
) -> list[SuspectedUnit]:
    """Find targets whose values are probably in the wrong unit, and major elements that are so together.

    units: the units stated for the targets' columns before their conversion, if they are known.
    """
    known = [target for target in DETECTION_LIMITS if target in assays and unit_of(target) in CONTENT_UNITS]
    groups: dict[str, list[str]] = {}
    for target in known:
        groups.setdefault((units or {}).get(target, ""), []).append(target)
    joint = [
        unit
        for stated, group in groups.items()
        if (unit := _joint_unit({name: assays[name] for name in group}, stated))
    ]
    judged = {column for unit in joint for column in unit.column.split(", ")}
    single = (_content_unit(name, assays[name], (units or {}).get(name, "")) for name in known if name not in judged)
    return [*joint, *(unit for unit in single if unit)]


def _joint_unit(assays: Mapping[str, ArrayLike], stated: str) -> SuspectedUnit | None:
    """Find the probable unit of several major elements, or return None if their sum is plausible.

    stated: the unit of their columns, or "" if it is unknown.
    """
    oxides = {target: oxide for oxide in OXIDES for target in assays if oxide.startswith(element_of(target) or "-")}
    columns = {target: np.asarray(assays[target], dtype=float) / VALUES_PER_UNIT[unit_of(target)] for target in oxides}
    columns = {target: values for target, values in columns.items() if (values > 0).sum() >= MIN_ROWS}
    if len(columns) < MIN_MAJORS:
        return None
    medians = {target: float(np.median(values[values > 0])) for target, values in columns.items()}
    total = sum(1e-4 * median / mass_fraction(element_of(target), oxides[target]) for target, median in medians.items())
    ratio = float(np.median([median / PLAUSIBLE_RANGES[target][1] for target, median in medians.items()]))
    # extracts of soils have little calcium and potassium, too, but aluminium is measured in total analyses
    is_low = total < LOW_SUM and ratio < DEPLETED and any(element_of(target) == "Al" for target in columns)
    if not (total > HIGH_SUM or is_low):
        return None
    sizes = CONTENT_UNITS.values()
    factors = (
        {size / CONTENT_UNITS[stated] for size in sizes} if stated else {size / one for size in sizes for one in sizes}
    )
    factors = {factor for factor in factors if TYPICAL_SUMS[0] <= total * factor <= TYPICAL_SUMS[1]}
    if not factors:
        return None
    factor = min(factors, key=lambda factor: abs(np.log(ratio * factor)))
    unit = next(
        (unit for unit, size in CONTENT_UNITS.items() if stated and np.isclose(size, factor * CONTENT_UNITS[stated])),
        "",
    )
    names = ", ".join(columns)
    reason = f"{names}: together they are {_format(total)}% of the sample as oxides, but {_format(total * factor)}%"
    reason += f" if the values are {NAMES[unit]}" if unit else f" if they are multiplied by {factor:g}"
    return SuspectedUnit(names, unit, factor, reason, f"check their unit, or multiply the columns by {factor:g}")


def _content_unit(target: str, assays: ArrayLike, stated: str) -> SuspectedUnit | None:
    """Find the probable unit of a target's positive values, or return None if they are plausible.

    stated: the unit of the column before its conversion to the target's, or "" if it is unknown.
    """
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
    stated = stated if stated in CONTENT_UNITS else target_unit
    sizes = {unit: size / CONTENT_UNITS[stated] for unit, size in CONTENT_UNITS.items()}
    factors = {unit: factor for unit, factor in sizes.items() if unit not in (stated, "fraction")}
    fitting = {unit: factor for unit, factor in factors.items() if low <= median * factor <= high}
    if not fitting:
        return SuspectedUnit(target, "", None, reason, "check the unit of this column")
    unusual = {unit: abs(np.log(median * factor / abundance)) for unit, factor in fitting.items()}
    # metals are so rarely reported in g/kg that ore in per cent is more probable, although such rocks are less common
    is_trace = abundance < scale * MAJOR
    unit, *others = sorted(fitting, key=lambda unit: (is_trace and unit == "g/kg", unusual[unit]))
    units = " or ".join(NAMES[name] for name in (unit, *(other for other in others if unusual[other] < np.log(COMMON))))
    fix = f"multiply the column by {fitting[unit]:g}, or import the table with --column {target}=COLUMN:{unit}"
    return SuspectedUnit(target, unit, fitting[unit], f"{reason}; the values look like {units}", fix)


def likely_unit(target: str, numbers: ArrayLike, stated: str, share: float) -> str:
    """Return the unit in which most numbers of a column are plausible contents of the target's element.

    numbers: above 0. Return "" if this is the stated unit, or if a number exceeds 100% in it. share: the element's mass
    fraction in the compound.
    """
    values = np.asarray(numbers, dtype=float)
    low, _, high = PLAUSIBLE_RANGES.get(target, (0.0, 0.0, MAX_CONTENT["ppm"]))

    def count_plausible(unit: str) -> int:
        contents = values * CONTENT_UNITS[unit] * share
        return int(((low <= contents) & (contents <= high)).sum())

    unit = max((unit for unit in CONTENT_UNITS if unit != "fraction"), key=count_plausible)
    is_possible = values.max() * CONTENT_UNITS[unit] * share <= MAX_CONTENT["ppm"]
    return unit if is_possible and count_plausible(unit) > count_plausible(stated) else ""


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
    fix = f"multiply both columns by {factor:g}, or import the table with --depth-unit {unit}"
    units = " or ".join(NAMES[unit] for unit in fitting)
    return SuspectedUnit(column, unit, factor, f"{reason}; the values look like {units}", fix)


def _format(value: float) -> str:
    """Format a number for a message: 0.0015, 8.12, 450,000."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
