"""How much evidence of drift there is, by statistic and over time."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recore.report.page.content import Figure, Section, Table
from recore.report.page.figures import COLOURS, GREY, new_figure, numbered_line

if TYPE_CHECKING:
    from recore.production.monitoring import Monitoring

SHOWN_LINES = 4
LEAST = 1e-3  # evidence, at which the axis ends
MOST = 1e12

TITLE = "Evidence of drift"
READING = (
    "Good: no line reaches the dashed one. Bad: a line crosses it, and continues to rise. Each line is the evidence "
    "that one statistic has changed. It rises while new drill holes have unusual ranks among those of the training and "
    "earlier new ones, and falls slowly while they do not. T2, Q and the parts of the spectrum are about its shape: Q "
    "and the parts rise if the spectra contain something that no training spectrum does. The mean absorbance and the "
    "contrast are those of the raw spectrum."
)
NOTE = (
    "Conformal test martingales (Vovk et al., COPA 2021), one for each of {statistics} statistics; the threshold is "
    "their number divided by the rate of false alarms. The rate holds for drill holes that are exchangeable with those "
    "of the training: a mine whose new holes do not resemble the known ones raises an alarm, too. {units} so far."
)
NOTHING = "nothing is tested yet, because more samples of each drill hole may arrive"


def section(found: "Monitoring") -> Section:
    if not found.units:
        return Section("evidence", TITLE, READING, (), f"Not drawn: {NOTHING}.")
    note = NOTE.format(statistics=len(found.statistics), units=found.units_text)
    return Section("evidence", TITLE, READING, (_figure(found), _table(found)), note)


def _figure(found: "Monitoring") -> Figure:
    evidence = found.drift.evidence
    numbers = pd.DataFrame(
        {
            "time": [unit.end for unit in found.units],
            "hole": [unit.hole for unit in found.units],
            "samples": [len(unit.rows) for unit in found.units],
        }
        | dict(zip(found.statistics, evidence.T, strict=True))
    )
    plot = new_figure(
        420,
        xaxis={"title": {"text": "drill holes, in the order in which they were complete"}},
        yaxis={"title": {"text": "evidence"}, "type": "log", "exponentformat": "power"},
    )
    places = np.arange(1, len(evidence) + 1)
    for number, statistic in enumerate(np.argsort(-evidence.max(axis=0), kind="stable")):
        drawn = np.clip(evidence[:, statistic], LEAST, MOST)
        hover = "%{x}. drill hole: %{y:.3g}<extra>%{fullData.name}</extra>"
        visible = True if number < SHOWN_LINES else "legendonly"
        line = numbered_line(number % len(COLOURS))
        look = {"mode": "lines", "line": line, "visible": visible, "hovertemplate": hover}
        plot.add_scatter(x=places, y=drawn, name=found.statistics[statistic], **look)
    plot.add_hline(found.drift.threshold, line={"color": GREY, "dash": "dash"})
    summary = f"Dashed: {found.drift.threshold:.3g}; more evidence is drift. Click a name to show or hide its line."
    return Figure("evidence", "Evidence by statistic", summary, plot, numbers)


def _table(found: "Monitoring") -> Table:
    evidence = found.drift.evidence
    numbers = pd.DataFrame(
        {
            "statistic": found.statistics,
            "most evidence": evidence.max(axis=0),
            "evidence now": evidence[-1],
            "mean in training": found.reference.values.mean(axis=0),
            "mean of the samples": found.traffic.statistics[found.changed].mean(axis=0),
        }
    ).sort_values("most evidence", ascending=False, kind="stable")
    summary = "T2, Q and the contrast as natural logarithms; if there is drift, the samples are those since it began."
    return Table("statistics", "The statistics", summary, numbers)
