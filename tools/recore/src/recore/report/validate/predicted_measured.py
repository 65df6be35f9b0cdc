"""The figure of predicted against measured values: one target at a time, in one colour or coloured by drill hole."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recore.report.page import figures as draw
from recore.report.page.content import Figure, short_name
from recore.report.page.one_to_one import SCALES, OneToOne
from recore.spectral_data import Floats, Rows, SpectralData
from recore.validation import ValidationResult

DRAWN_POINTS = 400  # of a target, besides those that are always drawn
ALWAYS_DRAWN = 0.98  # quantile of the measured values, and of the absolute residuals, above which all points are drawn

TITLE = "Predicted against measured"
SUMMARY = (
    "One target at a time, chosen above the figure: each point is a sample. On the dashed line, the prediction equals "
    "the measured value. The points can be coloured by drill hole{others}. " + SCALES
)
OTHERS = ": the {count} holes with the largest mean residuals each have a colour, the others are grey"


def predicted_figure(result: ValidationResult, named_holes: Sequence[str]) -> Figure:
    """The figure with all targets that vary and were predicted. named_holes: the holes with a colour of their own."""
    predicted = result.predicted
    errors = result.errors(predicted)
    drawn = {column: rows_to_draw(result.measured[:, column], predicted[:, column]) for column in result.ranked_targets}
    labelled = np.unique(np.concatenate(list(drawn.values())))
    looks = _label_rows(result.data, labelled, named_holes)
    figure = OneToOne(meta=looks)
    for column, rows in drawn.items():
        target, choice = result.targets[column], f"{result.targets[column]}, weight {result.weights[column]:g}"
        figure.add_target(choice, target, errors.loc[target], result.measured[:, column], predicted[:, column])
        beyond, places = figure.beyond(rows), np.searchsorted(labelled, rows)
        numbers = places[~beyond].astype(np.uint16 if len(labelled) <= 2**16 else np.uint32)
        figure.add_line()
        figure.add_points(rows[~beyond], target, {"color": draw.BLUE, "size": 5, "opacity": 0.7}, customdata=numbers)
        figure.add_edge(rows[beyond], [looks["labels"][place] for place in places[beyond]])
    others = OTHERS.format(count=len(named_holes)) if len(named_holes) < len(set(result.data.hole)) else ""
    summary = SUMMARY.format(others=others)
    return figure.figure("predicted", TITLE, summary, _numbers(result), "drill hole")


def rows_to_draw(measured: Floats, predicted: Floats) -> Rows:
    """The rows of a target that are drawn: the highest values, the largest residuals and every k-th other row."""
    rows = np.flatnonzero(np.isfinite(measured) & np.isfinite(predicted))
    values, residuals = measured[rows], np.abs(predicted - measured)[rows]
    always = (values >= np.quantile(values, ALWAYS_DRAWN)) | (residuals >= np.quantile(residuals, ALWAYS_DRAWN))
    return rows[draw.thin_out(len(rows), always, DRAWN_POINTS)]


def _label_rows(data: SpectralData, rows: Rows, named_holes: Sequence[str]) -> dict[str, Any]:
    """What page.js shows of each row on hover, its group, and the look of each group."""
    labels = []
    for row in rows:
        depth = f", {data.depth[row]:.4g} m" if np.isfinite(data.depth[row]) else ""
        labels.append(f"{short_name(data.index[row])}, {short_name(data.hole[row])}{depth}")
    looks = [{"name": "other holes", "color": draw.GREY, "symbol": "circle-open"}]
    for hole, colour, symbol in zip(named_holes, draw.COLOURS, draw.SYMBOLS, strict=False):
        looks.append({"name": short_name(hole), "color": colour, "symbol": symbol})
    number_of = {hole: number for number, hole in enumerate(named_holes, 1)}
    return {"labels": labels, "groups": [number_of.get(hole, 0) for hole in data.hole[rows]], "looks": looks}


def _numbers(result: ValidationResult) -> pd.DataFrame:
    columns = {}
    for column, target in enumerate(result.targets):
        columns[f"{target} measured"] = result.measured[:, column]
        for split in result.splits:
            columns[f"{target} predicted {split}"] = result.first(split)[:, column]
    return result.data.ids.join(pd.DataFrame(columns))
