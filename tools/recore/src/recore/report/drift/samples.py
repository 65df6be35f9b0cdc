"""Which samples are outside the domain, over time and by drill hole; where they are among the training's components."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recore.report.page.content import Figure, Section, Table
from recore.report.page.figures import (
    BLUE,
    GREY,
    LOG_TICKS,
    SHOWN_POINTS,
    VERMILION,
    add_points,
    clip_to_axis,
    count_outside,
    edge_symbols,
    new_figure,
    short_name,
    thin_out,
)

if TYPE_CHECKING:
    from recore.production.monitoring import Monitoring

LARGEST = 100.0  # times the limit, at which the axis ends

TITLE = "Samples and drill holes"
READING = (
    "A sample is outside the domain if Hotelling's T2 or Q exceeds its limit: predictions for it may be much worse "
    "than their intervals say. Good: few samples above the line, in different holes. Bad: one hole far above it "
    "(another rock, another preparation), or all samples from some time on (the instrument)."
)
DISTANCE = "The larger of T2 and Q, each divided by its limit; dashed: the limit.{outside}"
SCORES = "Grey: the training. Scores of the first two principal components of the shapes (SNV)."
HOLES = "The hole with the largest share of samples outside the domain first. Times are UTC."


def section(found: "Monitoring") -> Section:
    holes = found.holes.copy()
    holes["hole"] = holes["hole"].map(lambda name: short_name(name) if name else "(unknown)")
    for name in ("first", "last"):
        holes[name] = holes[name].map("{:%Y-%m-%d %H:%M}".format)
    items = (_distances(found), _scores(found), Table("holes", "Drill holes", HOLES, holes))
    return Section("samples", TITLE, READING, items)


def _labels(samples: pd.DataFrame) -> list[str]:
    return [
        f"{short_name(index)}, {short_name(hole)}"
        for index, hole in zip(samples["index"], samples["hole"], strict=True)
    ]


def _distances(found: "Monitoring") -> Figure:
    samples, outside = found.traffic.samples, found.traffic.outside
    drawn = np.zeros(len(samples), dtype=bool)
    drawn[thin_out(len(samples), outside)] = True
    heights, beyond = clip_to_axis(samples["distance"].to_numpy(), 0, LARGEST)
    plot = new_figure(
        400,
        showlegend=True,
        xaxis={"title": {"text": "time (UTC)"}, "type": "date"},
        yaxis={"title": {"text": "distance / its limit"}} | LOG_TICKS,
    )
    for name, chosen, colour, symbol in (
        ("inside the domain", drawn & ~outside, BLUE, "circle"),
        ("outside", drawn & outside, VERMILION, "diamond"),
    ):
        marker = {"color": colour, "size": 6, "opacity": 0.8, "symbol": edge_symbols(beyond[chosen], symbol, "y")}
        rows = samples[chosen]
        hover = "%{text}<br>%{customdata:.3g} of the limit<extra></extra>"
        extra = {"text": _labels(rows), "customdata": rows["distance"]}
        add_points(plot, rows["time"], heights[chosen], name, hover, marker, **extra)
    plot.add_hline(1, line={"color": GREY, "dash": "dash"})
    text = count_outside(beyond)
    if len(samples) > SHOWN_POINTS:
        text += f" At most {SHOWN_POINTS:,} points of each kind are drawn."
    return Figure("samples", "Distance over time", DISTANCE.format(outside=text), plot, samples)


def _scores(found: "Monitoring") -> Figure:
    training = np.array(found.trained_on.reference["scores"], dtype=float)
    traffic, outside = found.traffic.scores, found.traffic.outside
    second = min(1, training.shape[1] - 1)
    plot = new_figure(440, showlegend=True, xaxis_title_text="PC1", yaxis_title_text=f"PC{second + 1}")
    drawn = training[thin_out(len(training), np.zeros(len(training), dtype=bool))]
    marker = {"color": GREY, "size": 4, "opacity": 0.5}
    add_points(plot, drawn[:, 0], drawn[:, second], "training", "training<extra></extra>", marker)
    for name, chosen, colour, symbol in (
        ("inside the domain", ~outside, BLUE, "circle"),
        ("outside", outside, VERMILION, "diamond"),
    ):
        rows = np.flatnonzero(chosen)
        rows = rows[thin_out(len(rows), np.zeros(len(rows), dtype=bool))]
        marker = {"color": colour, "size": 6, "opacity": 0.8, "symbol": symbol}
        labels = _labels(found.traffic.samples.iloc[rows])
        points = traffic[rows, 0], traffic[rows, second]
        add_points(plot, *points, name, "%{text}<extra></extra>", marker, text=labels)
    columns = [f"PC{number + 1}" for number in range(traffic.shape[1])]
    numbers = found.traffic.samples[["index", "hole", "time"]].join(pd.DataFrame(traffic, columns=columns))
    return Figure("scores", "Where the samples are", SCORES, plot, numbers)
