"""Section on the samples in each drill hole: depth intervals, and scores and assays by depth."""

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.listing import count
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table, short_name, unique_names
from recore.spectral_data import Floats, SpectralData

TRACKS = 4
DEPTH_STEPS = 80  # depth ranges in the figure of all holes
DRAWN_SAMPLES = 600  # maximum in the log of one hole
VISIBLE_HOLES = 2  # holes shown when the page is opened

TITLE = "Depth"
READING = (
    "Good: scores and assays change slowly or in steps, as rock does, and assays change where scores change. Bad: a "
    "log that looks like noise from sample to sample (depths and samples are mismatched), a jump at the same depth in "
    "all holes (a batch effect, not a change of rock), or overlapping samples in a hole."
)
NOTE = (
    "The logs show the holes that differ most; at most {samples} samples of each hole are drawn. The figure of all "
    "holes shows the mean of the samples in each of {steps} equal ranges of depth."
)
NO_DEPTH, ONE_DEPTH = "no row has a depth", "all rows have the same depth"
NOT_DRAWN = "No logs are drawn: {reason}."
ALL_HOLES = "Score on the first component by hole and depth; similar colours mean similar spectra."
FIRST_HOLES = " The first {drawn} of {holes} holes."
LOGS = "Scores and assays of individual holes by depth. Click a legend entry to show or hide a hole."


def section(data: SpectralData, table: "pd.DataFrame | None", holes: list[str]) -> Section:
    """Return the section. table: the result of components.row_table, or None without components."""
    intervals, findings = _intervals(data)
    if not challenge().depths:
        holes_only = Table("intervals", "Holes", "Samples of each hole.", intervals[[challenge().group, "rows"]])
        return Section("depth", "Drill holes", "", [holes_only], "", findings)
    items: list[Figure | Table] = [Table("intervals", "Holes", "Samples and depths (m) of each hole.", intervals)]
    depth = data.depth if table is None else data.depth[table.index]
    depths = depth[np.isfinite(depth)]
    if not len(depths) or np.ptp(depths) == 0:
        reason = ONE_DEPTH if len(depths) else NO_DEPTH
        message = f"{reason}, so no logs can be drawn"
        findings.insert(0, PageFinding("note", "no depths", message, "depth"))
        return Section("depth", TITLE, READING, items, NOT_DRAWN.format(reason=reason), findings)
    if table is not None:
        items = [_all_holes(table, depth), _logs(data, table, holes), *items]
    return Section("depth", TITLE, READING, items, NOTE.format(samples=DRAWN_SAMPLES, steps=DEPTH_STEPS), findings)


def _intervals(data: SpectralData) -> tuple[pd.DataFrame, list[PageFinding]]:
    group = challenge().group
    frame = pd.DataFrame({group: data.hole, "from": data.depth_from, "to": data.depth_to, "index": data.index})
    known = frame.dropna(subset=["from", "to"]).sort_values([group, "from", "to"], kind="stable")
    deepest_before = known.groupby(group, sort=False)["to"].cummax().groupby(known[group], sort=False).shift()
    overlapping = known["from"] < deepest_before - 1e-9
    counts = overlapping.groupby(known[group]).sum()
    holes = frame.groupby(group, sort=False).agg(
        rows=("index", "size"), shallowest=("from", "min"), deepest=("to", "max"), depths=("from", "count")
    )
    holes = holes.assign(overlapping=counts.reindex(holes.index).fillna(0).astype(int)).reset_index()
    cases: list[tuple[Level, str, pd.Series[bool], str]] = [
        ("bad", "holes missing", frame[group] == "", f"no hole ({group})")
    ]
    depth_findings: list[tuple[Level, str, pd.Series[bool], str]] = [
        ("bad", "depths missing", frame["from"].isna() | frame["to"].isna(), "no depth"),
        ("bad", "depths reversed", frame["to"] < frame["from"], "an end shallower than the start"),
        ("bad", "depths negative", frame["from"] < 0, "a negative depth, above the ground"),
    ]
    findings = []
    for level, name, is_wrong, message in [*(depth_findings if challenge().depths else []), *cases]:
        if is_wrong.any():
            rows, first = int(is_wrong.sum()), short_name(frame["index"][is_wrong].iloc[0])
            message = f"{count(rows, 'row has', 'rows have')} {message} (the first: index {first})"
            findings.append(PageFinding(level, name, message, "depth", {"rows": rows}))
    depths_vary = len(known) > 0 and bool(np.ptp(known[["from", "to"]].to_numpy(), axis=0).any())
    if overlapping.any() and depths_vary:
        row = known[overlapping].iloc[0]
        rows_overlap = count(int(overlapping.sum()), "row overlaps", "rows overlap")
        message = (
            f"{rows_overlap} another row of the same hole (the first: index {short_name(row['index'])} "
            f"in hole {short_name(row[group])}, at {row['from']:g} m): repeated samples or wrong depths"
        )
        findings.append(PageFinding("note", "depths overlap", message, "depth", {"rows": int(overlapping.sum())}))
    if len(holes) == 1:
        message = "there is only one hole, so the performance of a model on new holes cannot be estimated"
        findings.append(PageFinding("bad", "one hole", message, "depth"))
    if not findings and depths_vary:
        depths = f"{holes['shallowest'].min():g} to {holes['deepest'].max():g} m"
        message = f"{count(len(holes), 'hole')}, {depths}; no sample overlaps another"
        findings.append(PageFinding("good", "depths sound", message, "depth", {"holes": len(holes)}))
    return holes, findings


