"""Where is the submission wrong? Predicted against measured, and what is left by hole and by depth."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section
from recore.report.page.figures import (
    BLUE,
    COLOURS,
    DASHES,
    DIVERGING,
    DRAWN_HOLES,
    GREY,
    NAMED,
    as_float32,
    new_figure,
    short_name,
    thin_out,
    unique_names,
)
from recore.report.reading import Floats
from recore.report.statistics.groups import rows_by_group
from recore.report.validate.ladder import WORDS
from recore.report.validate.study import Study

if TYPE_CHECKING:
    import pandas as pd

PANELS = 6
DRAWN = 1000  # points of a panel
STEPS = 15  # of depth, each with as many rows
BIAS = 1.0  # standard deviations of a target, by which a hole is off as a whole
FEWEST = 5  # rows of a hole for that to mean anything


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: points along the dashed line over the whole range; holes and depths pale and near zero. Bad: a cloud flatter than the "
        "line (what is high is predicted low: most of a score is lost in the few rich samples), a group of points beside it, "
        "a hole with colour in many targets (a hole unlike the others: see explore), a line that drifts with depth "
        "(weathering, which no deep sample knows of)."
    )
    group = study.groups(study.ways[0], "nested")[0]
    predicted = study.predicted[group]
    note = (
        f"Predictions for {WORDS[group.way]}, first seed. Residual: measured less predicted, in standard deviations of the target. "
        f"The {PANELS} targets of most weight have a panel, of at most {DRAWN} points; predicted.csv has all. Depths are in {STEPS} "
        f"steps of as many rows, the median of each; holes are drawn up to {DRAWN_HOLES}."
    )
    if not study.weightiest:
        return Section("residuals", "Residuals", reading, (), "Not drawn: no target varies and was predicted."), []
    left = (study.actual - predicted) / study.deviations
    by_hole = _by_hole(study, left)
    items = [_panels(study, predicted), _holes(by_hole, study)]
    if np.isfinite(study.data.depth).sum() > 1 and np.ptp(study.data.depth[np.isfinite(study.data.depth)]) > 0:
        items.append(_depths(study, left))
    else:
        note += " No row has a depth, or all the same: nothing is drawn over it."
    return Section("residuals", "Residuals", reading, items, note), _findings(by_hole, study)


def _panels(study: Study, predicted: Floats) -> Figure:
    import pandas as pd
    from plotly.subplots import make_subplots

    data, names = study.data, study.challenge.targets
    shown = study.weightiest[:PANELS]
    height = 90 + 300 * -(-len(shown) // 3)
    plot = make_subplots(
        -(-len(shown) // 3),
        3,
        horizontal_spacing=0.1,
        vertical_spacing=0.16,
        figure=new_figure(height, showlegend=False),
    )
    for number, place in enumerate(shown):
        row, column = number // 3 + 1, number % 3 + 1
        own, made = study.actual[:, place], predicted[:, place]
        both = np.flatnonzero(np.isfinite(own) & np.isfinite(made))
        both = both[thin_out(len(both), own[both] >= np.quantile(own[both], 0.98), DRAWN)]
        where = [
            f"{short_name(data.index[at])}, {short_name(data.hole[at])}, {data.depth[at]:.4g} m"
            if np.isfinite(data.depth[at])
            else f"{short_name(data.index[at])}, {short_name(data.hole[at])}"
            for at in both
        ]
        ends = [float(min(own[both].min(), made[both].min())), float(max(own[both].max(), made[both].max()))]
        dash = {"color": GREY, "dash": "dash", "width": 1}
        plot.add_scatter(x=ends, y=ends, mode="lines", line=dash, hoverinfo="skip", row=row, col=column)
        plot.add_scatter(
            x=as_float32(own[both]),
            y=as_float32(made[both]),
            mode="markers",
            name=names[place],
            marker={"color": BLUE, "size": 4, "opacity": 0.6},
            text=where,
            hovertemplate="%{fullData.name} measured %{x:.4g}, predicted %{y:.4g}<br>%{text}<extra></extra>",
            row=row,
            col=column,
        )
        plot.update_xaxes(title_text=f"{names[place]} measured", nticks=4, row=row, col=column)
        plot.update_yaxes(title_text="predicted" if column == 1 else None, nticks=6, row=row, col=column)
    numbers = pd.DataFrame(
        {"index": data.index, "SiteID": data.hole, "DepthFrom": data.depth_from, "DepthTo": data.depth_to}
        | {
            f"{name} {what}": values[:, place]
            for place, name in enumerate(names)
            for what, values in (("measured", study.actual), ("predicted", predicted))
        }
    )
    words = "Each point is a held-out sample; on the dashed line predicted is measured."
    return Figure("predicted", "Predicted against measured", words, plot, numbers)


def _by_hole(study: Study, left: Floats) -> "pd.DataFrame":
    """The mean residual of each hole and target, in the target's standard deviations, and how many rows it is of."""
    import pandas as pd

    rows = []
    for hole, own in rows_by_group(study.data.hole).items():
        for place in study.weightiest:
            there = left[own, place][np.isfinite(left[own, place])]
            if len(there):
                name = study.challenge.targets[place]
                rows.append({"SiteID": hole, "target": name, "rows": len(there), "mean residual": float(there.mean())})
    return pd.DataFrame(rows)


