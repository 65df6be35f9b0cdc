"""What the figures of all reports share: colours that keep apart for every eye, on white and on black, and words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from recore.pipeline.text import plain

Floats = NDArray[np.float64]

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Each has a contrast of 3 or more to the light and to the dark page; the first four are those of Okabe and Ito (2008)
# that have. page.js has the same order for series that are given none.
BLUE, VERMILION, GREEN, PINK, PURPLE, OCHRE, SKY, RED, OLIVE, GREY = COLOURS = (
    "#0072b2 #d55e00 #009e73 #cc79a7 #8a63d2 #a8780f #2b93c4 #b5434c #6b8e23 #7f8791".split()
)
SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star", "triangle-down", "pentagon", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# Sequential: cividis, which is made for colour blindness (Nunez, Anderton and Renslow 2018), without its darkest blue,
# which would vanish on the dark page.
SEQUENTIAL = [[0, "#2f4a7d"], [0.25, "#5a6272"], [0.5, "#7d7c78"], [0.75, "#b3a268"], [1, "#f2d94a"]]
# Diverging: nothing is the page itself.
DIVERGING = [[0, "rgba(0,114,178,1)"], [0.5, "rgba(128,128,128,0)"], [1, "rgba(213,94,0,1)"]]
# Ticks of a logarithmic axis that spans a few decades.
LOG_TICKS = {
    "type": "log",
    "tickangle": 0,
    "tickvals": [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)],
}
ABOVE = {"orientation": "h", "y": 1, "yanchor": "bottom"}  # a legend over its figure, which wants a margin there
SHOWN_POINTS = 3000  # of a cloud of points: a browser draws them at once
DRAWN_HOLES = 150  # of a picture of all holes
NAMED = 9  # series with a colour of their own; more than that no eye keeps apart


def new_figure(height: int, **layout: Any) -> "Figure":
    """An empty figure. Sizes in pixels; what all figures share is added in the browser."""
    from plotly.graph_objects import Figure

    return Figure(layout={"template": None, "height": height, "legend": {"itemsizing": "constant"}} | layout)


def with_opacity(colour: str, opacity: float) -> str:
    """A colour #rrggbb that lets through what lies behind it."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def short_name(name: object, widest: int = 28) -> str:
    """A name from the data, short enough for a legend, and without what is no letter."""
    text = plain(str(name), 10 * widest) or "(empty)"
    return text if len(text) <= widest else f"{text[: widest - 1]}\N{HORIZONTAL ELLIPSIS}"


def thin_out(rows: int, always: NDArray[np.bool_], most: int = SHOWN_POINTS) -> NDArray[np.intp]:
    """Which of so many points to draw: all that must be seen, and every k-th of the others. At most `most` of each."""
    marked, others = np.flatnonzero(always), np.flatnonzero(~always)
    return np.sort(np.concatenate([part[:: max(1, -(-len(part) // most))] for part in (marked, others)]))


def as_float32(values: Sequence[float] | NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as a figure holds them: seven digits, half the size."""
    return np.asarray(values, dtype=np.float32)


def unique_names(names: list[str]) -> list[str]:
    """Names for an axis: two that were cut to the same are told apart."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    counts: dict[str, int] = {}
    made = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({counts[name]})")
    return made


def clip_to_axis(values: Sequence[float] | NDArray[Any], low: float, high: float) -> tuple[Floats, NDArray[np.int8]]:
    """Values for an axis that ends at `low` and `high`: (drawn, outside).

    drawn: those beyond an end are moved to that end. outside: -1 where a value was below the axis, 1 where it was above,
    otherwise 0, also for NaN. Give edge_symbols and count_outside what this returns, and show the value itself on hover.
    """
    numbers = np.asarray(values, dtype=float)
    outside = np.where(numbers < low, -1, np.where(numbers > high, 1, 0)).astype(np.int8)
    return np.clip(numbers, low, high), outside


def edge_symbols(outside: NDArray[np.int8], symbol: str, axis: Literal["x", "y"] = "x") -> list[str]:
    """A marker symbol for each point: a triangle that points out of the axis where the value lies outside of it."""
    below, above = ("triangle-left", "triangle-right") if axis == "x" else ("triangle-down", "triangle-up")
    return [{-1: below, 1: above}.get(int(side), symbol) for side in outside]


def count_outside(*outside: NDArray[np.int8]) -> str:
    """A sentence for the caption with the number of values outside the axis; empty if there are none."""
    count = sum(int(np.count_nonzero(part)) for part in outside)
    if count == 0:
        return ""
    return f" Triangles at the edge: {count} value{'s' if count > 1 else ''} outside the axis (hover for the number)."
