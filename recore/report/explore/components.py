"""Which rows are unlike the others? Principal components of the spectra's shapes, Hotelling's T2, and the residual Q."""

from typing import TYPE_CHECKING, Any

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import (
    BLUE,
    COLOURS,
    DASHES,
    GREY,
    LOG_TICKS,
    NAMED,
    SYMBOLS,
    VERMILION,
    as_float32,
    new_figure,
    short_name,
    thin_out,
)
from recore.report.page.regions import mark_regions, wavenumber_axis
from recore.report.reading import SpectralData
from recore.report.statistics.binning import Binned
from recore.report.statistics.pca import Components, fit_components

if TYPE_CHECKING:
    import pandas as pd


def section(data: SpectralData, shapes: Binned, holes: list[str]) -> tuple[Section, list[Finding], "Components | None"]:
    """The section, what was found in it, and the components for whoever compares with them."""
    reading = (
        "Spectra are compared by their shape (SNV). Good: one cloud, or clouds that are kinds of rock and hold several "
        "holes each; about one row in a hundred beyond each limit, scattered over the holes. Bad: a hole or a run of rows "
        "apart from all others (instrument, preparation, wrong sample), rows far beyond a limit, most of all beyond that "
        "of Q, which sees what no other row has. Loadings say by which bands rows differ: smooth ones are minerals, a "
        "saw is noise, a peak at carbon dioxide is air."
    )
    try:
        model = fit_components(shapes.values)
    except ValueError as error:
        return Section("components", "Components and outliers", reading, (), f"Not drawn: {error}."), [], None
    table = row_table(data, shapes, model)
    beyond = beyond_limits(table, model)
    note = (
        f"{model.kept} components explain {model.shares.sum():.1%} of the variance of {len(shapes.values)} rows in "
        f"{len(shapes.wavenumbers)} bins of {shapes.width} channels. Drawn: rows beyond a limit, and every k-th of the "
        "others, some 3,000 at the most; the CSV file holds all. Limits at 99 %: T2 by the F distribution, Q by Jackson "
        "and Mudholkar (1979), both for rows that the components have not seen: of a hundred rows or fewer, which the "
        "components have seen, hardly one goes beyond."
    )
    items = [
        _scores(table, model, holes, beyond),
        _loadings(shapes, model),
        _limits(table, model, beyond),
        _outlying(data, shapes, table, model, beyond),
        _table(table, model, beyond),
    ]
    made = Section("components", "Components and outliers", reading, [item for item in items if item], note)
    return made, _findings(table, model, beyond), model


def row_table(data: SpectralData, shapes: Binned, model: Components) -> "pd.DataFrame":
    """A row of numbers for each row of the file that has a spectrum: who it is, scores, T2, Q. Its index: the file's rows."""
    import pandas as pd

    rows = shapes.rows
    identity = {"index": data.index[rows], "SiteID": data.hole[rows]}
    depth = {"DepthFrom": data.depth_from[rows], "DepthTo": data.depth_to[rows]}
    scores = {f"PC{order + 1}": column for order, column in enumerate(model.scores(shapes.values).T)}
    far = {"T2": model.t2(shapes.values), "Q": model.q(shapes.values)}
    return pd.DataFrame(identity | depth | scores | far, index=rows)


def beyond_limits(table: "pd.DataFrame", model: Components) -> np.ndarray:
    """Which rows lie beyond a limit."""
    beyond: np.ndarray = ((table["T2"] > model.t2_limit) | (table["Q"] > model.q_limit)).to_numpy()
    return beyond


def labels(table: "pd.DataFrame") -> list[str]:
    """Who each row is, for a hover label."""
    who = zip(table["index"], table["SiteID"], table["DepthFrom"], table["DepthTo"], strict=True)
    return [f"index {short_name(index)}, {short_name(hole)}, {low:g} to {high:g} m" for index, hole, low, high in who]


