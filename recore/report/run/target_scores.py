"""What each target gives to the score, and what it costs, public and private side by side."""

from typing import TYPE_CHECKING

import numpy as np

from recore.pipeline.record import Record
from recore.pipeline.scores import SIDES
from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import BLUE, GREY, VERMILION, new_figure, short_name

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure as PlotlyFigure

LOWEST = -1.0  # R2 at which the picture ends: how bad a useless prediction is does not matter much
LOOKS = {"public": (BLUE, "circle"), "private": (VERMILION, "diamond")}


def section(run: Record) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "The score is the sum of weight x R2. R2 is 1 for a perfect prediction, 0 for one as good as the target's mean, and "
        "below 0 for a worse one. What a target keeps from the score, weight x (1 - R2), says where work pays. Public rows "
        "are those that the model was trained on: their score is optimistic. Good: private R2 close to public R2, and no heavy "
        "target at the top of the costs. Bad: private far below public (the model has learnt the public holes by heart), "
        "targets below 0 (their mean would score more)."
    )
    if run.judge is None:
        text = "No step of this run left a score."
        return Section("scores", "Scores per target", reading, (), text), [Finding("bad", "no score", text, "scores")]
    table = target_table(run)
    note = (
        f"Order: what costs most first, by the {run.judge} score. Targets that were not scored are in the table alone."
    )
    summary = "R2, weight x R2 (points) and weight x (1 - R2) (lost) of each side; empty where a target was not scored."
    items = (_r2(run, table), _costs(run, table), Table("targets", "All targets", summary, table))
    return Section("scores", "Scores per target", reading, items, note), _findings(run)


def target_table(run: Record) -> "pd.DataFrame":
    """A row for each target, what costs most first."""
    import pandas as pd

    judge = run.scores[run.judge or "public"]
    columns: dict[str, list[object]] = {"target": list(judge.r2), "weight": [judge.weights[name] for name in judge.r2]}
    for side in SIDES:
        if side in run.scores:
            score = run.scores[side]
            r2 = [score.r2.get(name) for name in judge.r2]
            weights = [judge.weights[name] for name in judge.r2]
            columns[f"R2 {side}"] = [np.nan if value is None else value for value in r2]
            columns[f"points {side}"] = [np.nan if v is None else w * v for v, w in zip(r2, weights, strict=True)]
            columns[f"lost {side}"] = [np.nan if v is None else w * (1 - v) for v, w in zip(r2, weights, strict=True)]
    return pd.DataFrame(columns).sort_values(f"lost {run.judge}", ascending=False, kind="stable", ignore_index=True)


def by_target(targets: "pd.Series[str]", **layout: object) -> "PlotlyFigure":
    """An empty figure with a row for each target, in this order from the top."""
    plot = new_figure(130 + 16 * len(targets), legend={"orientation": "h", "y": 1.01, "yanchor": "bottom"}, **layout)
    axis = {"range": [len(targets) - 0.5, -0.5], "tickvals": list(range(len(targets)))}
    plot.update_layout(yaxis=axis | {"ticktext": [short_name(name) for name in targets]})
    return plot


def _r2(run: Record, table: "pd.DataFrame") -> Figure:
    drawn = table[table[f"R2 {run.judge}"].notna()]
    lowest = max(LOWEST, min(0.0, *(drawn[f"R2 {side}"].min() for side in run.scores)))
    plot = by_target(drawn["target"], xaxis={"title": {"text": "R2"}, "range": [lowest - 0.05, 1.05]})
    for side in run.scores:
        values, (colour, symbol) = drawn[f"R2 {side}"].to_numpy(), LOOKS[side]
        plot.add_scatter(
            x=np.maximum(values, LOWEST),
            y=np.arange(len(drawn)),
            mode="markers",
            name=side,
            marker={
                "color": colour,
                "size": 9,
                "symbol": ["triangle-left" if value < LOWEST else symbol for value in values],
            },
            text=[f"{short_name(name)}: {value:.4f}" for name, value in zip(drawn["target"], values, strict=True)],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    plot.add_vline(0, line={"color": GREY, "dash": "dash"})
    words = f"R2 of each target. Dashed: as good as the mean. A triangle at the left edge: R2 below {LOWEST:g}."
    return Figure("r2", "R2 per target", words, plot, table[["target", *(f"R2 {side}" for side in run.scores)]])


def _costs(run: Record, table: "pd.DataFrame") -> Figure:
    drawn = table[table[f"R2 {run.judge}"].notna()]
    plot = by_target(drawn["target"], barmode="group", bargap=0.25, xaxis={"title": {"text": "weight x (1 - R2)"}})
    for side in run.scores:
        plot.add_bar(
            x=drawn[f"lost {side}"],
            y=np.arange(len(drawn)),
            name=side,
            orientation="h",
            marker={"color": LOOKS[side][0]},
            text=[
                f"{short_name(name)}, weight {weight:g}"
                for name, weight in zip(drawn["target"], drawn["weight"], strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}: %{x:.4f} lost<extra>%{fullData.name}</extra>",
        )
    words = "What each target keeps from the score: the first ones are where a better prediction pays most."
    numbers = table[["target", "weight", *(f"lost {side}" for side in run.scores)]]
    return Figure("costs", "What each target costs", words, plot, numbers)


def _findings(run: Record) -> list[Finding]:
    side = run.judge or "public"
    judge = run.scores[side]
    said = [f"{score.value:.4f} {name}" for name, score in run.scores.items()]
    values = {name: score.value for name, score in run.scores.items()} | {"possible": judge.weights_scored}
    text = f"score: {', '.join(said)}, of {judge.weights_scored:g} possible"
    found = [Finding("note", "score", text, "scores", values)]
    scored = [name for name, r2 in judge.r2.items() if r2 is not None]
    lost = sum(judge.lost(name) for name in scored)
    costly = sorted(scored, key=judge.lost, reverse=True)[:3]
    if lost > 0:
        shares = ", ".join(f"{short_name(name)} {judge.lost(name):.4f}" for name in costly)
        text = f"what costs most, {side}: {shares}, of {lost:.4f} lost in all"
        found.append(Finding("note", "costs", text, "scores", {"targets": costly, "lost": lost}))
    below = [name for name in scored if (judge.r2[name] or 0) < 0]
    if below:
        text = f"below 0, {side}, where the target's mean would score 0: {_names(below)}"
        found.append(Finding("bad", "below the mean", text, "scores", {"targets": below}))
    absent = [name for name, r2 in judge.r2.items() if r2 is None]
    if absent:
        text = f"not scored, {side}, for fewer than two rows are measured: {_names(absent)}"
        found.append(Finding("note", "not scored", text, "scores", {"targets": absent}))
    return found


def _names(names: list[str]) -> str:
    shown = ", ".join(short_name(name) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
