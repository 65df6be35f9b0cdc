"""Would more drill holes help? The score over the number of holes to learn from."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section
from recore.report.page.figures import COLOURS, DASHES, NAMED, new_figure
from recore.report.statistics.groups import rows_by_group
from recore.report.validate.plan import folds_of
from recore.report.validate.study import Study

if TYPE_CHECKING:
    import pandas as pd

LOWEST = -0.5  # R2 at which the figure ends
RISE = 0.01  # of a score, from three quarters of the holes to all


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: a curve that rises and flattens: the holes are enough for what this model can learn. A curve that still rises at its end: more "
        "holes would help more than a better model. Bad: a curve that is flat from the start and low (more data do not help: other "
        "features may), or that falls (the holes contradict each other: see the residuals by hole)."
    )
    table = curve(study)
    if len(table) < 2:
        why = (
            "holes are too few"
            if not study.left_out
            else "there was no time for it, or holes are too few; --minutes gives more"
        )
        return Section("learning", "Learning curve", reading, (), f"Not drawn: {why}."), []
    note = (
        "Each point is judged on the same held-out holes, those of the first seed. Holes to learn from are drawn once, each larger "
        "set holding the smaller ones; the last point has all holes that are not held out. A target that none of the drawn holes has adds nothing."
    )
    return Section("learning", "Learning curve", reading, (_figure(table, study),), note), _findings(table)


def curve(study: Study) -> "pd.DataFrame":
    """A row for each number of holes: the score, and R2 of each target."""
    import pandas as pd

    groups = [(group.detail, group) for group in study.groups("holes", "learning")]
    if "holes" in study.ways:
        parts = [
            len(rows_by_group(study.data.hole[training]))
            for training, _ in folds_of(study.data.hole, "holes", study.settings.seed)
        ]
        groups.append((float(np.mean(parts)), study.groups("holes", "nested")[0]))
    rows = []
    for holes, group in groups:
        r2 = study.r2(group)
        rows.append(
            {"holes": holes, "score": study.challenge.score(r2)} | dict(zip(study.challenge.targets, r2, strict=True))
        )
    return pd.DataFrame(rows)


def _figure(table: "pd.DataFrame", study: Study) -> Figure:
    plot = new_figure(400, xaxis={"title": {"text": "drill holes to learn from"}, "rangemode": "tozero"})
    plot.update_layout(hovermode="x", hoverdistance=-1)  # few points, each with a label from wherever the mouse is
    names = ["score", *(study.challenge.targets[place] for place in study.weightiest[: NAMED - 1])]
    for order, name in enumerate(names):
        plot.add_scatter(
            x=table["holes"],
            y=table[name].clip(LOWEST),
            mode="lines+markers",
            name=name if name == "score" else f"R2 of {name}",
            visible=True if order < 2 else "legendonly",
            line={
                "color": COLOURS[order],
                "dash": DASHES[order % len(DASHES)],
                "width": 2.5 if name == "score" else 1.5,
            },
            customdata=table[name],
            hovertemplate="%{x:.3g} holes: %{customdata:.4f}<extra>%{fullData.name}</extra>",
        )
    plot.update_yaxes(title_text="score, or R2 of a target")
    words = f"The score over the number of holes to learn from; R2 of single targets too, not below {LOWEST:g}. Click on a name."
    return Figure("learning", "Score over the number of holes", words, plot, table)


def _findings(table: "pd.DataFrame") -> list[Finding]:
    before, last = table.iloc[-2], table.iloc[-1]
    rise = float(last["score"] - before["score"])
    more = f"from {before['holes']:.3g} to {last['holes']:.3g} holes the score goes from {before['score']:.4f} to {last['score']:.4f}"
    said = "more holes would help" if rise > RISE else "more of such holes would not do much"
    return [Finding("note", "learning", f"{more}: {said}", "learning", {"rise": rise})]