def clouds(plot: Any, table: "pd.DataFrame", holes: list[str], x: str, y: str) -> None:
    """Points by hole: the first NAMED with a colour and a sign of their own, the others together."""
    named = holes[:NAMED]
    names = [*named, None] if len(holes) > NAMED else named
    for order, name in reversed(list(enumerate(names))):
        own = table[table["SiteID"] == name] if name is not None else table[~table["SiteID"].isin(named)]
        plot.add_scatter(
            x=as_float32(own[x].to_numpy()),
            y=as_float32(own[y].to_numpy()),
            mode="markers",
            name=short_name(name) if name is not None else f"{len(holes) - NAMED} other holes",
            marker={
                "color": COLOURS[order] if name is not None else GREY,
                "symbol": SYMBOLS[order],
                "size": 7 if name is not None else 4,
                "opacity": 0.9 if name is not None else 0.6,
            },
            text=labels(own),
            hovertemplate=f"%{{text}}<br>{x} %{{x:.3g}}, {y} %{{y:.3g}}<extra></extra>",
            legendrank=order,
        )


def _scores(table: "pd.DataFrame", model: Components, holes: list[str], beyond: np.ndarray) -> Figure:
    second = "PC2" if model.kept > 1 else "T2"
    plot = new_figure(
        460,
        xaxis={"title": {"text": f"PC1, {model.shares[0]:.0%} of the variance"}},
        yaxis={"title": {"text": f"PC2, {model.shares[1]:.0%}" if model.kept > 1 else "T2"}},
    )
    clouds(plot, table.iloc[thin_out(len(table), beyond)], holes, "PC1", second)
    words = "Each point a row; near points have spectra of like shape. Colours: the holes that differ most."
    return Figure("scores", "Scores by drill hole", words, plot, table)


def _loadings(shapes: Binned, model: Components) -> Figure:
    import pandas as pd

    numbers = pd.DataFrame({"wavenumber": shapes.wavenumbers})
    plot = new_figure(320, xaxis=wavenumber_axis(shapes.wavenumbers), yaxis={"title": {"text": "loading"}})
    mark_regions(plot, shapes.wavenumbers)
    for order, loading in enumerate(model.loadings):
        numbers[f"PC{order + 1}"] = loading
        if order < 3:
            plot.add_scatter(
                x=as_float32(shapes.wavenumbers),
                y=as_float32(loading),
                mode="lines",
                name=f"PC{order + 1}",
                line={"color": COLOURS[order], "dash": DASHES[order]},
                hovertemplate="%{x:.0f} cm-1: %{y:.3f}<extra>%{fullData.name}</extra>",
            )
    words = "By which bands rows differ: what a score adds to the mean spectrum. The first three components."
    return Figure("loadings", "Loadings", words, plot, numbers)


def _limits(table: "pd.DataFrame", model: Components, beyond: np.ndarray) -> Figure:
    plot = new_figure(
        400,
        showlegend=True,
        xaxis={"title": {"text": "T2 / its limit"}} | LOG_TICKS,
        yaxis={"title": {"text": "Q / its limit"}} | LOG_TICKS,
    )
    numbers = table[["index", "SiteID", "DepthFrom", "DepthTo", "T2", "Q"]].copy()
    numbers["T2_limit"], numbers["Q_limit"] = model.t2_limit, model.q_limit
    drawn = np.zeros(len(table), dtype=bool)
    drawn[thin_out(len(table), beyond)] = True
    q_limit = model.q_limit if np.isfinite(model.q_limit) else 1.0
    for name, chosen, colour, symbol in (
        ("within both limits", drawn & ~beyond, BLUE, "circle"),
        ("beyond a limit", drawn & beyond, VERMILION, "diamond"),
    ):
        own = table[chosen]
        plot.add_scatter(
            x=as_float32(own["T2"].to_numpy() / model.t2_limit),
            y=as_float32(np.maximum(own["Q"].to_numpy(), 1e-30) / q_limit),
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.85},
            text=labels(own),
            hovertemplate="%{text}<br>T2 %{x:.3g}, Q %{y:.3g} of their limits<extra></extra>",
        )
    for line in (plot.add_vline, plot.add_hline):
        line(1, line={"color": GREY, "dash": "dash"})
    words = (
        f"{int(beyond.sum())} of {len(table)} rows lie beyond a limit (dashed). To the right: much of what others have too. "
        "Above: something that no other row has."
    )
    return Figure("outliers", "Hotelling's T2 and Q", words, plot, numbers)


