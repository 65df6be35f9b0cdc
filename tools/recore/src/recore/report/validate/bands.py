"""Section on the wavenumbers that predictions depend on: sensitivity to and correlation with each bin."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.graph_objects import Figure as PlotlyFigure

from recore.absorption_bands import REGIONS
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table
from recore.report.statistics import correlations
from recore.report.validate.residuals import NO_FIGURE
from recore.spectral_data import Floats
from recore.validation import PROBES, ValidationResult

CARBON_DIOXIDE = (2390, 2300)  # cm-1
NOTE_RATIO, FINDING_RATIO = 1.5, 3.0  # a higher sensitivity to carbon dioxide, relative to the average, is a finding

TITLE = "Bands"
READING = (
    "Sensitivity shows which bins the model uses; for a linear model, it is proportional to the coefficients. Good: "
    "smooth curves. Bad: signs that alternate from bin to bin (the model uses differences between neighbouring bins, "
    "or is regularised too weakly and learns noise), high sensitivity at carbon dioxide or at the ends of the range "
    "(the model uses the air and the instrument instead of the rock). A pattern is the correlation of predictions with "
    "the spectrum, and is the better guide to minerals. Good: colour in the shaded regions of the minerals that "
    "contain the element. Bad: colour at carbon dioxide, or evenly everywhere (grain size, or a tilted baseline)."
)
SENSITIVITY_NOTE = (
    "Sensitivity: how much the prediction changes if one bin increases by its standard deviation and all other bins "
    "stay the same. It is the mean slope at {probes} rows, for a model trained on all rows, times the standard "
    "deviation of the bin: for a linear model, the coefficient times the standard deviation. It is meaningless for a "
    "model that predicts in steps, such as trees. "
)
PROBES_NOTE = "To use more rows (up to {limit}), raise --time-limit. "
PATTERN_NOTE = (
    "Pattern: Pearson's correlation of the cross-validated predictions with each bin (Haufe et al., NeuroImage 87, "
    "2014, explain why patterns can be interpreted and coefficients cannot). "
)
NO_WAVENUMBERS = "The input names contain no wavenumbers, so inputs are drawn in order, counted from the end."


def section(result: ValidationResult) -> Section:
    """Return the section."""
    if not result.ranked_targets:
        return Section("bands", TITLE, READING, (), NO_FIGURE)
    note = SENSITIVITY_NOTE.format(probes=result.probes)
    if result.probes < min(PROBES, len(result.inputs)):
        note += PROBES_NOTE.format(limit=PROBES)
    note += PATTERN_NOTE
    positions = wavenumbers(result.columns)
    are_wavenumbers = positions is not None
    if positions is None:
        positions = np.arange(len(result.columns), 0, -1.0)
        note += NO_WAVENUMBERS
    order = np.argsort(-positions, kind="stable")
    bins = Bins(positions[order], np.array(result.columns)[order], are_wavenumbers)
    sensitivity = result.sensitivity[order]
    relative = sensitivity / result.deviations
    items: list[Figure | Table] = [
        _lines(result, bins, sensitivity),
        _sensitivity_map(result, bins, relative),
        _patterns(result, bins, order),
    ]
    if not are_wavenumbers:
        return Section("bands", TITLE, READING, items, note)
    items += [_strongest_bands(result, bins, relative), draw.table_of_regions()]
    return Section("bands", TITLE, READING, items, note, _findings(result, bins, relative))


@dataclass(frozen=True)
class Bins:
    """The inputs' bins. names: (bins,). positions: (bins,), descending wavenumbers, or bin numbers if unknown."""

    positions: Floats
    names: NDArray[Any]
    are_wavenumbers: bool

    def axis(self) -> dict[str, object]:
        axis = draw.wavenumber_axis(self.positions)
        return axis if self.are_wavenumbers else axis | {"title": {"text": "input, counted from the end"}}

    def mark_regions(self, plot: PlotlyFigure) -> None:
        if self.are_wavenumbers:
            draw.mark_regions(plot, self.positions)

    def table(self, targets: Sequence[str], values: Floats) -> pd.DataFrame:
        """Return a row for each bin. values: (bins, targets)."""
        columns = dict(zip(targets, values.T, strict=True))
        return pd.DataFrame({"input": self.names, "wavenumber": self.positions} | columns)


def wavenumbers(columns: tuple[str, ...]) -> Floats | None:
    """Return the mean of the wavenumbers in each name, such as bin_3999.9_3988.1, or None if a name contains none."""
    numbers = [[float(number) for number in re.findall(r"\d+(?:\.\d+)?", name)] for name in columns]
    usable = bool(numbers) and all(each and min(each) > 100 and max(each) < 20_000 for each in numbers)
    return np.array([np.mean(each) for each in numbers]) if usable else None


