"""Elements that the figures of all reports share: axes, colours, series, and points beyond the ends of an axis."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.graph_objects import Figure

from recore.absorption_bands import REGIONS
from recore.listing import count
from recore.report.page.content import Table
from recore.spectral_data import Floats
from stagemaker import interrupts


def wavenumber_figure(height: int, wavenumbers: Floats, title: str) -> Figure:
    """Return an empty figure with a wavenumber axis and the regions marked. title: title of the vertical axis."""
    plot = new_figure(height, xaxis=wavenumber_axis(wavenumbers), yaxis_title_text=title)
    mark_regions(plot, wavenumbers)
    return plot


def add_spectrum(
    plot: Figure, wavenumbers: Floats, values: Floats, name: str, line: Mapping[str, object], **trace: object
) -> None:
    """Draw values against wavenumber as a line."""
    look = {"line": line, "hovertemplate": "%{x:.0f} cm-1: %{y:.3f}<extra>%{fullData.name}</extra>"} | trace
    plot.add_scatter(x=wavenumbers, y=values, mode="lines", name=name, **look)


def mark_regions(plot: Figure, wavenumbers: Floats) -> None:
    """Shade and label the spectral regions within the range of the wavenumbers."""
    plot.update_layout(margin_t=72)
    for name, high, low, _, aside in REGIONS:
        if low < wavenumbers.max() and high > wavenumbers.min():
            plot.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.14, line_width=0, layer="below")
            position = {"x": (low + high) / 2, "xshift": aside, "y": 1, "yref": "paper", "yanchor": "bottom"}
            plot.add_annotation(text=name, textangle=-90, showarrow=False, font={"size": 11}, **position)


def wavenumber_axis(wavenumbers: Floats) -> dict[str, object]:
    """Return an axis on which wavenumbers decrease from left to right, as is usual."""
    high, low = float(wavenumbers.max()), float(wavenumbers.min())
    span = [high, low] if high > low else None
    return {"title": {"text": "wavenumber (cm-1)"}, "range": span, "tickangle": 0, "nticks": 8}


def table_of_regions() -> Table:
    columns = ["region", "from (cm-1)", "to (cm-1)", "vibration"]
    numbers = pd.DataFrame([[name, high, low, vibration] for name, high, low, vibration, _ in REGIONS], columns=columns)
    return Table(
        "regions", "The shaded regions", "Typical positions; they shift by about 20 cm-1 with composition.", numbers
    )


# Each has a contrast of at least 3 with the light and the dark page. The first four are the colours of Okabe and Ito
# (2008) that meet this requirement. page.js has the same list for series without a colour.
BLUE, VERMILION, GREEN, PINK, PURPLE, OCHRE, SKY, RED, OLIVE, GREY = COLOURS = (
    "#0072b2 #d55e00 #009e73 #cc79a7 #8a63d2 #a8780f #2b93c4 #b5434c #6b8e23 #7f8791".split()
)
SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star", "triangle-down", "pentagon", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# Cividis (Nunez, Anderton and Renslow 2018), which is designed for colour blindness, without its darkest blue, which
# would be invisible on the dark page.
SEQUENTIAL = [[0, "#2f4a7d"], [0.25, "#5a6272"], [0.5, "#7d7c78"], [0.75, "#b3a268"], [1, "#f2d94a"]]
# Zero is transparent, so that it has the colour of the page.
DIVERGING = [[0, "rgba(0,114,178,1)"], [0.5, "rgba(128,128,128,0)"], [1, "rgba(213,94,0,1)"]]
# Ticks on a logarithmic axis that spans a few decades.
LOG_TICKS = {
    "type": "log",
    "tickangle": 0,
    "tickvals": [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)],
}
ABOVE = {"orientation": "h"}  # a legend above the plot; page.js makes room for it


def set_opacity(colour: str, opacity: float) -> str:
    """Return a colour #rrggbb as a translucent CSS colour."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def pattern_style(colour: str, shape: str) -> dict[str, Any]:
    """Return a bar's marker with a pattern that is visible without colour. shape: plotly's name for the pattern."""
    return {"color": colour, "pattern": {"shape": shape}}


def outline_style(colour: str) -> dict[str, Any]:
    """Return a marker for a translucent bar with an outline."""
    return {"color": set_opacity(colour, 0.3), "line": {"color": colour, "width": 1}}


def numbered_line(number: int, width: float = 1.5) -> dict[str, Any]:
    """Return a line style whose colour and dash differ from the styles for adjacent numbers."""
    return {"color": COLOURS[number % len(COLOURS)], "dash": DASHES[number % len(DASHES)], "width": width}


