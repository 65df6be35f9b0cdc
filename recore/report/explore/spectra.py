"""Are these spectra? Bands of quantiles over all rows and by drill hole, with the regions that minerals are known by."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.explore.holes import HoleSpectra
from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import (
    BLUE,
    COLOURS,
    DASHES,
    DIVERGING,
    DRAWN_HOLES,
    GREY,
    NAMED,
    VERMILION,
    as_float32,
    new_figure,
    short_name,
    unique_names,
    with_opacity,
)
from recore.report.page.regions import mark_regions, table_of_regions, wavenumber_axis
from recore.report.reading import Floats, SpectralData
from recore.report.statistics.binning import Binned

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
DRAWN_CHANNELS = 600  # of a line; more than a screen has columns
WRITTEN_HOLES = 200  # whose quantiles are in the CSV file, channel by channel


def quantiles(values: Floats, at: tuple[float, ...]) -> Floats:
    """Quantiles (at, columns) of each column's numbers, linear between neighbours; NaN where a column has none."""
    gaps = np.isnan(values).any(axis=0)
    made = np.full((len(at), values.shape[1]), np.nan)
    made[:, ~gaps] = np.quantile(values[:, ~gaps], at, axis=0)
    for column in np.flatnonzero(gaps & ~np.isnan(values).all(axis=0)):
        made[:, column] = np.nanquantile(values[:, column], at)
    return made


