"""Do the samples make sense down the hole? Intervals that overlap or stand on their head, scores and assays by depth."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import (
    COLOURS,
    DASHES,
    DRAWN_HOLES,
    LOG_TICKS,
    NAMED,
    SEQUENTIAL,
    as_float32,
    new_figure,
    short_name,
    unique_names,
)
from recore.report.reading import SpectralData

if TYPE_CHECKING:
    import pandas as pd

LOGGED = ("CuPPM", "AuPPM", "FePCT", "SPPM", "CaPPM", "KPPM")  # of these the first that are measured
TRACKS = 4
DEPTHS = 80  # steps of the picture of all holes
DRAWN_SAMPLES = 600  # of one hole's log


def section(data: SpectralData, table: "pd.DataFrame | None", holes: list[str]) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it. table: a row for each row with a spectrum, with its scores."""
    reading = (
        "Good: scores and assays that change in steps or slowly, as rock does, and assays that step where scores step. "
        "Bad: a log that is noise from sample to sample (depths and samples do not belong together), a jump at the same "
        "place in all holes (a batch, not a rock), samples that overlap in one hole."
    )
    intervals, found = _intervals(data)
    items: list[Figure | Table] = [Table("intervals", "Holes", "Samples and depths of each hole, in m.", intervals)]
    depths = ((table["DepthFrom"] + table["DepthTo"]) / 2).dropna().to_numpy() if table is not None else data.depth
    depths = depths[np.isfinite(depths)]
    if not len(depths) or np.ptp(depths) == 0:
        note = "No logs are drawn: " + ("no row has a depth." if not len(depths) else "all rows have the same depth.")
        text = note.split(": ")[1].rstrip(".") + ": nothing can be seen along the holes"
        found = [Finding("note", "no depths", text, "depth"), *found]
        return Section("depth", "Depth", reading, items, note), found
    note = (
        f"The logs are of the holes that differ most; of a hole's samples every k-th is drawn, {DRAWN_SAMPLES} at the most. "
        f"The picture of all holes has {DEPTHS} steps of depth, each the mean of its samples."
    )
    if table is not None:
        items = [_all_holes(table), _logs(data, table, holes), *items]
    return Section("depth", "Depth", reading, items, note), found


def _intervals(data: SpectralData) -> tuple["pd.DataFrame", list[Finding]]:
    """Holes with their depths, and what is wrong with the intervals."""
    import pandas as pd

    frame = pd.DataFrame({"SiteID": data.hole, "from": data.depth_from, "to": data.depth_to, "index": data.index})
    ordered = frame.dropna(subset=["from", "to"]).sort_values(["SiteID", "from", "to"], kind="stable")
    before = ordered.groupby("SiteID", sort=False)["to"].cummax().groupby(ordered["SiteID"], sort=False).shift()
    overlap = ordered["from"] < before - 1e-9
    varied = bool(len(ordered)) and bool(np.ptp(ordered[["from", "to"]].to_numpy(), axis=0).any())
    counts = overlap.groupby(ordered["SiteID"]).sum()
    rows = frame.groupby("SiteID", sort=False).agg(
        rows=("index", "size"), shallowest=("from", "min"), deepest=("to", "max"), depths=("from", "count")
    )
    numbers = rows.assign(overlapping=counts.reindex(rows.index).fillna(0).astype(int)).reset_index()
    found = []
    cases = (
        ("bad", "depths missing", frame["from"].isna() | frame["to"].isna(), "{n} rows have no depth (first: {who})"),
        ("bad", "depths reversed", frame["to"] < frame["from"], "{n} rows end above where they start (first: {who})"),
        (
            "bad",
            "depths negative",
            frame["from"] < 0,
            "{n} rows start above the ground, at a negative depth (first: {who})",
        ),
        ("bad", "holes missing", frame["SiteID"] == "", "{n} rows have no hole, SiteID (first: {who})"),
    )
    for level, name, wrong, text in cases:
        if wrong.any():
            row = frame[wrong].iloc[0]
            said = text.format(n=int(wrong.sum()), who=f"index {short_name(row['index'])}")
            found.append(Finding(level, name, said, "depth", {"rows": int(wrong.sum())}))  # type: ignore[arg-type]
    if overlap.any() and varied:
        row = ordered[overlap].iloc[0]
        text = (
            f"{int(overlap.sum())} rows start above the end of another of their hole (first: index {short_name(row['index'])} of "
            f"{short_name(row['SiteID'])}, at {row['from']:g} m): repeats, or a wrong depth"
        )
        found.append(Finding("note", "depths overlap", text, "depth", {"rows": int(overlap.sum())}))
    if len(numbers) == 1:
        text = "there is one hole only: nothing can be said of how a model does on a new one"
        found.append(Finding("bad", "one hole", text, "depth"))
    if not found and varied:
        text = f"{len(numbers)} holes, {numbers['shallowest'].min():g} to {numbers['deepest'].max():g} m; no sample overlaps another"
        found.append(Finding("good", "depths sound", text, "depth", {"holes": len(numbers)}))
    return numbers, found


