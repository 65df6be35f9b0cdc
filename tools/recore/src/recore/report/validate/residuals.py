"""Section on predicted against measured values, and the residuals by drill hole and by depth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.listing import count
from recore.report.page import figures as draw
from recore.report.page.content import Figure, PageFinding, Section, short_name, unique_names
from recore.report.page.one_to_one import SCALES, OneToOne
from recore.spectral_data import Floats, Rows, SpectralData, rows_by_group
from recore.validation import ValidationResult

DEPTH_STEPS = 15  # groups with the same number of rows
LARGE_RESIDUAL = 1.0  # standard deviations of a target; a hole with a larger mean residual is predicted badly
MIN_ROWS = 5  # rows of a hole below which its mean residual is meaningless
COLOUR_END = 1.5  # standard deviations
DRAWN_POINTS = 400  # points of a target, in addition to those that are always drawn
MIN_QUANTILE = 0.98  # quantile of the measured values, and of the absolute residuals, above which all points are drawn

NO_FIGURE = "Not drawn: all predicted targets are constant."
TITLE = "Residuals"
READING = (
    "Good: points along the dashed line over the entire range, pale colours for all holes, and lines over depth near "
    "zero. Bad: a cloud that is flatter than the dashed line (the model underestimates high grades; most of the lost "
    "score is due to a few rich samples), a separate group of points, a hole with strong colours in many targets (it "
    "is unlike the others; see explore), a line that drifts with depth (near-surface samples are weathered)."
)
NOTE = (
    "Predictions for {split}, folds of train.py. Residual: predicted - measured, in standard deviations of the target. "
    "About {points} points are drawn for each target, always including the highest values and the largest residuals; "
    "predicted.csv has all rows."
)
FIRST_HOLES = " The first {drawn} of {holes} holes are drawn."
DEPTH_NOTE = " Over depth: the medians of {steps} groups of neighbouring depths with the same number of rows."
NO_DEPTHS = " Nothing is drawn over depth, because no row has a depth, or all depths are the same."
PREDICTED = (
    "One target at a time, chosen above the figure: each point is a sample. On the dashed line, the prediction equals "
    "the measured value. The points can be coloured by drill hole{others}. " + SCALES
)
COLOUR_NOTE = ": the {count} holes with the largest mean residuals each have a colour, the others are grey"


def section(result: ValidationResult) -> Section:
    """Return the section."""
    if not result.ranked_targets:
        return Section("residuals", TITLE, READING, (), NO_FIGURE)
    note = NOTE.format(split=result.held_out, points=DRAWN_POINTS)
    residuals = (result.predicted - result.measured) / result.deviations
    by_hole = mean_residuals(result, residuals)
    items = [_scatter_plot(result, choose_holes(by_hole, result)), _heatmap(by_hole, result)]
    holes = by_hole[challenge().group].nunique()
    if holes > draw.DRAWN_HOLES:
        note += FIRST_HOLES.format(holes=holes, drawn=draw.DRAWN_HOLES)
    depths = result.data.depth[np.isfinite(result.data.depth)]
    if len(depths) > 1 and np.ptp(depths) > 0:
        items.append(_depth_profile(result, residuals))
        note += DEPTH_NOTE.format(steps=min(DEPTH_STEPS, len(depths)))
    else:
        note += NO_DEPTHS
    return Section("residuals", TITLE, READING, items, note, _findings(by_hole, result))


def mean_residuals(result: ValidationResult, residuals: Floats) -> pd.DataFrame:
    """Return a row for each hole and target: the number of rows and the mean residual in standard deviations."""
    table = []
    for hole, rows in rows_by_group(result.data.hole).items():
        for column in result.ranked_targets:
            values = residuals[rows, column]
            values = values[np.isfinite(values)]
            if len(values):
                row = {challenge().group: hole, "target": result.targets[column], "rows": len(values)}
                table.append(row | {"mean residual": float(values.mean())})
    return pd.DataFrame(table)


def choose_holes(by_hole: pd.DataFrame, result: ValidationResult) -> list[str]:
    """Return at most NAMED holes: those with the largest mean residuals, weighted as in the score."""
    weights = dict(zip(result.targets, result.weights, strict=True))
    size = (by_hole["mean residual"].abs() * by_hole["target"].map(weights)).where(by_hole["rows"] >= MIN_ROWS, 0)
    sizes = size.groupby(by_hole[challenge().group], sort=False).sum().sort_values(ascending=False, kind="stable")
    return [str(hole) for hole in sizes.index[: draw.MAX_COLOURS]]


def _scatter_plot(result: ValidationResult, named_holes: Sequence[str]) -> Figure:
    """Draw all targets that vary and were predicted. named_holes: the holes that have their own colours."""
    predicted = result.predicted
    errors = result.errors(predicted)
    drawn = {
        column: _rows_to_draw(result.measured[:, column], predicted[:, column]) for column in result.ranked_targets
    }
    labelled = np.unique(np.concatenate(list(drawn.values())))
    styles = _label_rows(result.data, labelled, named_holes)
    figure = OneToOne(meta=styles)
    for column, rows in drawn.items():
        target, choice = result.targets[column], f"{result.targets[column]}, weight {result.weights[column]:g}"
        figure.add_target(choice, target, errors.loc[target], result.measured[:, column], predicted[:, column])
        off_axis, positions = figure.is_outside_axes(rows), np.searchsorted(labelled, rows)
        numbers = positions[~off_axis].astype(np.uint16 if len(labelled) <= 2**16 else np.uint32)
        figure.add_line()
        figure.add_points(rows[~off_axis], target, {"color": draw.BLUE, "size": 5, "opacity": 0.7}, customdata=numbers)
        figure.add_edge(rows[off_axis], [styles["labels"][position] for position in positions[off_axis]])
    others = COLOUR_NOTE.format(count=len(named_holes)) if len(named_holes) < len(set(result.data.hole)) else ""
    summary = PREDICTED.format(others=others)
    return figure.figure("predicted", "Predicted against measured", summary, _residual_table(result), "drill hole")


def _rows_to_draw(measured: Floats, predicted: Floats) -> Rows:
    """Return a target's rows to draw: the highest values, the largest residuals and every k-th other row."""
    rows = np.flatnonzero(np.isfinite(measured) & np.isfinite(predicted))
    values, residuals = measured[rows], np.abs(predicted - measured)[rows]
    always = (values >= np.quantile(values, MIN_QUANTILE)) | (residuals >= np.quantile(residuals, MIN_QUANTILE))
    return rows[draw.thin_out(len(rows), always, DRAWN_POINTS)]


