"""Section on the spectra: quantiles over all rows and by drill hole, and invalid values."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.graph_objects import Figure as PlotlyFigure

from recore.challenge import challenge
from recore.constant_runs import find_constant_runs, format_constant_runs
from recore.listing import count
from recore.production.containers.domain import EDGE
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table, short_name, unique_names
from recore.report.statistics import BinnedData, usable_channels
from recore.spectral_data import Floats, SpectralData, rows_by_group


@dataclass(frozen=True)
class HoleSpectra:
    """A hole's spectra. rows: row numbers. shape: the median of valid SNV spectra (bins,), or None if none is valid."""

    name: str
    rows: NDArray[np.intp]
    shape: Floats | None


def order_holes(binned: BinnedData) -> list[HoleSpectra]:
    """Return all holes, beginning with the hole whose median SNV spectrum is furthest from the median of all holes."""
    rows_with_shape = rows_by_group(binned.holes)
    medians = {name: np.median(binned.values[rows], axis=0) for name, rows in rows_with_shape.items()}
    centre = np.median(list(medians.values()), axis=0) if medians else np.zeros(0)

    def distance(hole: HoleSpectra) -> float:
        return -1.0 if hole.shape is None else float(((hole.shape - centre) ** 2).mean())

    holes = [HoleSpectra(name, rows, medians.get(name)) for name, rows in rows_by_group(binned.data.hole).items()]
    return sorted(holes, key=distance, reverse=True)


QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
DRAWN_CHANNELS = 600  # maximum per line; a screen has hardly more columns
MAX_CSV_HOLES = 200  # maximum with quantiles in the CSV file
VISIBLE_HOLES = 3  # holes shown when the page is opened
WIDE_STEP = 1.5  # a step between channels wider than this multiple of the usual step is a gap
HIGHEST_MEDIAN = 5.0  # absorbance; a higher median suggests a different unit

TITLE = "Spectra"
READING = (
    "Good: smooth bands in the shaded regions, the inner band (half of the rows) close to the median, and lowest and "
    "highest values with a similar shape. Bad: a step or a spike in all rows, many channels with the same value "
    "(filled, clipped or cut out), a median of zero, extreme values far outside the bands, a hole that differs at all "
    "wavenumbers (a different instrument or grinding), or a carbon dioxide band that differs between holes (an "
    "outdated background measurement)."
)
NOTE = "The bands are computed from all rows. Noise in the outermost {edge} channels may exceed the range of the axis."
THINNING_NOTE = " The figures show one in {step} channels; the CSV files contain all channels."
NAMED_HOLES = " Only the {named} holes that differ most from the median of all holes have their own lines."
CSV_NOTE = " The CSV file has the quantiles of the first {written} of {holes} holes."
ALL_ROWS = "Quantiles of the spectra of all rows, channel by channel."
ALL_ROWS_PRIVATE = " Dashed orange line: the median of the private rows."
HOLE_NOTE = (
    "The median and, shaded, the 5 to 95% range of the rows in each hole. Click a legend entry to show or hide a hole."
)
DIFFERENCES = (
    "Difference between each hole's median SNV spectrum and the median of all holes; the holes that differ most are at "
    "the top. Colour along an entire row indicates a different instrument or rock, colour in one column an unstable "
    "channel."
)
SOME_HOLES_NOTE = " The first {drawn} of {holes} holes."


def quantiles(values: Floats, levels: tuple[float, ...]) -> Floats:
    """Return linearly interpolated quantiles (levels, columns), ignoring NaN, or NaN for columns without values."""
    gaps = np.isnan(values).any(axis=0)
    result = np.full((len(levels), values.shape[1]), np.nan)
    result[:, ~gaps] = np.quantile(values[:, ~gaps], levels, axis=0)
    for column in np.flatnonzero(gaps & ~np.isnan(values).all(axis=0)):
        result[:, column] = np.nanquantile(values[:, column], levels)
    return result


def section(binned: BinnedData, holes: list[HoleSpectra], private: SpectralData | None) -> Section:
    """Return the section. holes: from order_holes."""
    data = binned.data
    items: list[Figure | Table] = [_all_rows(data, private), _hole_figure(data, holes)]
    if sum(hole.shape is not None for hole in holes) > 1:
        items.append(_differences(binned, holes))
    items.append(draw.table_of_regions())
    step = _step(len(data.wavenumbers))
    note = NOTE.format(edge=EDGE) + (THINNING_NOTE.format(step=step) if step > 1 else "")
    note += NAMED_HOLES.format(named=draw.MAX_COLOURS) if len(holes) > draw.MAX_COLOURS else ""
    note += CSV_NOTE.format(written=MAX_CSV_HOLES, holes=len(holes)) if len(holes) > MAX_CSV_HOLES else ""
    return Section("spectra", TITLE, READING, items, note, _findings(data))