def _all_holes(table: "pd.DataFrame") -> Figure:
    """The first score by hole and depth."""
    import pandas as pd

    middle = ((table["DepthFrom"] + table["DepthTo"]) / 2).to_numpy()
    known = np.isfinite(middle)
    edges = np.linspace(middle[known].min(), middle[known].max(), DEPTHS + 1)
    step = np.clip(np.searchsorted(edges, middle, "right") - 1, 0, DEPTHS - 1)
    placed = pd.DataFrame({"SiteID": table["SiteID"], "step": step, "PC1": table["PC1"]})[known]
    mean = placed.groupby(["SiteID", "step"], sort=False)["PC1"].agg(["mean", "size"]).reset_index()
    mean.insert(1, "depth", (edges[:-1] + edges[1:])[mean["step"]] / 2)
    names = list(dict.fromkeys(placed["SiteID"]))[:DRAWN_HOLES]
    cells = np.full((DEPTHS, len(names)), np.nan)
    own = mean[mean["SiteID"].isin(names)]
    cells[own["step"], pd.Index(names).get_indexer(own["SiteID"])] = own["mean"]
    low, high = np.quantile(own["mean"], (0.01, 0.99)).tolist()
    plot = new_figure(460, xaxis={"type": "category", "title": {"text": "drill hole"}})
    plot.update_yaxes(autorange="reversed", title_text="depth (m)")
    plot.add_heatmap(
        x=unique_names([short_name(name, 18) for name in names]),
        y=as_float32((edges[:-1] + edges[1:]) / 2),
        z=as_float32(cells),
        colorscale=SEQUENTIAL,
        zmin=low,
        zmax=high,
        hoverongaps=False,
        colorbar={"title": {"text": "PC1"}},
        hovertemplate="%{x}, %{y:.0f} m: PC1 %{z:.2f}<extra></extra>",
    )
    words = "The first component's score by hole and depth: like colours are like spectra."
    if len(names) < placed["SiteID"].nunique():
        words += f" The first {len(names)} holes of the file."
    numbers = mean.rename(columns={"mean": "PC1", "size": "rows"})[["SiteID", "depth", "rows", "PC1"]]
    return Figure("scores-by-depth", "Scores by hole and depth", words, plot, numbers)


def _logs(data: SpectralData, table: "pd.DataFrame", holes: list[str]) -> Figure:
    """Tracks side by side over one depth: scores, and the first of the assays of most weight that are measured."""
    from plotly.subplots import make_subplots

    measured = [name for name in LOGGED if name in data.assays and data.assays[name].notna().any()]
    scores = [name for name in ("PC1", "PC2") if name in table]
    tracks = [*scores, *measured[: TRACKS - len(scores)]]
    numbers = table[["index", "SiteID", "DepthFrom", "DepthTo", *scores]].copy()
    for name in tracks[len(scores) :]:
        numbers[name] = data.assays[name].loc[table.index]
    numbers.insert(4, "depth", (numbers["DepthFrom"] + numbers["DepthTo"]) / 2)
    plot = make_subplots(1, len(tracks), shared_yaxes=True, horizontal_spacing=0.03, figure=new_figure(620))
    plot.update_yaxes(autorange="reversed")
    plot.update_yaxes(title_text="depth (m)", col=1)
    for column, name in enumerate(tracks, 1):
        plot.update_xaxes(title_text=name, col=column, nticks=4)
        if name in measured:
            plot.update_xaxes(LOG_TICKS if _decades(numbers[name]) < 1.5 else {"type": "log", "dtick": 1}, col=column)
    for order, hole in enumerate(holes[:NAMED]):
        own = numbers[numbers["SiteID"] == hole].dropna(subset=["depth"]).sort_values("depth", kind="stable")
        own = own.iloc[:: max(1, -(-len(own) // DRAWN_SAMPLES))]
        for column, name in enumerate(tracks, 1):
            plot.add_scatter(
                x=as_float32(own[name].to_numpy()),
                y=as_float32(own["depth"].to_numpy()),
                mode="lines",
                name=short_name(hole),
                legendgroup=str(order),
                showlegend=column == 1,
                visible=True if order < 2 else "legendonly",
                line={"color": COLOURS[order], "dash": DASHES[order % len(DASHES)], "width": 1.5},
                hovertemplate=f"%{{y:.1f}} m: {name} %{{x:.4g}}<extra>%{{fullData.name}}</extra>",
                row=1,
                col=column,
            )
    words = "Single holes down their depth: scores of the spectra, and assays. Click on a name to see or to hide it."
    return Figure("logs", "Logs", words, plot, numbers)


def _decades(values: "pd.Series[float]") -> float:
    """Over how many powers of ten positive values spread, but for one in a hundred at either end."""
    positive = values[values > 0]
    return float(np.ptp(np.log10(positive.quantile([0.01, 0.99])))) if len(positive) else 0.0
