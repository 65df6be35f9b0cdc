"""Section on outliers: principal components of the spectra, Hotelling's T2 and Q residuals."""

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.listing import count
from recore.production.containers.domain import CONFIDENCE
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table, short_name
from recore.report.statistics import BinnedData, Components
from recore.schema import DEPTH_FROM, DEPTH_TO
from recore.spectral_data import Floats

DRAWN_LOADINGS = 3
DRAWN_SPECTRA = 5  # spectra drawn: those furthest beyond a limit
FAR_RATIO, VERY_FAR_RATIO = 3.0, 10.0  # distance, relative to a limit
MAX_OUTLIERS = 0.03  # a larger share of rows beyond a limit is a note
LOWEST_Q = 1e-6  # times its limit; the axis starts here, because Q is 0 if the components explain a row completely

TITLE = "Components and outliers"
READING = (
    "Spectra are compared after SNV. Good: one cloud, or a cloud for each rock type, with several holes in each; about "
    "1% of the rows beyond each limit, in different holes. Bad: a hole or a sequence of rows that is separate from all "
    "others (instrument, preparation, wrong sample), or rows far beyond a limit, especially the limit of Q, which is "
    "large if a row has a feature that no other row has. Loadings show the bands in which rows differ: smooth loadings "
    "indicate minerals, jagged loadings noise, and a peak at carbon dioxide indicates air."
)
NOTE = (
    "{kept} {explained:.1%} of the variance of {rows} in {bins} of {width}. The limits are at {confidence:.0%}: T2 by "
    "the F distribution, Q by Box's chi-square approximation (1954). Both hold for rows to which the components were "
    "not fitted: in a file of a hundred rows or fewer, hardly any row is beyond a limit."
)
THINNING_NOTE = (
    " The figures show at most {points:,} of the rows beyond a limit, and as many other rows; the CSV files contain "
    "all rows."
)
SCORES = "Each point is a row; rows close to each other have similar spectra. Colours: the holes that differ most."
LOADINGS = "The bands in which rows differ: a score adds its loading to the mean spectrum. The first three components."
LIMITS = (
    "Beyond a limit (dashed): {beyond} of {rows}. On the right: rows with extreme values of common features. At the "
    "top: rows with features that no other row has."
)
OUTLIER_NOTE = "SNV spectra of the rows furthest beyond a limit, and the median of all rows."


def section(binned: BinnedData, holes: list[str]) -> tuple[Section, pd.DataFrame | None]:
    """Return the section and the table of rows; the table is None if components cannot be fitted."""
    try:
        model = Components(binned.values)
    except ValueError as error:
        return Section("components", TITLE, READING, (), f"Not drawn: {error}."), None
    table = row_table(binned, model)
    outliers = np.asarray((table["T2"] > model.t2_limit) | (table["Q"] > model.q_limit))
    ratio = np.fmax(table["T2"] / model.t2_limit, table["Q"] / model.q_limit).to_numpy()
    note = NOTE.format(
        kept=count(model.kept, "component explains", "components explain"),
        explained=model.shares.sum(),
        rows=count(len(binned.values), "row"),
        bins=count(len(binned.wavenumbers), "bin"),
        width=count(binned.width, "channel"),
        confidence=CONFIDENCE,
    )
    if len(table) > draw.SHOWN_POINTS:
        note += THINNING_NOTE.format(points=draw.SHOWN_POINTS)
    items: list[Figure | Table] = [
        _scores(table, model, holes, outliers),
        _loadings(binned, model),
        _limits(table, model, outliers),
    ]
    if outliers.any():
        outlier_rows = np.argsort(-np.where(outliers, ratio, -1), kind="stable")[: outliers.sum()]
        items += [_outlying_spectra(binned, table, outlier_rows), _outlying_rows(table, model, outlier_rows)]
    return Section("components", TITLE, READING, items, note, _findings(table, model, outliers, ratio)), table


def row_table(binned: BinnedData, model: Components) -> pd.DataFrame:
    """Return the IDs, scores, T2 and Q of each row with a valid spectrum, indexed by row number."""
    scores = {f"PC{order + 1}": column for order, column in enumerate(model.scores(binned.values).T)}
    distances = {"T2": model.t2(binned.values), "Q": model.q(binned.values)}
    return binned.data.ids.iloc[binned.rows].assign(**scores, **distances)


def row_labels(table: pd.DataFrame) -> list[str]:
    """Return each row's hover label with its IDs."""
    depths = [""] * len(table)
    if challenge().depths:
        depths = [f", {low:g} to {high:g} m" for low, high in zip(table[DEPTH_FROM], table[DEPTH_TO], strict=True)]
    ids = zip(table["index"], table[challenge().group], depths, strict=True)
    return [f"index {short_name(index)}, {short_name(hole)}{depth}" for index, hole, depth in ids]


def _scores(table: pd.DataFrame, model: Components, holes: list[str], outliers: np.ndarray) -> Figure:
    """Draw the scores. The first NAMED holes have their own markers; the other holes form one series behind them."""
    group = challenge().group
    second, title = ("PC2", f"PC2, {model.shares[1]:.0%}") if model.kept > 1 else ("T2", "T2")
    share = f"PC1, {model.shares[0]:.0%} of the variance"
    plot = draw.new_figure(460, xaxis_title_text=share, yaxis_title_text=title)
    drawn = table.iloc[draw.thin_out(len(table), outliers)]
    named = holes[: draw.MAX_COLOURS]
    series = [(short_name(name), drawn[group] == name, draw.COLOURS[order], 7, 0.9) for order, name in enumerate(named)]
    if len(holes) > draw.MAX_COLOURS:
        others = count(len(holes) - draw.MAX_COLOURS, "other hole")
        series.append((others, ~drawn[group].isin(named), draw.GREY, 4, 0.6))
    for order, (name, mask, colour, size, opacity) in reversed(list(enumerate(series))):
        rows = drawn[mask]
        marker = {"color": colour, "symbol": draw.SYMBOLS[order], "size": size, "opacity": opacity}
        hover = f"%{{text}}<br>PC1 %{{x:.3g}}, {second} %{{y:.3g}}<extra></extra>"
        draw.add_points(plot, rows["PC1"], rows[second], name, hover, marker, text=row_labels(rows), legendrank=order)
    return Figure("scores", "Scores by drill hole", SCORES, plot, table)