def _label_rows(data: SpectralData, rows: Rows, named_holes: Sequence[str]) -> dict[str, Any]:
    """Return each row's hover label and group, and the look of each group, for page.js."""
    labels = []
    for row in rows:
        depth = f", {data.depth[row]:.4g} m" if np.isfinite(data.depth[row]) else ""
        labels.append(f"{short_name(data.index[row])}, {short_name(data.hole[row])}{depth}")
    styles = [{"name": "other holes", "color": draw.GREY, "symbol": "circle-open"}]
    for hole, colour, symbol in zip(named_holes, draw.COLOURS, draw.SYMBOLS, strict=False):
        styles.append({"name": short_name(hole), "color": colour, "symbol": symbol})
    index_of_hole = {hole: number for number, hole in enumerate(named_holes, 1)}
    return {"labels": labels, "groups": [index_of_hole.get(hole, 0) for hole in data.hole[rows]], "looks": styles}


def _residual_table(result: ValidationResult) -> pd.DataFrame:
    columns = {}
    for column, target in enumerate(result.targets):
        columns[f"{target} measured"] = result.measured[:, column]
        for split in result.splits:
            columns[f"{target} predicted {split}"] = result.first_predictions(split)[:, column]
    return result.data.ids.join(pd.DataFrame(columns))


def _heatmap(table: pd.DataFrame, result: ValidationResult) -> Figure:
    group = challenge().group
    targets = result.ranked_names
    by_target = table.pivot(index="target", columns=group, values="mean residual").reindex(index=targets)
    holes = list(dict.fromkeys(table[group]))[: draw.DRAWN_HOLES]
    columns, cells = unique_names([short_name(name, 18) for name in holes]), by_target[holes].to_numpy()
    axis = {"type": "category", "title": {"text": "drill hole"}}
    hover = "%{y} in %{x}: %{z:.2f} standard deviations<extra></extra>"
    plot = draw.heat_map(columns, targets, cells, "residual", (-COLOUR_END, COLOUR_END), axis, hovertemplate=hover)
    summary = (
        "The mean residual of each hole: orange where predictions are too high, blue where they are too low. The "
        f"colour scale ends at {COLOUR_END:g} standard deviations; hover for the values."
    )
    return Figure("residuals-by-hole", "Residuals by hole", summary, plot, table)


def _depth_profile(result: ValidationResult, residuals: Floats) -> Figure:
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
    for order, name in enumerate(numbers.columns[2 : 2 + draw.MAX_COLOURS]):
        draw.add_numbered_line(plot, order, 3, numbers["depth"], numbers[name], name, hover, mode="lines+markers")
    summary = (
        "The median residual over depth, in standard deviations of the target: positive if predictions are too high. "
        "Click on a name to show or hide it."
    )
    return Figure("residuals-by-depth", "Residuals by depth", summary, plot, numbers)


def _findings(by_hole: pd.DataFrame, result: ValidationResult) -> list[PageFinding]:
    group = challenge().group
    if result.decisive_split != "holes" or (by_hole["rows"] < MIN_ROWS).all():
        return []
    large = by_hole[(by_hole["rows"] >= MIN_ROWS) & (by_hole["mean residual"].abs() > LARGE_RESIDUAL)]
    if not len(large):
        message = "no hole has a mean residual of more than one standard deviation in any target"
        return [PageFinding("good", "holes", message, "residuals")]
    counts = large[group].value_counts()
    verb = "has" if len(counts) == 1 else "have"
    message = (
        f"{len(counts)} of {count(by_hole[group].nunique(), 'hole')} {verb} a mean residual of more than one "
        f"standard deviation in some target; {short_name(counts.index[0])}, the worst, in {counts.iloc[0]} of "
        f"{count(len(result.ranked_targets), 'target')}"
    )
    return [PageFinding("note", "holes", message, "residuals", {"holes": counts.to_dict()})]
