"""Section on the learning curve: the score against the number of training drill holes."""

import numpy as np
import pandas as pd

from recore.report.page import figures as draw
from recore.report.page.content import Figure, PageFinding, Section
from recore.report.validate.curve_section import NO_TIME
from recore.report.validate.target_scores import LOWEST_R2
from recore.validation import ValidationResult

CLEAR_RISE = 0.02  # rise of the score when the number of holes doubles; less is no reason to collect more

TITLE = "Learning curve"
READING = (
    "Good: a curve that rises and then flattens (there are enough holes for this model). If the curve still rises at "
    "its end, more holes would help more than a better model. Bad: a curve that is low and flat from the start (more "
    "data do not help, but other features may), or that falls (the holes contradict each other; see the residuals by "
    "hole)."
)
NOTE = (
    "Each point is evaluated on the same held-out drill holes, in the folds of train.py. The training holes are drawn "
    "at random once, and each larger set contains the smaller ones; the last point uses all holes that are not held "
    "out. A target that was not measured in any of the drawn holes adds nothing to the score."
)
TOO_FEW_HOLES = "Not drawn: there are too few drill holes."


def section(result: ValidationResult) -> Section:
    """Return the section."""
    table = learning_curve(result)
    if len(table) < 2:
        no_time = any(each.purpose == "learning" for each in result.skipped)
        return Section("learning", TITLE, READING, (), NO_TIME if no_time else TOO_FEW_HOLES)
    return Section("learning", TITLE, READING, (_curve(table, result),), NOTE, [_finding(table)])


def learning_curve(result: ValidationResult) -> pd.DataFrame:
    """Return a row for each number of holes, with the score and R2 of each target."""
    points = [(each.setting, result.predictions[each]) for each in result.get_completed("holes", "learning")]
    if "holes" in result.splits:
        counts = [len(set(result.data.hole[training])) for training, _ in result.folds]
        points.append((float(np.mean(counts)), result.first_predictions("holes")))
    return pd.DataFrame([{"holes": holes} | result.score_and_r2(predicted) for holes, predicted in points])


def _curve(table: pd.DataFrame, result: ValidationResult) -> Figure:
    plot = draw.new_figure(400, xaxis={"title": {"text": "drill holes in the training part"}, "rangemode": "tozero"})
    plot.update_layout(hovermode="x", hoverdistance=-1)  # show a label at any distance, as there are few points
    plot.update_yaxes(title_text="score or R2")
    names = ["score", *result.ranked_names[: draw.MAX_COLOURS - 1]]
    drawn, outside = draw.clip_to_axis(table[names], LOWEST_R2, np.inf)
    hover = "training holes: %{x:.3g}; %{customdata:.4f}<extra>%{fullData.name}</extra>"
    for order, name in enumerate(names):
        marker = {"symbol": draw.edge_symbols(outside[:, order], "circle", "y"), "size": 8}
        look = {"mode": "lines+markers", "marker": marker, "line": draw.numbered_line(order, 1.5 if order else 2.5)}
        label = f"R2 of {name}" if order else name
        x, y = table["holes"], drawn[:, order]
        draw.add_numbered_line(plot, order, 2, x, y, label, hover, customdata=table[name], **look)
    summary = (
        "The score over the number of training holes, and R2 of the targets with the highest weights; click on a name "
        f"to show or hide it. The axis ends at {LOWEST_R2:g}.{draw.count_outside(outside)}"
    )
    return Figure("learning", "Score over the number of training holes", summary, plot, table)


def _finding(table: pd.DataFrame) -> PageFinding:
    before, last = table.iloc[-2], table.iloc[-1]
    rise = float(last["score"] - before["score"])
    verdict = "more holes would help" if rise > CLEAR_RISE else "more holes of this kind would help little"
    message = (
        f"from {before['holes']:.3g} to {last['holes']:.3g} training holes, the score changes from "
        f"{before['score']:.4f} to {last['score']:.4f}: {verdict}"
    )
    return PageFinding("note", "learning", message, "learning", {"rise": rise})