def region_of(wavenumber: float) -> str:
    """Return the name of the region that contains a wavenumber, or "" if no region does."""
    return next((name for name, high, low, _, _ in REGIONS if low <= wavenumber <= high), "")


def _lines(result: ValidationResult, bins: Bins, sensitivity: Floats) -> Figure:
    """Draw sensitivity against wavenumber. sensitivity: (bins, targets), in the units of the targets."""
    plot = draw.new_figure(460, xaxis=bins.axis(), yaxis_title_text="standard deviations of the target")
    bins.mark_regions(plot)
    hover = "%{x:.0f}: %{y:.3f}<extra>%{fullData.name}</extra>"
    for order, column in enumerate(result.ranked_targets[: draw.MAX_COLOURS]):
        values = sensitivity[:, column] / result.deviations[column]
        draw.add_numbered_line(plot, order, 2, bins.positions, values, result.targets[column], hover)
    summary = (
        "The change in the prediction per standard deviation of each bin, for the targets with the highest weights; "
        "the CSV file contains all targets, in their own units."
    )
    numbers = bins.table(result.targets, sensitivity)
    return Figure("sensitivity", "Sensitivity over wavenumber", summary, plot, numbers)


def _sensitivity_map(result: ValidationResult, bins: Bins, relative: Floats) -> Figure:
    sensitivities = relative[:, result.ranked_targets]
    highest = np.abs(sensitivities).max(axis=0)
    cells = sensitivities / np.where(highest > 0, highest, 1)
    summary = (
        "Sensitivity of all targets, each divided by its largest absolute value: orange where a higher absorbance "
        "increases the prediction, blue where it decreases it."
    )
    return _map(result, bins, cells, "of largest", "sensitivity-map", "Sensitivity of all targets", summary)


def _patterns(result: ValidationResult, bins: Bins, order: NDArray[Any]) -> Figure:
    predicted = result.predicted
    cells = np.full((len(order), len(result.ranked_targets)), np.nan)
    for position, column in enumerate(result.ranked_targets):
        known = np.isfinite(predicted[:, column])
        values = predicted[known, column]
        if len(values) > 2 and np.ptp(values) > 0:
            cells[:, position] = correlations(values, result.inputs[known][:, order])
    summary = (
        "The correlation of each target's predictions with each bin: orange positive, blue negative, pale near zero."
    )
    return _map(result, bins, cells, "r", "patterns", "Patterns of all targets", summary)


def _map(result: ValidationResult, bins: Bins, cells: Floats, unit: str, name: str, title: str, summary: str) -> Figure:
    names, hover = result.ranked_names, "%{y} at %{x:.0f}: %{z:.2f}<extra></extra>"
    plot = draw.heat_map(bins.positions, names, cells.T, unit, (-1, 1), bins.axis(), hovertemplate=hover)
    bins.mark_regions(plot)
    return Figure(name, title, summary, plot, bins.table(names, cells))


def _strongest_bands(result: ValidationResult, bins: Bins, relative: Floats) -> Table:
    strongest = np.abs(relative[:, result.ranked_targets]).argmax(axis=0)
    positions = bins.positions[strongest]
    columns = {"target": result.ranked_names, "wavenumber (cm-1)": positions, "region": list(map(region_of, positions))}
    numbers = pd.DataFrame(columns | {"sensitivity": relative[strongest, result.ranked_targets]})
    summary = "In standard deviations of the target."
    return Table("strongest-bands", "The most sensitive band of each target", summary, numbers)


def _findings(result: ValidationResult, bins: Bins, relative: Floats) -> list[PageFinding]:
    high, low = CARBON_DIOXIDE
    in_air = (bins.positions <= high) & (bins.positions >= low)
    sizes = np.abs(relative[:, result.ranked_targets])
    if not in_air.any() or not sizes.any():
        return []
    totals = sizes.sum(axis=0)
    weighted = (sizes / np.where(totals > 0, totals, 1)) @ result.weights[result.ranked_targets]
    ratio = float(weighted[in_air].mean() / weighted.mean())
    message = f"predictions are {ratio:.1f} times as sensitive to the bands of atmospheric CO2 as to an average bin"
    level: Level = "bad" if ratio > FINDING_RATIO else "note" if ratio > NOTE_RATIO else "good"
    return [PageFinding(level, "carbon dioxide", message, "bands", {"times": ratio})]