def _outlying(
    data: SpectralData, shapes: Binned, table: "pd.DataFrame", model: Components, beyond: np.ndarray
) -> Figure | None:
    """The spectra of the rows that are furthest out."""
    import pandas as pd

    if not beyond.any():
        return None
    furthest = _order(table, model, beyond)[:5]
    middle = np.median(shapes.values, axis=0)
    numbers = pd.DataFrame({"wavenumber": shapes.wavenumbers, "median": middle})
    plot = new_figure(380, xaxis=wavenumber_axis(shapes.wavenumbers), yaxis={"title": {"text": "SNV"}})
    mark_regions(plot, shapes.wavenumbers)
    names = ["median of all", *(f"index {short_name(table['index'].iloc[row], 12)}" for row in furthest)]
    for order, (name, line) in enumerate(zip(names, [middle, *shapes.values[furthest]], strict=True)):
        if order:
            numbers[f"index {table['index'].iloc[furthest[order - 1]]}"] = line
        plot.add_scatter(
            x=as_float32(shapes.wavenumbers),
            y=as_float32(line),
            mode="lines",
            name=name,
            line={
                "color": COLOURS[order - 1] if order else GREY,
                "dash": DASHES[order % 5],
                "width": 1.5 if order else 3,
            },
            hovertemplate="%{x:.0f} cm-1: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    words = "The rows furthest beyond a limit, after SNV, with the median of all: what is odd about them?"
    return Figure("outlying-spectra", "The most outlying spectra", words, plot, numbers)


def _order(table: "pd.DataFrame", model: Components, beyond: np.ndarray) -> np.ndarray:
    """Rows beyond a limit, the furthest first."""
    far = np.fmax(table["T2"] / model.t2_limit, table["Q"] / model.q_limit).to_numpy()
    order: np.ndarray = np.argsort(-np.where(beyond, far, -1), kind="stable")[: int(beyond.sum())]
    return order


def _table(table: "pd.DataFrame", model: Components, beyond: np.ndarray) -> Table | None:
    if not beyond.any():
        return None
    chosen = table.iloc[_order(table, model, beyond)]
    numbers = chosen[["index", "SiteID", "DepthFrom", "DepthTo", "T2", "Q"]].copy()
    numbers["T2 / limit"], numbers["Q / limit"] = numbers["T2"] / model.t2_limit, numbers["Q"] / model.q_limit
    return Table("outlying-rows", "Rows beyond a limit", "The furthest first.", numbers)


def _findings(table: "pd.DataFrame", model: Components, beyond: np.ndarray) -> list[Finding]:
    t2, q = float((table["T2"] > model.t2_limit).mean()), float((table["Q"] > model.q_limit).mean())
    far = np.fmax(table["T2"] / model.t2_limit, table["Q"] / model.q_limit).to_numpy()
    values = {"rows": int(beyond.sum()), "share_t2": t2, "share_q": q, "furthest": float(far.max())}
    text = f"{int(beyond.sum())} of {len(table)} rows lie beyond the limit of T2 ({t2:.1%}) or Q ({q:.1%}); 1 % each is usual"
    if far.max() > 3:
        row = table.iloc[int(np.argmax(far))]
        text += f"; the furthest, index {short_name(row['index'])} of {short_name(row['SiteID'])}, by a factor of {far.max():.3g}"
    level = "bad" if far.max() > 10 else "note" if beyond.mean() > 0.03 or far.max() > 3 else "good"
    return [Finding(level, "outliers", text, "components", values)]  # type: ignore[arg-type]
