"""Where is the submission wrong? The residuals by drill hole and by depth."""

import numpy as np
import pandas as pd

from recore.listing import count
from recore.report.page import figures as draw
from recore.report.page.content import Figure, PageFinding, Section, short_name, unique_names
from recore.report.validate.predicted_measured import DRAWN_POINTS, predicted_figure
from recore.schema import HOLE
from recore.spectral_data import Floats, rows_by_group
from recore.validation import ValidationResult

DEPTH_STEPS = 15  # each with the same number of rows
LARGE_RESIDUAL = 1.0  # standard deviations of a target: the mean residual of a hole that is predicted badly
FEWEST_ROWS = 5  # of a hole, for its mean residual to be meaningful
COLOUR_END = 1.5  # standard deviations

NOTHING_PREDICTED = "Not drawn: no target varies and was predicted."
TITLE = "Residuals"
READING = (
    "Good: points along the dashed line over the whole range; holes pale, and the lines over depth near zero. Bad: a "
    "cloud that is flatter than the dashed line (high grades are predicted too low: most of a score is lost in "
    "the few rich samples), a group of points apart from it, a hole with colour in many targets (a hole unlike the "
    "others: see explore), a line that drifts with depth (weathering, which deep samples do not show)."
)
NOTE = (
    "Predictions for {split}, folds of train.py. Residual: predicted - measured, in standard deviations of the target. "
    "Of each target about {points} points are drawn, always including the highest values and the largest residuals; "
    "predicted.csv has all rows."
)
FIRST_HOLES = " Of the {holes} holes, the first {drawn} are drawn."
OVER_DEPTH = " Over depth: the medians of {steps} groups of neighbouring depths with equally many rows."
NO_DEPTHS = " Nothing is drawn over depth, because no row has a depth, or all rows have the same one."


def section(result: ValidationResult) -> Section:
    """The section with its findings."""
    if not result.ranked_targets:
        return Section("residuals", TITLE, READING, (), NOTHING_PREDICTED)
    note = NOTE.format(split=result.held_out, points=DRAWN_POINTS)
    residuals = (result.predicted - result.measured) / result.deviations
    by_hole = mean_residuals(result, residuals)
    items = [predicted_figure(result, holes_to_name(by_hole, result)), _heatmap(by_hole, result)]
    holes = by_hole[HOLE].nunique()
    if holes > draw.DRAWN_HOLES:
        note += FIRST_HOLES.format(holes=holes, drawn=draw.DRAWN_HOLES)
    depths = result.data.depth[np.isfinite(result.data.depth)]
    if len(depths) > 1 and np.ptp(depths) > 0:
        items.append(_over_depth(result, residuals))
        note += OVER_DEPTH.format(steps=min(DEPTH_STEPS, len(depths)))
    else:
        note += NO_DEPTHS
    return Section("residuals", TITLE, READING, items, note, _findings(by_hole, result))


def mean_residuals(result: ValidationResult, residuals: Floats) -> pd.DataFrame:
    """For each hole and target: the mean residual, in the target's standard deviations, and over how many rows."""
    table = []
    for hole, rows in rows_by_group(result.data.hole).items():
        for column in result.ranked_targets:
            values = residuals[rows, column]
            values = values[np.isfinite(values)]
            if len(values):
                row = {HOLE: hole, "target": result.targets[column], "rows": len(values)}
                table.append(row | {"mean residual": float(values.mean())})
    return pd.DataFrame(table)


def holes_to_name(by_hole: pd.DataFrame, result: ValidationResult) -> list[str]:
    """At most NAMED holes: those with the largest mean residuals, weighted as in the score."""
    weights = dict(zip(result.targets, result.weights, strict=True))
    size = (by_hole["mean residual"].abs() * by_hole["target"].map(weights)).where(by_hole["rows"] >= FEWEST_ROWS, 0)
    sizes = size.groupby(by_hole[HOLE], sort=False).sum().sort_values(ascending=False, kind="stable")
    return [str(hole) for hole in sizes.index[: draw.NAMED]]


def _heatmap(table: pd.DataFrame, result: ValidationResult) -> Figure:
    targets = result.ranked_names
    by_target = table.pivot(index="target", columns=HOLE, values="mean residual").reindex(index=targets)
    holes = list(dict.fromkeys(table[HOLE]))[: draw.DRAWN_HOLES]
    columns, cells = unique_names([short_name(name, 18) for name in holes]), by_target[holes].to_numpy()
    axis = {"type": "category", "title": {"text": "drill hole"}}
    hover = "%{y} in %{x}: %{z:.2f} standard deviations<extra></extra>"
    plot = draw.heat_map(columns, targets, cells, "residual", (-COLOUR_END, COLOUR_END), axis, hovertemplate=hover)
    summary = (
        "The mean residual of each hole: orange where predictions are too high, blue where they are too low. "
        f"The colour scale ends at {COLOUR_END:g} standard deviations; the values are shown on hover."
    )
    return Figure("residuals-by-hole", "Residuals by hole", summary, plot, table)


def _over_depth(result: ValidationResult, residuals: Floats) -> Figure:
    depth = result.data.depth
    known = np.flatnonzero(np.isfinite(depth))
    steps = np.array_split(known[np.argsort(depth[known], kind="stable")], min(DEPTH_STEPS, len(known)))
    columns = {"depth": [float(np.median(depth[rows])) for rows in steps], "rows": [len(rows) for rows in steps]}
    for column in result.ranked_targets:
        values = [residuals[rows, column] for rows in steps]
        values = [step[np.isfinite(step)] for step in values]
        columns[result.targets[column]] = [np.median(step) if len(step) else np.nan for step in values]
    numbers = pd.DataFrame(columns)
    plot = draw.new_figure(440, xaxis_title_text="depth (m)", yaxis_title_text="median residual")
    plot.add_hline(y=0, line={"color": draw.GREY, "width": 1})
    hover = "%{x:.0f} m: %{y:.2f}<extra>%{fullData.name}</extra>"
    for order, name in enumerate(numbers.columns[2 : 2 + draw.NAMED]):
        draw.add_numbered_line(plot, order, 3, numbers["depth"], numbers[name], name, hover, mode="lines+markers")
    summary = (
        "The median residual over depth, in standard deviations of the target: positive if predictions are too high. "
        "Click on a name to show or hide it."
    )
    return Figure("residuals-by-depth", "Residuals by depth", summary, plot, numbers)


def _findings(by_hole: pd.DataFrame, result: ValidationResult) -> list[PageFinding]:
    if result.decisive_split != "holes" or (by_hole["rows"] < FEWEST_ROWS).all():
        return []
    large = by_hole[(by_hole["rows"] >= FEWEST_ROWS) & (by_hole["mean residual"].abs() > LARGE_RESIDUAL)]
    if not len(large):
        text = "no hole has a mean residual of more than one standard deviation in any target"
        return [PageFinding("good", "holes", text, "residuals")]
    counts = large[HOLE].value_counts()
    verb = "has" if len(counts) == 1 else "have"
    text = (
        f"{len(counts)} of {count(by_hole[HOLE].nunique(), 'hole')} {verb} a mean residual of more than one "
        f"standard deviation in some target; {short_name(counts.index[0])} in {counts.iloc[0]} of "
        f"{count(len(result.ranked_targets), 'target')}"
    )
    return [PageFinding("note", "holes", text, "residuals", {"holes": counts.to_dict()})]