def _loadings(binned: BinnedData, model: Components) -> Figure:
    names = [f"PC{order + 1}" for order in range(model.kept)]
    numbers = pd.DataFrame({"wavenumber": binned.wavenumbers} | dict(zip(names, model.loadings, strict=True)))
    plot = draw.wavenumber_figure(320, binned.wavenumbers, "loading")
    for order, name in enumerate(names[:DRAWN_LOADINGS]):
        draw.add_spectrum(plot, binned.wavenumbers, model.loadings[order], name, draw.numbered_line(order, 2))
    return Figure("loadings", "Loadings", LOADINGS, plot, numbers)


def _limits(table: pd.DataFrame, model: Components, outliers: np.ndarray) -> Figure:
    plot = draw.new_figure(400, showlegend=True, xaxis=draw.LOG_TICKS, yaxis=draw.LOG_TICKS)
    plot.update_layout(xaxis_title_text="T2 / its limit", yaxis_title_text="Q / its limit")
    numbers = table[["index", challenge().group, *challenge().depths, "T2", "Q"]].copy()
    numbers["T2_limit"], numbers["Q_limit"] = model.t2_limit, model.q_limit
    q_limit = model.q_limit if np.isfinite(model.q_limit) else 1.0
    t2, q = table["T2"].to_numpy() / model.t2_limit, table["Q"].to_numpy() / q_limit
    drawn_q, outside = draw.clip_to_axis(q, LOWEST_Q, np.inf)
    for name, mask, marker in draw.split_marked("within both limits", "beyond a limit", outliers):
        marker |= {"opacity": 0.85, "symbol": draw.edge_symbols(outside[mask], marker["symbol"], "y")}
        hover = "%{text}<br>T2 %{x:.3g}, Q %{customdata:.3g} of their limits<extra></extra>"
        labels = {"text": row_labels(table.iloc[mask]), "customdata": q[mask]}
        draw.add_points(plot, t2[mask], drawn_q[mask], name, hover, marker, **labels)
    for add_line in (plot.add_vline, plot.add_hline):
        add_line(1, line={"color": draw.GREY, "dash": "dash"})
    summary = LIMITS.format(beyond=f"{outliers.sum():,}", rows=count(len(table), "row")) + draw.count_outside(outside)
    return Figure("outliers", "Hotelling's T2 and Q residuals", summary, plot, numbers)


def _outlying_spectra(binned: BinnedData, table: pd.DataFrame, outlier_rows: np.ndarray) -> Figure:
    median = np.median(binned.values, axis=0)
    numbers = pd.DataFrame({"wavenumber": binned.wavenumbers, "median": median})
    plot = draw.wavenumber_figure(380, binned.wavenumbers, "SNV")
    draw.add_spectrum(plot, binned.wavenumbers, median, "median of all", {"color": draw.GREY, "width": 3})
    for order, row in enumerate(outlier_rows[:DRAWN_SPECTRA]):
        index = table["index"].iloc[row]
        numbers[f"index {index}"] = binned.values[row]
        line = {"color": draw.COLOURS[order], "dash": draw.DASHES[(order + 1) % len(draw.DASHES)], "width": 1.5}
        draw.add_spectrum(plot, binned.wavenumbers, binned.values[row], f"index {short_name(index, 12)}", line)
    return Figure("outlying-spectra", "The most outlying spectra", OUTLIER_NOTE, plot, numbers)


def _outlying_rows(table: pd.DataFrame, model: Components, outlier_rows: np.ndarray) -> Table:
    numbers = table.iloc[outlier_rows][["index", challenge().group, *challenge().depths, "T2", "Q"]].copy()
    numbers["T2 / limit"], numbers["Q / limit"] = numbers["T2"] / model.t2_limit, numbers["Q"] / model.q_limit
    return Table("outlying-rows", "Rows beyond a limit", "Sorted by distance beyond the limit.", numbers)


def _findings(table: pd.DataFrame, model: Components, outliers: np.ndarray, ratio: Floats) -> list[PageFinding]:
    """Return the finding on outliers. ratio: the larger of T2 / its limit and Q / its limit, for each row."""
    t2, q = float((table["T2"] > model.t2_limit).mean()), float((table["Q"] > model.q_limit).mean())
    rows = int(outliers.sum())
    values = {"rows": rows, "share_t2": t2, "share_q": q, "furthest": float(ratio.max())}
    message = (
        f"{rows:,} of {count(len(table), 'row')} {'is' if rows == 1 else 'are'} beyond the limit of T2 ({t2:.1%}) or Q "
        f"({q:.1%}); about 1% is usual for each"
    )
    if ratio.max() > FAR_RATIO:
        row = table.iloc[int(np.argmax(ratio))]
        hole, times = short_name(row[challenge().group]), f"{ratio.max():.3g} times the limit"
        message += f"; the furthest is index {short_name(row['index'])} in drill hole {hole}, at {times}"
    level: Level = "good"
    if ratio.max() > VERY_FAR_RATIO:
        level = "bad"
    elif ratio.max() > FAR_RATIO or outliers.mean() > MAX_OUTLIERS:
        level = "note"
    return [PageFinding(level, "outliers", message, "components", values)]
