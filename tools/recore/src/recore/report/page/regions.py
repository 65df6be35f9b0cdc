"""Absorption bands of minerals and of the air, marked in every figure over wavenumbers."""

from collections.abc import Mapping

import pandas as pd
from plotly.graph_objects import Figure as PlotlyFigure

from recore.absorption_bands import REGIONS
from recore.report.page.content import Table
from recore.report.page.figures import new_figure
from recore.report.page.looks import GREY
from recore.spectral_data import Floats


def wavenumber_figure(height: int, wavenumbers: Floats, title: str) -> PlotlyFigure:
    """An empty figure over wavenumbers with the regions marked. title: of the vertical axis."""
    plot = new_figure(height, xaxis=wavenumber_axis(wavenumbers), yaxis={"title": {"text": title}})
    mark_regions(plot, wavenumbers)
    return plot


def add_spectrum(
    plot: PlotlyFigure, wavenumbers: Floats, values: Floats, name: str, line: Mapping[str, object], **trace: object
) -> None:
    """Add a line over wavenumbers."""
    look = {"line": line, "hovertemplate": "%{x:.0f} cm-1: %{y:.3f}<extra>%{fullData.name}</extra>"} | trace
    plot.add_scatter(x=wavenumbers, y=values, mode="lines", name=name, **look)


def mark_regions(plot: PlotlyFigure, wavenumbers: Floats) -> None:
    """Shade and name the regions within the range of these wavenumbers."""
    plot.update_layout(margin_t=72)
    for name, high, low, _, aside in REGIONS:
        if low < wavenumbers.max() and high > wavenumbers.min():
            plot.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.14, line_width=0, layer="below")
            at = {"x": (low + high) / 2, "xshift": aside, "y": 1, "yref": "paper", "yanchor": "bottom"}
            plot.add_annotation(text=name, textangle=-90, showarrow=False, font={"size": 11}, **at)


def wavenumber_axis(wavenumbers: Floats) -> dict[str, object]:
    """An axis on which wavenumbers decrease from left to right, as is usual."""
    high, low = float(wavenumbers.max()), float(wavenumbers.min())
    span = [high, low] if high > low else None
    return {"title": {"text": "wavenumber (cm-1)"}, "range": span, "tickangle": 0, "nticks": 8}


def table_of_regions() -> Table:
    columns = ["region", "from (cm-1)", "to (cm-1)", "vibration"]
    numbers = pd.DataFrame([[name, high, low, text] for name, high, low, text, _ in REGIONS], columns=columns)
    return Table(
        "regions", "The shaded regions", "Typical positions; they shift by about 20 cm-1 with composition.", numbers
    )
