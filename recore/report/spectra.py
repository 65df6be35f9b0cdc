"""Are these spectra? Bands of quantiles over all rows and by drill hole, with the regions that minerals are known by."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.figures import BLUE, DASHES, DIVERGING, GREY, NAMED, VERMILION, faded, new_figure, single, word
from recore.report.page import Figure, Finding, Section, Table
from recore.report.reading import Data, Floats
from recore.report.treatment import Binned

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure as PlotlyFigure

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
DRAWN_CHANNELS = 600  # of a line; more than a screen has columns
DRAWN_HOLES = 150  # rows of the picture of all holes

# What absorbs where, cm-1 from and to: vibrations of Farmer, The Infrared Spectra of Minerals (1974), with the
# atmosphere's bands; (short name, from, to, what it is, pixels by which
# its label moves aside).
REGIONS = (
    ("Al-OH", 3720, 3600, "stretching of hydroxyl on aluminium: kaolinite, white mica, smectite", 0),
    ("water", 3600, 3000, "stretching of water: moisture, clays", 0),
    ("CO2", 2390, 2300, "carbon dioxide of the air: no mineral; it should be the same in all rows", 0),
    ("water", 1660, 1600, "bending of water", 0),
    ("carbonate", 1500, 1390, "stretching of carbonate: calcite, dolomite, ankerite", 0),
    ("Si-O", 1110, 950, "stretching of silicates; the strongest band of most rocks", -2),
    ("Al-OH", 930, 905, "bending of hydroxyl on aluminium", -3),
    ("carbonate", 890, 860, "bending of carbonate", 4),
    ("Si-O", 810, 770, "the doublet of quartz", 7),
)


def mark_regions(plot: "PlotlyFigure", wavenumbers: Floats) -> None:
    """Shade and name the regions that the channels reach, behind what is drawn over wavenumbers."""
    plot.update_layout(margin_t=72)
    for name, high, low, _, aside in REGIONS:
        if low < wavenumbers.max() and high > wavenumbers.min():
            plot.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.14, line_width=0, layer="below")
            at = {"x": (low + high) / 2, "xshift": aside, "y": 1, "yref": "paper", "yanchor": "bottom"}
            plot.add_annotation(text=name, textangle=-90, showarrow=False, font={"size": 11}, **at)


def wavenumber_axis(wavenumbers: Floats) -> dict[str, object]:
    """Wavenumbers fall from left to right, as is usual."""
    limits = [float(wavenumbers.max()), float(wavenumbers.min())]
    return {"title": {"text": "wavenumber (cm-1)"}, "range": limits if limits[0] > limits[1] else None}


def quantiles(values: Floats, at: tuple[float, ...]) -> Floats:
    """Quantiles (at, columns) of each column's numbers, linear between neighbours; NaN where a column has none."""
    gaps = np.isnan(values).any(axis=0)
    made = np.full((len(at), values.shape[1]), np.nan)
    made[:, ~gaps] = np.quantile(values[:, ~gaps], at, axis=0)
    for column in np.flatnonzero(gaps & ~np.isnan(values).all(axis=0)):
        made[:, column] = np.nanquantile(values[:, column], at)
    return made


def section(data: Data, shapes: Binned, private: Data | None) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    holes = by_hole(data, shapes)
    items: list[Figure | Table] = [_all_rows(data, private), _holes(data, holes)]
    if len(set(data.hole[shapes.rows])) > 1:
        items.append(_differences(data, shapes, holes))
    items.append(_regions())
    reading = (
        "Good: smooth bands where the shaded regions are, the inner band (half of the rows) close around the median, "
        "the outermost lines of the same shape. Bad: a step or a spike in all rows, a median at zero, lines that leave "
        "the band altogether, a hole that is apart everywhere (another instrument, another way of grinding), and carbon "
        "dioxide that differs from hole to hole (the background was old)."
    )
    note = (
        f"Bands are of all {data.rows} rows; of {len(data.wavenumbers)} channels one in "
        f"{_step(len(data.wavenumbers))} is drawn, and the CSV files hold them all. Holes with a line of their own: the "
        f"{min(NAMED, len(holes))} that differ most from the middle of all holes."
    )
    return Section("spectra", "Spectra", reading, items, note), _findings(data)


