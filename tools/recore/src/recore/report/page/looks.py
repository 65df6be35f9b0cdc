"""Colours, symbols and line styles of the figures."""

from typing import Any

# Each has a contrast of at least 3 to the light and to the dark page. The first four are those colours of Okabe and Ito
# (2008) that meet this. page.js has the same list for series without a colour.
BLUE, VERMILION, GREEN, PINK, PURPLE, OCHRE, SKY, RED, OLIVE, GREY = COLOURS = (
    "#0072b2 #d55e00 #009e73 #cc79a7 #8a63d2 #a8780f #2b93c4 #b5434c #6b8e23 #7f8791".split()
)
SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star", "triangle-down", "pentagon", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# Cividis (Nunez, Anderton and Renslow 2018), which is designed for colour blindness, without its darkest blue, which
# could not be seen on the dark page.
SEQUENTIAL = [[0, "#2f4a7d"], [0.25, "#5a6272"], [0.5, "#7d7c78"], [0.75, "#b3a268"], [1, "#f2d94a"]]
# Zero is transparent, so that it has the colour of the page.
DIVERGING = [[0, "rgba(0,114,178,1)"], [0.5, "rgba(128,128,128,0)"], [1, "rgba(213,94,0,1)"]]
# Ticks of a logarithmic axis that spans a few decades.
LOG_TICKS = {
    "type": "log",
    "tickangle": 0,
    "tickvals": [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)],
}
ABOVE = {"orientation": "h"}  # a legend above the plot; page.js makes room for it


def with_opacity(colour: str, opacity: float) -> str:
    """A colour #rrggbb as translucent CSS colour."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def patterned(colour: str, shape: str) -> dict[str, Any]:
    """The marker of a bar with a pattern, so that bars can be told apart without colour. shape: as plotly names it."""
    return {"color": colour, "pattern": {"shape": shape}}


def outlined(colour: str) -> dict[str, Any]:
    """The marker of a translucent bar with an outline."""
    return {"color": with_opacity(colour, 0.3), "line": {"color": colour, "width": 1}}


def numbered_line(number: int, width: float = 1.5) -> dict[str, Any]:
    """The line of one of several series: its colour and dash differ from those of its neighbours."""
    return {"color": COLOURS[number], "dash": DASHES[number % len(DASHES)], "width": width}