def _holes(table: "pd.DataFrame", study: Study) -> Figure:
    targets = [study.challenge.targets[place] for place in study.weightiest]
    wide = table.pivot(index="target", columns="SiteID", values="mean residual").reindex(index=targets)
    holes = list(dict.fromkeys(table["SiteID"]))[:DRAWN_HOLES]
    plot = new_figure(max(300, 150 + 16 * len(targets)), xaxis={"type": "category", "title": {"text": "drill hole"}})
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    plot.add_heatmap(
        x=unique_names([short_name(name, 18) for name in holes]),
        y=targets,
        z=as_float32(wide[holes].to_numpy()),
        colorscale=DIVERGING,
        zmin=-1.5,
        zmax=1.5,
        hoverongaps=False,
        colorbar={"title": {"text": "residual"}},
        hovertemplate="%{y} in %{x}: %{z:.2f} standard deviations<extra></extra>",
    )
    words = "Mean residual by hole: orange where the rock holds more than was predicted, blue where it holds less."
    return Figure("residuals-by-hole", "Residuals by hole", words, plot, table)


def _depths(study: Study, left: Floats) -> Figure:
    import pandas as pd

    depth = study.data.depth
    known = np.flatnonzero(np.isfinite(depth))
    steps = np.array_split(known[np.argsort(depth[known], kind="stable")], min(STEPS, len(known)))
    numbers = pd.DataFrame(
        {"depth": [float(np.median(depth[rows])) for rows in steps], "rows": [len(rows) for rows in steps]}
    )
    plot = new_figure(440, xaxis={"title": {"text": "depth (m)"}}, yaxis={"title": {"text": "median residual"}})
    plot.add_hline(y=0, line={"color": GREY, "width": 1})
    for order, place in enumerate(study.weightiest):
        name = study.challenge.targets[place]
        medians = [
            np.median(own) if len(own := left[rows, place][np.isfinite(left[rows, place])]) else np.nan
            for rows in steps
        ]
        numbers[name] = medians
        if order < NAMED:
            plot.add_scatter(
                x=as_float32(numbers["depth"].to_numpy()),
                y=as_float32(np.array(medians, dtype=float)),
                mode="lines+markers",
                name=name,
                visible=True if order < 3 else "legendonly",
                line={"color": COLOURS[order], "dash": DASHES[order % len(DASHES)], "width": 1.5},
                hovertemplate="%{x:.0f} m: %{y:.2f}<extra>%{fullData.name}</extra>",
            )
    words = "Median residual by depth, in standard deviations of the target. Click on a name to see or to hide it."
    return Figure("residuals-by-depth", "Residuals by depth", words, plot, numbers)


def _findings(table: "pd.DataFrame", study: Study) -> list[Finding]:
    if study.ways[0] != "holes":
        return []
    firm = table[table["rows"] >= FEWEST]
    off = firm[firm["mean residual"].abs() > BIAS]
    if not len(off):
        if not len(firm):
            return []
        return [
            Finding(
                "good",
                "holes",
                "no hole is off as a whole by more than a standard deviation in any target",
                "residuals",
            )
        ]
    worst = off["SiteID"].value_counts()
    text = (
        f"{off['SiteID'].nunique()} of {table['SiteID'].nunique()} holes are off as a whole by more than a standard deviation in some "
        f"target, {short_name(worst.index[0])} in {worst.iloc[0]} of {len(study.weightiest)}"
    )
    return [Finding("note", "holes", text, "residuals", {"holes": worst.to_dict()})]