def by_hole(data: Data, shapes: Binned) -> dict[str, np.ndarray]:
    """Rows of each hole, those that differ most first: by the distance of their median shape from that of all holes."""
    holes = {name: np.flatnonzero(data.hole == name) for name in dict.fromkeys(data.hole.tolist())}
    medians = {}
    of_rows = data.hole[shapes.rows]
    for name in holes:
        if (own := of_rows == name).any():
            medians[name] = np.median(shapes.values[own], axis=0)
    if not medians:
        return holes
    middle = np.median(list(medians.values()), axis=0)
    far = {name: float(np.sqrt(((median - middle) ** 2).mean())) for name, median in medians.items()}
    return dict(sorted(holes.items(), key=lambda hole: -far.get(hole[0], -1.0)))


def _all_rows(data: Data, private: Data | None) -> Figure:
    import pandas as pd

    levels = quantiles(data.spectra, QUANTILES)
    numbers = pd.DataFrame({"wavenumber": data.wavenumbers, "rows": (~np.isnan(data.spectra)).sum(axis=0)})
    for level, values in zip(QUANTILES, levels, strict=True):
        numbers[f"q{level:.2f}"] = values
    plot = new_figure(420, xaxis=wavenumber_axis(data.wavenumbers), yaxis={"title": {"text": "absorbance"}})
    mark_regions(plot, data.wavenumbers)
    drawn = slice(None, None, _step(len(data.wavenumbers)))
    x = single(data.wavenumbers[drawn])
    _band(plot, x, levels[1][drawn], levels[5][drawn], BLUE, 0.18, "5 to 95 %")
    _band(plot, x, levels[2][drawn], levels[4][drawn], BLUE, 0.4, "25 to 75 %")
    _line(plot, x, levels[3][drawn], "median", BLUE)
    _line(plot, x, levels[0][drawn], "lowest", GREY, "dot")
    _line(plot, x, levels[6][drawn], "highest", GREY, "dash")
    words = "The bands in which the spectra of all rows lie, channel by channel."
    if private is not None:
        median = quantiles(private.spectra, (0.5,))[0]
        step = _step(len(private.wavenumbers))
        _line(plot, single(private.wavenumbers[::step]), median[::step], "private, median", VERMILION, "longdash")
        if np.array_equal(private.wavenumbers, data.wavenumbers):
            numbers["private_q0.50"] = median
        words += " Dashed: the median of the private rows."
    return Figure("spectra", "All spectra", words, plot, numbers)


def _holes(data: Data, holes: dict[str, np.ndarray]) -> Figure:
    """Bands of holes; the legend shows and hides them."""
    from recore.report.figures import COLOURS

    plot = new_figure(420, xaxis=wavenumber_axis(data.wavenumbers), yaxis={"title": {"text": "absorbance"}})
    mark_regions(plot, data.wavenumbers)
    drawn = slice(None, None, _step(len(data.wavenumbers)))
    x = single(data.wavenumbers[drawn])
    tables = []
    for order, (name, rows) in enumerate(holes.items()):
        levels = quantiles(data.spectra[rows], (0.05, 0.5, 0.95))
        tables.append(_hole_table(name, len(rows), data.wavenumbers, levels))
        if order < NAMED:
            shown = True if order < 3 else "legendonly"
            same = {"legendgroup": str(order), "visible": shown}
            _band(plot, x, levels[0][drawn], levels[2][drawn], COLOURS[order], 0.15, "", **same)
            dash = DASHES[order % len(DASHES)]
            _line(plot, x, levels[1][drawn], word(name), COLOURS[order], dash, **same)
    words = (
        "Median and, shaded, the range of 5 to 95 % of the rows of single holes. Click on a name to see or to hide it."
    )
    numbers = _joined(tables)
    return Figure("spectra-by-hole", "Spectra by drill hole", words, plot, numbers)


