"""Square figures of predicted against measured values, with the same range on both axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recore.listing import count
from recore.report.page import figures as draw
from recore.report.page.content import Figure
from recore.spectral_data import Floats, Rows
from recore.validation import format_errors, paired_values, unit_of

CROWDED_RATIO = 10  # if half of the measured values are in the lowest tenth of a linear axis, the axes are logarithmic
PADDING = 0.03  # margin at each end, as a share of the axis
HEIGHT = 600  # pixels
SCALES = (
    "The axes are logarithmic for a target if half of its measured values are at most a tenth of its highest value, "
    "and linear for the others."
)


@dataclass(frozen=True)
class SquareAxes:
    """Range and scale of both axes of a figure."""

    low: float
    high: float
    logarithmic: bool

    def layout(self, unit: str) -> dict[str, Any]:
        """Return the changes to the figure's layout for a target with this unit."""
        ends = [self.low, self.high]
        axis: dict[str, Any] = {"type": "linear", "range": ends, "constrain": "domain"}
        if self.logarithmic:
            axis |= draw.LOG_TICKS | {"range": np.log10(ends).tolist()}
        notes = "".join(f", {note}" for note in (unit, "logarithmic" if self.logarithmic else "") if note)
        return {
            "xaxis": axis | {"title": {"text": f"measured{notes}"}, "constraintoward": "left"},
            "yaxis": axis | {"title": {"text": f"predicted{notes}"}, "constraintoward": "top", "scaleanchor": "x"},
        }

    def is_outside_axes(self, values: Floats) -> NDArray[np.bool_]:
        """Return a mask of the values below the axes. Zeros are below a logarithmic axis."""
        return values < self.low

    def format_scale(self, measured: Floats, predicted: Floats) -> str:
        """Return a sentence on logarithmic axes and the values drawn at their edge, or "" for linear axes."""
        if not self.logarithmic:
            return ""
        parts = []
        for name, values in zip(("measured", "predicted"), paired_values(measured, predicted), strict=True):
            n_below, n_zeros = int(self.is_outside_axes(values).sum()), int((values <= 0).sum())
            if n_below:
                parts.append(f"{count(n_below, f'{name} value')} below the axis, {n_zeros} of them 0 or less")
        edge = f"; triangles at the edge: {'; '.join(parts)}" if parts else ""
        return f"Logarithmic axes{edge}."


def choose_axes(measured: Floats, predicted: Floats) -> SquareAxes:
    """Return the axes for one target. measured, predicted: (rows,), NaN if missing; at least one row has both.

    A logarithmic axis begins at the lowest positive measured value; lower values are drawn at its edge.
    """
    actual, estimate = paired_values(measured, predicted)
    low, high = float(min(actual.min(), estimate.min())), float(max(actual.max(), estimate.max()))
    if 0 < np.median(actual) <= actual.max() / CROWDED_RATIO:
        low = float(actual[actual > 0].min())
        padding = (high / low) ** PADDING
        return SquareAxes(low / padding, high * padding, True)
    padding = PADDING * (high - low) or PADDING * abs(high) or 1.0
    return SquareAxes(low - padding, high + padding, False)


class OneToOne:
    """A figure of predicted against measured values for one target at a time, which the reader chooses.

    After add_target, call add_points, add_line and add_edge for the same target.
    """

    def __init__(self, **layout: Any) -> None:
        self.plot = draw.new_figure(HEIGHT, legend=draw.ABOVE, **layout)
        self.choices: list[str] = []
        self.details: list[str] = []
        self.layouts: list[dict[str, Any]] = []

    def add_target(
        self, choice: str, target: str, errors: Mapping[str, Any], measured: Floats, predicted: Floats
    ) -> None:
        """Add a target. choice: its label in the list of choices. errors: its row in the table of errors."""
        self.measured, self.predicted = measured, predicted
        self.axes = choose_axes(measured, predicted)
        self.choices.append(choice)
        self.details.append(f"{format_errors(errors, target)}. {self.axes.format_scale(measured, predicted)}")
        self.layouts.append(self.axes.layout(unit_of(target)))

    def is_outside_axes(self, rows: Rows) -> NDArray[np.bool_]:
        """Return a mask of the rows with a value below the axes."""
        return self.axes.is_outside_axes(self.measured[rows]) | self.axes.is_outside_axes(self.predicted[rows])

    def add_points(self, rows: Rows, name: str, marker: dict[str, Any], **trace: Any) -> None:
        """Add the points of rows within the axes; add_edge adds the other rows."""
        hover = "%{text}<br>measured %{x:.4g}, predicted %{y:.4g}<extra></extra>"
        x, y = self.measured[rows], self.predicted[rows]
        self._add(x=x, y=y, mode="markers", name=name, marker=marker, hovertemplate=hover, **trace)

    def add_line(self) -> None:
        """Add the line on which predicted and measured values are equal."""
        ends, line = [self.axes.low, self.axes.high], {"color": draw.GREY, "dash": "dash", "width": 1.5}
        self._add(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", name="predicted = measured")

    def add_edge(self, rows: Rows, labels: Sequence[str]) -> None:
        """Add the rows with a value below the axes, as triangles at the edge."""
        if not len(rows):
            return
        measured, predicted = self.measured[rows], self.predicted[rows]
        edge = self.axes.low * (1 + 1e-5)  # plotly drops points that rounding moves beyond the end
        is_left, is_below = self.axes.is_outside_axes(measured), self.axes.is_outside_axes(predicted)
        symbols = np.where(is_left & is_below, "triangle-sw", np.where(is_left, "triangle-left", "triangle-down"))
        values = zip(labels, measured, predicted, strict=True)
        self._add(
            x=np.maximum(measured, edge),
            y=np.maximum(predicted, edge),
            mode="markers",
            name="below the axis",
            cliponaxis=False,
            marker={"color": draw.GREY, "symbol": symbols.tolist(), "size": 8},
            text=[f"{label}<br>measured {x:.4g}, predicted {y:.4g}" for label, x, y in values],
            hovertemplate="%{text}<extra></extra>",
        )

    def _add(self, **trace: Any) -> None:
        choice = len(self.choices) - 1
        self.plot.add_scatter(**trace, meta=choice, visible=choice == 0)

    def figure(self, name: str, title: str, summary: str, numbers: pd.DataFrame, groups: str = "") -> Figure:
        """Return the figure. The arguments are the same as Figure's."""
        return Figure(name, title, summary, self.plot, numbers, self.choices, self.details, self.layouts, groups)
