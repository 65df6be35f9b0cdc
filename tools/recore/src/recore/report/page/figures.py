"""What the figures of all reports share."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.graph_objects import Figure

from recore.listing import count
from recore.report.page.looks import DIVERGING, numbered_line
from recore.spectral_data import Floats
from recore.text import plain

SHOWN_POINTS = 3000  # of a scatter plot; more would be slow in a browser
DRAWN_HOLES = 150  # at most in a figure of all holes
NAMED = 9  # series with their own colour; more colours are hard to tell apart


def new_figure(height: int, **layout: Any) -> Figure:
    """An empty figure, `height` in pixels; page.js adds what all figures share."""
    return Figure(layout={"template": None, "height": height, "legend": {"itemsizing": "constant"}} | layout)


def heat_map(
    x: Sequence[str] | NDArray[Any],
    names: Sequence[str],
    cells: Floats,
    unit: str,
    ends: tuple[float, float],
    xaxis: dict[str, Any],
    **trace: Any,
) -> Figure:
    """A heat map with a row for each name, the first at the top. cells: (names, x). ends: of the colour scale."""
    plot = new_figure(max(300, 150 + 16 * len(names)), xaxis=xaxis)
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    look = {"colorscale": DIVERGING, "colorbar": {"title": {"text": unit}}, "hoverongaps": False} | trace
    plot.add_heatmap(x=x, y=names, z=cells, zmin=ends[0], zmax=ends[1], **look)
    return plot


def add_bars(
    plot: Figure, lengths: pd.Series, places: Any, name: str, hover: str, marker: dict[str, Any], **trace: Any
) -> None:
    """Add horizontal bars. places: on the vertical axis."""
    plot.add_bar(x=lengths, y=places, name=name, orientation="h", marker=marker, hovertemplate=hover, **trace)


def add_points(plot: Figure, x: Any, y: Any, name: str, hover: str, marker: dict[str, Any], **trace: Any) -> None:
    """Add the points of a scatter plot."""
    look = {"mode": "markers", "marker": marker} | trace
    plot.add_scatter(x=x, y=y, name=name, hovertemplate=hover, **look)


def add_numbered_line(
    plot: Figure, number: int, shown: int, x: Any, y: Any, name: str, hover: str, **trace: Any
) -> None:
    """Add one of several lines; those from number `shown` on are hidden until their name in the legend is clicked."""
    look = {"mode": "lines", "line": numbered_line(number), "visible": True if number < shown else "legendonly"}
    plot.add_scatter(x=x, y=y, name=name, hovertemplate=hover, **(look | trace))


def short_name(name: object, widest: int = 28) -> str:
    """A name from the data without control characters, short enough for a legend."""
    text = plain(str(name), 10 * widest) or "(empty)"
    return text if len(text) <= widest else f"{text[: widest - 1]}\N{HORIZONTAL ELLIPSIS}"


def thin_out(rows: int, marked: NDArray[np.bool_], most: int = SHOWN_POINTS) -> NDArray[np.intp]:
    """Which of `rows` points to draw: every k-th marked and every k-th other one, at most `most` of each."""
    parts = (np.flatnonzero(marked[:rows]), np.flatnonzero(~marked[:rows]))
    return np.sort(np.concatenate([every_kth(part, most) for part in parts]))


def every_kth(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most `most` of these rows, evenly spread."""
    return rows[:: max(1, math.ceil(len(rows) / most))]


def unique_names(names: list[str]) -> list[str]:
    """Names for an axis: names that occur more than once get a number."""
    totals, numbers = Counter(names), Counter[str]()
    unique = []
    for name in names:
        numbers[name] += 1
        unique.append(f"{name} ({numbers[name]})" if totals[name] > 1 else name)
    return unique


def clip_to_axis(values: Sequence[float] | NDArray[Any], low: float, high: float) -> tuple[Floats, NDArray[np.int8]]:
    """Values for an axis that ends at `low` and `high`: (drawn, outside).

    drawn: values beyond an end are moved to that end. outside: -1 for a value below the axis, 1 for one above it,
    otherwise 0, also for NaN. Pass it to edge_symbols and count_outside, and show the value itself on hover.
    """
    numbers = np.asarray(values, dtype=float)
    outside = (numbers > high).astype(np.int8) - (numbers < low).astype(np.int8)
    return np.clip(numbers, low, high), outside


def edge_symbols(outside: NDArray[np.int8], symbol: str, axis: Literal["x", "y"] = "x") -> list[str]:
    """A marker symbol for each point: a triangle that points out of the axis if the value lies outside of it."""
    below, above = ("triangle-left", "triangle-right") if axis == "x" else ("triangle-down", "triangle-up")
    return [{-1: below, 1: above}.get(int(side), symbol) for side in outside]


def count_outside(*outside: NDArray[np.int8]) -> str:
    """A sentence for the caption with the number of values outside the axis; empty if there are none."""
    number = sum(int(np.count_nonzero(part)) for part in outside)
    text = f" Triangles at the edge: {count(number, 'value')} outside the axis (hover for the number)."
    return text if number else ""