def _hole_table(name: str, rows: int, wavenumbers: Floats, levels: Floats) -> "pd.DataFrame":
    import pandas as pd

    columns = {"SiteID": name, "rows": rows, "wavenumber": wavenumbers}
    return pd.DataFrame(columns | dict(zip(("q0.05", "q0.50", "q0.95"), levels, strict=True)))


def _joined(tables: "list[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    return pd.concat(tables, ignore_index=True)


def _differences(data: Data, shapes: Binned, holes: dict[str, np.ndarray]) -> Figure:
    """All holes in one picture."""
    import pandas as pd

    of_rows = data.hole[shapes.rows]
    names = [name for name in holes if (of_rows == name).any()]
    medians = np.array([np.median(shapes.values[of_rows == name], axis=0) for name in names])
    apart = medians - np.median(medians, axis=0)
    numbers = pd.DataFrame(apart, columns=[f"{value:.1f}" for value in shapes.wavenumbers])
    numbers.insert(0, "SiteID", names)
    shown = sorted(range(min(len(names), DRAWN_HOLES)), reverse=True)
    limit = float(np.quantile(np.abs(apart), 0.99)) or 1.0
    plot = new_figure(int(np.clip(150 + 15 * len(shown), 230, 900)), xaxis=wavenumber_axis(shapes.wavenumbers))
    plot.update_yaxes(type="category", title_text="drill hole")
    plot.add_heatmap(
        x=single(shapes.wavenumbers),
        y=distinct([word(names[place], 18) for place in shown]),
        z=single(apart[shown]),
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


def _regions() -> Table:
    import pandas as pd

    columns = ["region", "from (cm-1)", "to (cm-1)", "what it is"]
    numbers = pd.DataFrame([[name, high, low, text] for name, high, low, text, _ in REGIONS], columns=columns)
    return Table("regions", "The shaded regions", "Usual places; they move by some 20 cm-1 with composition.", numbers)


def _findings(data: Data) -> list[Finding]:
    found = [Finding("bad", "file", f"{data.path.name}: {problem}", "spectra") for problem in data.problems]
    empty = np.isnan(data.spectra)

    def tell(level: str, name: str, text: str, **values: object) -> None:
        found.append(Finding(level, name, text, "spectra", values))  # type: ignore[arg-type]

    if empty.any():
        rows, channels = int(empty.any(axis=1).sum()), int(empty.any(axis=0).sum())
        row, channel = np.argwhere(empty)[0]
        text = (
            f"{int(empty.sum())} cells of the spectra hold no number, in {rows} rows and {channels} channels (the first: "
            f"index {word(data.index[row])}, channel {data.wavenumbers[channel]:g}): a submission stops there"
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
    around = {"x": np.concatenate([across, across[::-1]]), "y": single(np.concatenate([low[kept], high[kept][::-1]]))}
    look = {"fill": "toself", "fillcolor": faded(colour, opacity), "line": {"width": 0}, "mode": "lines"}
    plot.add_scatter(**around, **look, name=name, showlegend=bool(name), hoverinfo="skip", **same)


def _line(
    plot: "PlotlyFigure", x: object, y: Floats, name: str, colour: str, dash: str = "solid", **same: object
) -> None:
    look = {"mode": "lines", "line": {"color": colour, "dash": dash, "width": 2 if dash == "solid" else 1.5}}
    hover = "%{x:.0f} cm-1: %{y:.4f}<extra>%{fullData.name}</extra>"
    plot.add_scatter(x=x, y=single(y), name=name, hovertemplate=hover, **look, **same)


def _step(channels: int) -> int:
    return max(1, -(-channels // DRAWN_CHANNELS))


def distinct(names: list[str]) -> list[str]:
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