def _all_rows(data: SpectralData, private: SpectralData | None) -> Figure:
    levels = quantiles(data.spectra, QUANTILES)
    columns = {"wavenumber": data.wavenumbers, "rows": (~np.isnan(data.spectra)).sum(axis=0)}
    names = [f"q{level:.2f}" for level in QUANTILES]
    numbers = pd.DataFrame(columns | dict(zip(names, levels, strict=True)))
    plot = draw.wavenumber_figure(420, data.wavenumbers, "absorbance")
    drawn = slice(None, None, _step(len(data.wavenumbers)))
    x = data.wavenumbers[drawn]
    _add_band(plot, x, levels[1][drawn], levels[5][drawn], draw.BLUE, 0.18, "5 to 95%")
    _add_band(plot, x, levels[2][drawn], levels[4][drawn], draw.BLUE, 0.4, "25 to 75%")
    _add_line(plot, x, levels[3][drawn], "median", draw.BLUE)
    _add_line(plot, x, levels[0][drawn], "lowest", draw.GREY, "dot")
    _add_line(plot, x, levels[6][drawn], "highest", draw.GREY, "dash")
    plot.update_yaxes(range=_span(data, levels))
    summary = ALL_ROWS
    if private is not None:
        median = quantiles(private.spectra, (0.5,))[0]
        step = _step(len(private.wavenumbers))
        private_x = private.wavenumbers[::step]
        _add_line(plot, private_x, median[::step], "private, median", draw.VERMILION, "longdash")
        if np.array_equal(private.wavenumbers, data.wavenumbers):
            numbers["private_q0.50"] = median
        summary += ALL_ROWS_PRIVATE
    return Figure("spectra", "All spectra", summary, plot, numbers)


def _hole_figure(data: SpectralData, holes: list[HoleSpectra]) -> Figure:
    plot = draw.wavenumber_figure(420, data.wavenumbers, "absorbance")
    drawn = slice(None, None, _step(len(data.wavenumbers)))
    x = data.wavenumbers[drawn]
    tables = []
    shown = []
    for order, hole in enumerate(holes[:MAX_CSV_HOLES]):
        levels = quantiles(data.spectra[hole.rows], (0.05, 0.5, 0.95))
        columns = {challenge().group: hole.name, "rows": len(hole.rows), "wavenumber": data.wavenumbers}
        tables.append(pd.DataFrame(columns | dict(zip(("q0.05", "q0.50", "q0.95"), levels, strict=True))))
        if order < draw.MAX_COLOURS:
            shown.append(levels)
            group = {"legendgroup": str(order), "visible": True if order < VISIBLE_HOLES else "legendonly"}
            _add_band(plot, x, levels[0][drawn], levels[2][drawn], draw.COLOURS[order], 0.15, "", **group)
            dash = draw.DASHES[order % len(draw.DASHES)]
            _add_line(plot, x, levels[1][drawn], short_name(hole.name), draw.COLOURS[order], dash, **group)
    plot.update_yaxes(range=_span(data, np.concatenate(shown)))
    numbers = pd.concat(tables, ignore_index=True)
    return Figure("spectra-by-hole", "Spectra by drill hole", HOLE_NOTE, plot, numbers)


def _differences(binned: BinnedData, holes: list[HoleSpectra]) -> Figure:
    names = [hole.name for hole in holes if hole.shape is not None]
    medians = np.array([hole.shape for hole in holes if hole.shape is not None])
    differences = medians - np.median(medians, axis=0)
    numbers = pd.DataFrame(differences, columns=[f"{value:.1f}" for value in binned.wavenumbers])
    numbers.insert(0, challenge().group, names)
    drawn = sorted(range(min(len(names), draw.DRAWN_HOLES)), reverse=True)
    limit = float(np.quantile(np.abs(differences), 0.99)) or 1.0
    height = int(np.clip(150 + 15 * len(drawn), 230, 900))
    plot = draw.new_figure(height, xaxis=draw.wavenumber_axis(binned.wavenumbers))
    plot.update_yaxes(type="category", title_text="drill hole")
    look = {"colorscale": draw.DIVERGING, "zmin": -limit, "zmax": limit, "colorbar": {"title": {"text": "SNV"}}}
    hover = "%{y}<br>%{x:.0f} cm-1: %{z:.3f}<extra></extra>"
    rows = unique_names([short_name(names[row], 18) for row in drawn])
    plot.add_heatmap(x=binned.wavenumbers, y=rows, z=differences[drawn], hovertemplate=hover, **look)
    summary = DIFFERENCES
    if len(names) > draw.DRAWN_HOLES:
        summary += SOME_HOLES_NOTE.format(drawn=draw.DRAWN_HOLES, holes=len(names))
    return Figure("holes", "Each hole compared with all holes", summary, plot, numbers)