def _all_holes(table: pd.DataFrame, depth: Floats) -> Figure:
    group = challenge().group
    known = np.isfinite(depth)
    edges = np.linspace(depth[known].min(), depth[known].max(), DEPTH_STEPS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    step = np.clip(np.searchsorted(edges, depth, "right") - 1, 0, DEPTH_STEPS - 1)
    samples = pd.DataFrame({group: table[group], "step": step, "PC1": table["PC1"]})[known]
    means = samples.groupby([group, "step"], sort=False)["PC1"].agg(["mean", "size"]).reset_index()
    means.insert(1, "depth", middles[means["step"]])
    holes = samples[group].unique()
    names = holes[: draw.DRAWN_HOLES].tolist()
    drawn = means[means[group].isin(names)]
    cells = np.full((DEPTH_STEPS, len(names)), np.nan)
    cells[drawn["step"], pd.Index(names).get_indexer(drawn[group])] = drawn["mean"]
    low, high = np.quantile(drawn["mean"], (0.01, 0.99)).tolist()
    plot = draw.new_figure(460, xaxis={"type": "category", "title": {"text": "drill hole"}})
    plot.update_yaxes(autorange="reversed", title_text="depth (m)")
    look = {"colorscale": draw.SEQUENTIAL, "zmin": low, "zmax": high, "colorbar": {"title": {"text": "PC1"}}}
    hover = "%{x}, %{y:.0f} m: PC1 %{z:.2f}<extra></extra>"
    columns = unique_names([short_name(name, 18) for name in names])
    plot.add_heatmap(x=columns, y=middles, z=cells, hoverongaps=False, hovertemplate=hover, **look)
    summary = ALL_HOLES
    if len(names) < len(holes):
        summary += FIRST_HOLES.format(drawn=len(names), holes=len(holes))
    numbers = means.rename(columns={"mean": "PC1", "size": "rows"})[[group, "depth", "rows", "PC1"]]
    return Figure("scores-by-depth", "Scores by hole and depth", summary, plot, numbers)


def _logs(data: SpectralData, table: pd.DataFrame, holes: list[str]) -> Figure:
    group = challenge().group
    from plotly.subplots import make_subplots

    by_weight = sorted(challenge().targets, key=challenge().weights.__getitem__, reverse=True)
    measured = [name for name in by_weight if name in data.assays and data.assays[name].notna().any()]
    scores = [name for name in ("PC1", "PC2") if name in table]
    assays = measured[: TRACKS - len(scores)]
    numbers = table[["index", group, *challenge().depths, *scores]].copy()
    numbers.insert(4, "depth", data.depth[table.index])
    for name in assays:
        numbers[name] = data.assays[name].loc[table.index]
    tracks = [*scores, *assays]
    plot = make_subplots(1, len(tracks), shared_yaxes=True, horizontal_spacing=0.03, figure=draw.new_figure(620))
    plot.update_yaxes(autorange="reversed")
    plot.update_yaxes(title_text="depth (m)", col=1)
    plot.update_xaxes(nticks=4, tickangle=0)
    for column, name in enumerate(tracks, 1):
        plot.update_xaxes(title_text=name, col=column)
        if name in assays:
            plot.update_xaxes(draw.LOG_TICKS, col=column)
    for order, hole in enumerate(holes[: draw.MAX_COLOURS]):
        samples = numbers[numbers[group] == hole].dropna(subset=["depth"]).sort_values("depth", kind="stable")
        samples = samples.iloc[draw.sample_evenly(np.arange(len(samples)), DRAWN_SAMPLES)]
        for column, name in enumerate(tracks, 1):
            hover = f"%{{y:.1f}} m: {name} %{{x:.4g}}<extra>%{{fullData.name}}</extra>"
            track = {"legendgroup": str(order), "showlegend": column == 1, "row": 1, "col": column}
            x, y = samples[name], samples["depth"]
            draw.add_numbered_line(plot, order, VISIBLE_HOLES, x, y, short_name(hole), hover, **track)
    return Figure("logs", "Logs", LOGS, plot, numbers)
