"""Figures of predicted against measured values: a square with the same axis on both sides, from corner to corner."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.graph_objects import Figure as PlotlyFigure

from recore.listing import count
from recore.report.page.figures import GREY, LOG_TICKS, Floats, as_float32

CROWDED = 10  # the axes are logarithmic if half of the measured values are in the lowest tenth of the linear axis
PADDING = 0.03  # of the length of an axis, at each end
HEIGHT = 600  # pixels
SCALES = (
    "The axes are logarithmic for a target of which half of the measured values are at most a tenth of the highest, "
    "and linear for the others."
)


@dataclass(frozen=True)
class SquareAxes:
    """Both axes of a figure: where they begin and end, and whether they are logarithmic."""

    low: float
    high: float
    logarithmic: bool

    def layout(self, unit: str) -> dict[str, Any]:
        """What this target changes in the figure's layout."""
        ends = [self.low, self.high]
        axis: dict[str, Any] = {"type": "linear", "range": ends, "constrain": "domain"}
        if self.logarithmic:
            axis |= LOG_TICKS | {"range": np.log10(ends).tolist()}
        words = "".join(f", {word}" for word in (unit, "logarithmic" if self.logarithmic else "") if word)
        return {
            "xaxis": axis | {"title": {"text": f"measured{words}"}, "constraintoward": "left"},
            "yaxis": axis | {"title": {"text": f"predicted{words}"}, "constraintoward": "top", "scaleanchor": "x"},
        }

    def beyond(self, values: Floats) -> NDArray[np.bool_]:
        """Which values are below the axes, as zeros are below a logarithmic one."""
        return values < self.low

    def describe_scale(self, measured: Floats, predicted: Floats) -> str:
        """A sentence with the values that are drawn at the edge; empty for linear axes."""
        if not self.logarithmic:
            return ""
        both = np.isfinite(measured) & np.isfinite(predicted)
        parts = []
        for name, values in (("measured", measured[both]), ("predicted", predicted[both])):
            below, zeros = int(self.beyond(values).sum()), int((values <= 0).sum())
            if below:
                parts.append(f"{count(below, f'{name} value')} below the axis, {zeros} of them 0 or less")
        edge = f"; triangles at the edge: {'; '.join(parts)}" if parts else ""
        return f"Logarithmic axes{edge}."


def choose_axes(measured: Floats, predicted: Floats) -> SquareAxes:
    """The axes for one target. measured, predicted: (rows,), NaN where there is no value; at least one row has both.

    A logarithmic axis begins at the lowest positive measured value, so that a prediction of almost zero does not
    stretch it; lower values are drawn at its edge.
    """
    both = np.isfinite(measured) & np.isfinite(predicted)
    actual, estimate = measured[both], predicted[both]
    low, high = float(min(actual.min(), estimate.min())), float(max(actual.max(), estimate.max()))
    if 0 < np.median(actual) <= actual.max() / CROWDED:
        low = float(actual[actual > 0].min())
        padding = (high / low) ** PADDING
        return SquareAxes(low / padding, high * padding, True)
    padding = PADDING * (high - low) or PADDING * abs(high) or 1.0
    return SquareAxes(low - padding, high + padding, False)


def add_line(plot: PlotlyFigure, axes: SquareAxes, choice: int) -> None:
    """Add the line on which predicted and measured are equal, from corner to corner."""
    ends = [axes.low, axes.high]
    plot.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
        name="predicted = measured",
        meta=choice,
        visible=choice == 0,
    )


def add_edge(
    plot: PlotlyFigure, axes: SquareAxes, measured: Floats, predicted: Floats, labels: list[str], choice: int
) -> None:
    """Add the points that are beyond the axes, as triangles at their edge; the values are shown on hover."""
    if not len(measured):
        return
    edge = axes.low * (1 + 1e-5)  # plotly draws nothing that rounding puts beyond the end
    left, below = axes.beyond(measured), axes.beyond(predicted)
    symbols = np.where(left & below, "triangle-sw", np.where(left, "triangle-left", "triangle-down"))
    plot.add_scatter(
        x=as_float32(np.maximum(measured, edge)),
        y=as_float32(np.maximum(predicted, edge)),
        mode="markers",
        name="below the axis",
        cliponaxis=False,
        marker={"color": GREY, "symbol": symbols.tolist(), "size": 8},
        text=[
            f"{label}<br>measured {actual:.4g}, predicted {estimate:.4g}"
            for label, actual, estimate in zip(labels, measured, predicted, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        meta=choice,
        visible=choice == 0,
    )