def _findings(data: SpectralData) -> list[PageFinding]:
    findings = [PageFinding("bad", "file", f"{data.path.name}: {problem}", "spectra") for problem in data.problems]
    empty = np.isnan(data.spectra)

    def add(level: Level, name: str, message: str, **values: object) -> None:
        findings.append(PageFinding(level, name, message, "spectra", values))

    if empty.any():
        rows, channels = int(empty.any(axis=1).sum()), int(empty.any(axis=0).sum())
        row, channel = np.argwhere(empty)[0]
        first = f"index {short_name(data.index[row])}, channel {data.wavenumbers[channel]:g}"
        cells = count(int(empty.sum()), "cell of the spectra is not a number", "cells of the spectra are not numbers")
        message = (
            f"{cells}, in {count(rows, 'row')} and {count(channels, 'channel')} (the first: {first}); submissions fail "
            "on such cells"
        )
        add("bad", "empty channels", message, cells=int(empty.sum()), rows=rows, channels=channels)
    not_empty = data.spectra[:, ~empty.all(axis=0)]
    constant = int((np.nanmin(not_empty, axis=0) == np.nanmax(not_empty, axis=0)).sum())
    if data.rows > 1 and constant:
        message = f"{count(constant, 'channel has', 'channels have')} the same value in all rows"
        add("bad", "constant channels", message, channels=constant)
    complete = data.spectra[~empty.any(axis=1)]
    flat = int((np.ptp(complete, axis=1) == 0).sum())
    if flat and len(data.wavenumbers) > 1:
        message = f"{count(flat, 'row has', 'rows have')} the same value in all channels, which is not a spectrum"
        add("bad", "flat spectra", message, rows=flat)
    if runs := find_constant_runs(data.spectra):
        message = format_constant_runs(runs, data.wavenumbers, data.index.tolist())
        channels = max(run.channels for run in runs)
        add("bad", "constant runs", f"{message}; no instrument measures that", rows=len(runs), channels=channels)
    repeated = data.rows - len(set(data.index.tolist()))
    if repeated:
        message = f"{count(repeated, 'row has', 'rows have')} the same index as an earlier row"
        add("bad", "index repeated", message, rows=repeated)
    steps = -np.diff(data.wavenumbers)
    if len(steps) and (steps > WIDE_STEP * np.median(steps)).any():
        position = int(np.argmax(steps))
        message = (
            f"there are gaps between the channels; the widest is from {data.wavenumbers[position]:g} to "
            f"{data.wavenumbers[position + 1]:g} cm-1, while the usual step is {np.median(steps):.3g}"
        )
        add("bad", "gaps between channels", message, widest=float(steps[position]), step=float(np.median(steps)))
    median = float(np.nanmedian(not_empty)) if not_empty.size else 0.0
    if median > HIGHEST_MEDIAN:
        message = f"the median of all channels is {median:.3g}; check that the values are absorbances"
        add("bad", "not absorbance", message, median=median)
    if not findings:
        size = f"{count(data.rows, 'row')}, {count(len(data.wavenumbers), 'channel')}"
        message = f"every value of the spectra is a number: {size}"
        add("good", "spectra whole", message, rows=data.rows, channels=len(data.wavenumbers))
    return findings


def _add_band(
    plot: PlotlyFigure, x: Floats, low: Floats, high: Floats, colour: str, opacity: float, name: str, **group: object
) -> None:
    """Add a shaded range, with a legend entry if it has a name."""
    finite = np.isfinite(low) & np.isfinite(high)
    plot.add_scatter(
        x=np.concatenate([x[finite], x[finite][::-1]]),
        y=np.concatenate([low[finite], high[finite][::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=draw.set_opacity(colour, opacity),
        name=name,
        showlegend=bool(name),
        hoverinfo="skip",
        **group,
    )


def _add_line(
    plot: PlotlyFigure, x: Floats, y: Floats, name: str, colour: str, dash: str = "solid", **group: object
) -> None:
    line = {"color": colour, "dash": dash, "width": 2 if dash == "solid" else 1.5}
    hover = "%{x:.0f} cm-1: %{y:.4f}<extra>%{fullData.name}</extra>"
    draw.add_spectrum(plot, x, y, name, line, hovertemplate=hover, **group)


def _span(data: SpectralData, levels: Floats) -> tuple[float, float] | None:
    """Return the axis range for quantiles (levels, channels), ignoring noisy ends, or None if they are constant."""
    values = levels[:, usable_channels(data)]
    values = values[np.isfinite(values)]
    if not len(values) or np.ptp(values) == 0:
        return None
    margin = 0.05 * np.ptp(values)
    return float(values.min() - margin), float(values.max() + margin)


def _step(channels: int) -> int:
    """Return k such that every k-th channel is drawn."""
    return max(1, math.ceil(channels / DRAWN_CHANNELS))