SHOWN_POINTS = 3000  # maximum in a scatter plot; more would be slow in a browser
DRAWN_HOLES = 150  # maximum in a figure of all holes
MAX_COLOURS = 9  # series with their own colour; more colours are hard to distinguish


def new_figure(height: int, **layout: Any) -> Figure:
    """Return an empty figure. height: pixels. page.js adds the layout that all figures share."""
    interrupts.check()
    return Figure(layout={"template": None, "height": height, "legend": {"itemsizing": "constant"}} | layout)


def heat_map(
    x: Sequence[str] | NDArray[Any],
    names: Sequence[str],
    cells: Floats,
    unit: str,
    colour_limits: tuple[float, float],
    xaxis: dict[str, Any],
    **trace: Any,
) -> Figure:
    """Return a heat map with the first name at the top. cells: (names, x)."""
    plot = new_figure(max(300, 150 + 16 * len(names)), xaxis=xaxis)
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    look = {"colorscale": DIVERGING, "colorbar": {"title": {"text": unit}}, "hoverongaps": False} | trace
    plot.add_heatmap(x=x, y=names, z=cells, zmin=colour_limits[0], zmax=colour_limits[1], **look)
    return plot


def add_bars(
    plot: Figure, lengths: pd.Series, positions: Any, name: str, hover: str, marker: dict[str, Any], **trace: Any
) -> None:
    """Add horizontal bars. positions: the bars' positions on the vertical axis."""
    plot.add_bar(x=lengths, y=positions, name=name, orientation="h", marker=marker, hovertemplate=hover, **trace)


def add_points(plot: Figure, x: Any, y: Any, name: str, hover: str, marker: dict[str, Any], **trace: Any) -> None:
    """Add the points of a scatter plot."""
    look = {"mode": "markers", "marker": marker} | trace
    plot.add_scatter(x=x, y=y, name=name, hovertemplate=hover, **look)


def add_numbered_line(
    plot: Figure, number: int, shown: int, x: Any, y: Any, name: str, hover: str, **trace: Any
) -> None:
    """Add one of several lines. Only the first `shown` lines are visible when the page is opened."""
    look = {"mode": "lines", "line": numbered_line(number), "visible": True if number < shown else "legendonly"}
    plot.add_scatter(x=x, y=y, name=name, hovertemplate=hover, **(look | trace))


def thin_out(rows: int, marked: NDArray[np.bool_], limit: int = SHOWN_POINTS) -> NDArray[np.intp]:
    """Return the rows to draw: every k-th marked row and every k-th other row, at most `limit` of each kind."""
    parts = (np.flatnonzero(marked[:rows]), np.flatnonzero(~marked[:rows]))
    return np.sort(np.concatenate([sample_evenly(part, limit) for part in parts]))


def sample_evenly[Rows: (NDArray[Any], pd.DataFrame)](rows: Rows, limit: int = SHOWN_POINTS) -> Rows:
    """Return at most `limit` of the rows, evenly spaced."""
    return rows[:: max(1, math.ceil(len(rows) / limit))]


def split_marked(
    usual: str, marked: str, is_marked: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.intp], dict[str, Any]]]:
    """Return (name, rows to draw, marker) for the usual points and for the marked points."""
    kinds = ((usual, ~is_marked, BLUE, "circle"), (marked, is_marked, VERMILION, "diamond"))
    return [
        (name, sample_evenly(np.flatnonzero(mask)), {"color": colour, "size": 6, "symbol": symbol})
        for name, mask, colour, symbol in kinds
    ]


def clip_to_axis(values: Sequence[float] | NDArray[Any], low: float, high: float) -> tuple[Floats, NDArray[np.int8]]:
    """Return `values` clipped to an axis from `low` to `high`, and `outside` for edge_symbols and count_outside.

    outside: -1 for a value below the axis, 1 for a value above the axis, otherwise (also for NaN) 0.
    """
    numbers = np.asarray(values, dtype=float)
    outside = (numbers > high).astype(np.int8) - (numbers < low).astype(np.int8)
    return np.clip(numbers, low, high), outside


def edge_symbols(outside: NDArray[np.int8], symbol: str, axis: Literal["x", "y"] = "x") -> list[str]:
    """Return a symbol for each point: a triangle if its value lies outside the axis, otherwise `symbol`."""
    below, above = ("triangle-left", "triangle-right") if axis == "x" else ("triangle-down", "triangle-up")
    return [{-1: below, 1: above}.get(int(side), symbol) for side in outside]


def count_outside(*outside: NDArray[np.int8]) -> str:
    """Return a sentence for the caption on the number of values outside the axis, or "" if there are none."""
    number = sum(int(np.count_nonzero(part)) for part in outside)
    sentence = f" Triangles at the edge: {count(number, 'value')} outside the axis (hover for details)."
    return sentence if number else ""