def section(
    data: SpectralData, shapes: Binned, holes: list[HoleSpectra], private: SpectralData | None
) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it. holes: those that differ most first."""
    items: list[Figure | Table] = [_all_rows(data, private), _holes(data, holes)]
    if sum(hole.shape is not None for hole in holes) > 1:
        items.append(_differences(shapes, holes))
    items.append(table_of_regions())
    reading = (
        "Good: smooth bands where the shaded regions are, the inner band (half of the rows) close around the median, "
        "the outermost lines of the same shape. Bad: a step or a spike in all rows, a median at zero, lines that leave "
        "the band altogether, a hole that is apart everywhere (another instrument, another way of grinding), and carbon "
        "dioxide that differs from hole to hole (the background was old)."
    )
    note = (
        f"Bands are of all {data.rows} rows; of {len(data.wavenumbers)} channels one in "
        f"{_step(len(data.wavenumbers))} is drawn, and the CSV files hold them all. Holes with a line of their own: the "
        f"{min(NAMED, len(holes))} that differ most from the middle of all holes; with numbers in the CSV file: "
        f"{min(WRITTEN_HOLES, len(holes))} of {len(holes)}."
    )
    return Section("spectra", "Spectra", reading, items, note), _findings(data)


def _all_rows(data: SpectralData, private: SpectralData | None) -> Figure:
    import pandas as pd

    levels = quantiles(data.spectra, QUANTILES)
    numbers = pd.DataFrame({"wavenumber": data.wavenumbers, "rows": (~np.isnan(data.spectra)).sum(axis=0)})
    for level, values in zip(QUANTILES, levels, strict=True):
        numbers[f"q{level:.2f}"] = values
    plot = new_figure(420, xaxis=wavenumber_axis(data.wavenumbers), yaxis={"title": {"text": "absorbance"}})
    mark_regions(plot, data.wavenumbers)
    drawn = slice(None, None, _step(len(data.wavenumbers)))
    x = as_float32(data.wavenumbers[drawn])
    _band(plot, x, levels[1][drawn], levels[5][drawn], BLUE, 0.18, "5 to 95 %")
    _band(plot, x, levels[2][drawn], levels[4][drawn], BLUE, 0.4, "25 to 75 %")
    _line(plot, x, levels[3][drawn], "median", BLUE)
    _line(plot, x, levels[0][drawn], "lowest", GREY, "dot")
    _line(plot, x, levels[6][drawn], "highest", GREY, "dash")
    words = "The bands in which the spectra of all rows lie, channel by channel."
    if private is not None:
        median = quantiles(private.spectra, (0.5,))[0]
        step = _step(len(private.wavenumbers))
        _line(plot, as_float32(private.wavenumbers[::step]), median[::step], "private, median", VERMILION, "longdash")
        if np.array_equal(private.wavenumbers, data.wavenumbers):
            numbers["private_q0.50"] = median
        words += " Dashed: the median of the private rows."
    return Figure("spectra", "All spectra", words, plot, numbers)


def _holes(data: SpectralData, holes: list[HoleSpectra]) -> Figure:
    """Bands of holes; the legend shows and hides them."""
    import pandas as pd

    plot = new_figure(420, xaxis=wavenumber_axis(data.wavenumbers), yaxis={"title": {"text": "absorbance"}})
    mark_regions(plot, data.wavenumbers)
    drawn = slice(None, None, _step(len(data.wavenumbers)))
    x = as_float32(data.wavenumbers[drawn])
    tables = []
    for order, hole in enumerate(holes[:WRITTEN_HOLES]):
        levels = quantiles(data.spectra[hole.rows], (0.05, 0.5, 0.95))
        columns = {"SiteID": hole.name, "rows": len(hole.rows), "wavenumber": data.wavenumbers}
        tables.append(pd.DataFrame(columns | dict(zip(("q0.05", "q0.50", "q0.95"), levels, strict=True))))
        if order < NAMED:
            same = {"legendgroup": str(order), "visible": True if order < 3 else "legendonly"}
            _band(plot, x, levels[0][drawn], levels[2][drawn], COLOURS[order], 0.15, "", **same)
            dash = DASHES[order % len(DASHES)]
            _line(plot, x, levels[1][drawn], short_name(hole.name), COLOURS[order], dash, **same)
    words = (
        "Median and, shaded, the range of 5 to 95 % of the rows of single holes. Click on a name to see or to hide it."
    )
    numbers = pd.concat(tables, ignore_index=True)
    return Figure("spectra-by-hole", "Spectra by drill hole", words, plot, numbers)


def _differences(shapes: Binned, holes: list[HoleSpectra]) -> Figure:
    """All holes in one picture."""
    import pandas as pd

    names = [hole.name for hole in holes if hole.shape is not None]
    medians = np.array([hole.shape for hole in holes if hole.shape is not None])
    apart = medians - np.median(medians, axis=0)
    numbers = pd.DataFrame(apart, columns=[f"{value:.1f}" for value in shapes.wavenumbers])
    numbers.insert(0, "SiteID", names)
    shown = sorted(range(min(len(names), DRAWN_HOLES)), reverse=True)
    limit = float(np.quantile(np.abs(apart), 0.99)) or 1.0
    plot = new_figure(int(np.clip(150 + 15 * len(shown), 230, 900)), xaxis=wavenumber_axis(shapes.wavenumbers))
    plot.update_yaxes(type="category", title_text="drill hole")
    plot.add_heatmap(
        x=as_float32(shapes.wavenumbers),
        y=unique_names([short_name(names[place], 18) for place in shown]),
        z=as_float32(apart[shown]),
        colorscale=DIVERGING,
        zmin=-limit,
        zmax=limit,
        colorbar={"title": {"text": "SNV"}},
        hovertemplate="%{y}<br>%{x:.0f} cm-1: %{z:.3f}<extra></extra>",
    )
    words = (
        "How each hole's median spectrum, after SNV, differs from the middle of all holes; the most different at the top. "
        "Colour in all of a row means another instrument or rock; colour in one column, a channel that is not steady."
    )
    if len(names) > DRAWN_HOLES:
        words += f" The first {DRAWN_HOLES} of {len(names)} holes."
    return Figure("holes", "Each hole against all holes", words, plot, numbers)


def _findings(data: SpectralData) -> list[Finding]:
    found = [Finding("bad", "file", f"{data.path.name}: {problem}", "spectra") for problem in data.problems]
    empty = np.isnan(data.spectra)

    def tell(level: str, name: str, text: str, **values: object) -> None:
        found.append(Finding(level, name, text, "spectra", values))  # type: ignore[arg-type]

    if empty.any():
        rows, channels = int(empty.any(axis=1).sum()), int(empty.any(axis=0).sum())
        row, channel = np.argwhere(empty)[0]
        text = (
            f"{int(empty.sum())} cells of the spectra hold no number, in {rows} rows and {channels} channels (the first: "
            f"index {short_name(data.index[row])}, channel {data.wavenumbers[channel]:g}): a submission stops there"
        )
        tell("bad", "empty channels", text, cells=int(empty.sum()), rows=rows, channels=channels)
    full = data.spectra[:, ~empty.all(axis=0)]
    if data.rows > 1 and (constant := int((np.nanmin(full, axis=0) == np.nanmax(full, axis=0)).sum())):
        tell("bad", "constant channels", f"{constant} channels have the same number in all rows", channels=constant)
    whole = ~empty.any(axis=1)
    flat = int((np.ptp(data.spectra[whole], axis=1) == 0).sum())
    if flat and len(data.wavenumbers) > 1:
        tell(
            "bad", "flat spectra", f"{flat} rows have the same number in all channels: there is no spectrum", rows=flat
        )
    if twice := data.rows - len(set(data.index.tolist())):
        tell("bad", "index repeated", f"{twice} rows have an index that another row has too", rows=twice)
    steps = -np.diff(data.wavenumbers)
    if (steps > 1.5 * np.median(steps)).any() if len(steps) else False:
        place = int(np.argmax(steps))
        text = (
            f"the channels leave gaps; the widest, from {data.wavenumbers[place]:g} to {data.wavenumbers[place + 1]:g} "
            f"cm-1, where the usual step is {np.median(steps):.3g}"
        )
        tell("bad", "gaps between channels", text, widest=float(steps[place]), step=float(np.median(steps)))
    high = float(np.nanmedian(full)) if full.size else 0.0
    if high > 5:
        tell("bad", "not absorbance", f"the median of all channels is {high:.3g}: is this absorbance?", median=high)
    if not found:
        text = f"every channel of every row holds a number: {data.rows} rows x {len(data.wavenumbers)} channels"
        tell("good", "spectra whole", text, rows=data.rows, channels=len(data.wavenumbers))
    return found


def _band(
    plot: "PlotlyFigure", x: object, low: Floats, high: Floats, colour: str, opacity: float, name: str, **same: object
) -> None:
    """A shaded range between two lines, as one closed shape; it is in the legend where it has a name."""
    kept = np.isfinite(low) & np.isfinite(high)
    across = np.asarray(x)[kept]
    around = {
        "x": np.concatenate([across, across[::-1]]),
        "y": as_float32(np.concatenate([low[kept], high[kept][::-1]])),
    }
    look = {"fill": "toself", "fillcolor": with_opacity(colour, opacity), "line": {"width": 0}, "mode": "lines"}
    plot.add_scatter(**around, **look, name=name, showlegend=bool(name), hoverinfo="skip", **same)


def _line(
    plot: "PlotlyFigure", x: object, y: Floats, name: str, colour: str, dash: str = "solid", **same: object
) -> None:
    look = {"mode": "lines", "line": {"color": colour, "dash": dash, "width": 2 if dash == "solid" else 1.5}}
    hover = "%{x:.0f} cm-1: %{y:.4f}<extra>%{fullData.name}</extra>"
    plot.add_scatter(x=x, y=as_float32(y), name=name, hovertemplate=hover, **look, **same)


def _step(channels: int) -> int:
    return max(1, -(-channels // DRAWN_CHANNELS))
