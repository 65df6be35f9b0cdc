"""Section on each target's R2, contribution and possible gain in each of the run's scores."""

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure as PlotlyFigure

from recore.distribution import PROGRAM
from recore.evaluation import HELD_OUT, SCORES, Record, Score, explain_unverified_score
from recore.listing import count, list_names
from recore.report.page import figures as draw
from recore.report.page.content import LISTED, Figure, PageFinding, Section, Table, short_name

LOWEST_R2 = -1.0  # lower end of the axes, so that one useless prediction does not hide the others
STYLES = {HELD_OUT: (draw.GREEN, "square"), "public": (draw.BLUE, "circle"), "private": (draw.VERMILION, "diamond")}

TITLE = "Scores per target"
READING = (
    "The score is the sum of weight x R2. R2 is 1 for a perfect prediction, 0 for a prediction as good as the target's "
    "mean, and negative for a worse one. The possible gain, weight x (1 - R2), shows where an improvement pays most. "
    "Held-out: the public rows, predicted by models trained without the row's drill hole; unverified if the submission "
    "computed it itself (`recore validate` recomputes the score). Public: the same rows, predicted by the model that "
    "was trained on them, so this score is optimistic. Good: held-out and private R2 close to public R2, and targets "
    "with a large weight have a small possible gain. Bad: held-out or private R2 far below public R2 (the model has "
    "memorised the public holes), and targets with negative R2 (predicting their mean would score more)."
)
NO_SCORE = "No job of this run produced a score."
NOTE = "Targets are sorted by possible gain in the {name} score, largest first. Only scored targets are drawn."
TARGETS = "R2, contribution (weight x R2) and possible gain (weight x (1 - R2)) in each score."
R2 = "R2 of each target. Dashed: as good as the mean."
POSSIBLE_GAINS = "The possible gain of each target. Improving the first targets pays most."
NOT_SCORED = "{targets} without a score"


def section(run: Record) -> Section:
    """Return the section."""
    if run.ranking_name is None:
        return Section("scores", TITLE, READING, (), NO_SCORE, [PageFinding("bad", "no score", NO_SCORE, "scores")])
    table = target_table(run)
    scored_rows = table[table[f"R2 {run.ranking_name}"].notna()]
    empty = table["target"][table[[f"R2 {kind}" for kind in run.scores]].isna().all(axis=1)].tolist()
    items = (
        _r2_figure(scored_rows, list(run.scores)),
        _possible_gains_figure(scored_rows, list(run.scores)),
        Table("targets", "All targets", TARGETS, table, empty),
    )
    line = NOT_SCORED.format(targets=count(len(empty), "target"))
    folded = {line: ", ".join(map(short_name, empty))} if empty else {}
    note = NOTE.format(name=run.ranking_name)
    return Section("scores", TITLE, READING, items, note, _findings(run, run.ranking_name), folded)


def target_table(run: Record) -> pd.DataFrame:
    """Return a row for each target, sorted by possible gain, largest first."""
    ranking_score = run.scores[run.ranking_name or "public"]
    weights = np.array([ranking_score.weights[name] for name in ranking_score.r2], dtype=float)
    columns: dict[str, object] = {"target": list(ranking_score.r2), "weight": weights}
    for kind in SCORES:
        if kind in run.scores:
            r2 = np.array([run.scores[kind].r2.get(name) for name in ranking_score.r2], dtype=float)
            columns |= {f"R2 {kind}": r2, f"contribution {kind}": weights * r2}
            columns[f"possible gain {kind}"] = weights * (1 - r2)
    return pd.DataFrame(columns).sort_values(
        f"possible gain {run.ranking_name}", ascending=False, kind="stable", ignore_index=True
    )


def figure_by_target(targets: pd.Series, **layout: object) -> PlotlyFigure:
    """Return an empty figure with a row for each target, the first at the top."""
    plot = draw.new_figure(130 + 16 * len(targets), legend=draw.ABOVE, **layout)
    plot.update_yaxes(
        range=[len(targets) - 0.5, -0.5],
        tickvals=list(range(len(targets))),
        ticktext=[short_name(name) for name in targets],
    )
    return plot


def _r2_figure(table: pd.DataFrame, kinds: list[str]) -> Figure:
    columns = [f"R2 {kind}" for kind in kinds]
    values = table[columns].to_numpy()
    drawn, outside = draw.clip_to_axis(values, LOWEST_R2, np.inf)
    lowest = float(np.nanmin(drawn, initial=0.0))
    plot = figure_by_target(table["target"], xaxis={"title": {"text": "R2"}, "range": [lowest - 0.05, 1.05]})
    for column, kind in enumerate(kinds):
        colour, symbol = STYLES[kind]
        marker = {"color": colour, "size": 9, "symbol": draw.edge_symbols(outside[:, column], symbol)}
        scores = zip(table["target"], values[:, column], strict=True)
        labels = [f"{short_name(name)}: {value:.4f}" for name, value in scores]
        hover = "%{text}<extra>%{fullData.name}</extra>"
        draw.add_points(plot, drawn[:, column], np.arange(len(table)), kind, hover, marker, text=labels)
    plot.add_vline(0, line={"color": draw.GREY, "dash": "dash"})
    return Figure("r2", "R2 per target", R2 + draw.count_outside(outside), plot, table[["target", *columns]])


def _possible_gains_figure(table: pd.DataFrame, kinds: list[str]) -> Figure:
    plot = figure_by_target(table["target"], barmode="group", bargap=0.25)
    plot.update_xaxes(title_text="possible gain")
    weights = zip(table["target"], table["weight"], strict=True)
    labels = {"text": [f"{short_name(name)}, weight {weight:g}" for name, weight in weights], "textposition": "none"}
    hover = "%{text}: possible gain %{x:.4f}<extra>%{fullData.name}</extra>"
    for kind in kinds:
        marker = {"color": STYLES[kind][0]}
        draw.add_bars(plot, table[f"possible gain {kind}"], np.arange(len(table)), kind, hover, marker, **labels)
    numbers = table[["target", "weight", *(f"possible gain {kind}" for kind in kinds)]]
    return Figure("possible-gains", "Possible gain per target", POSSIBLE_GAINS, plot, numbers)


def _findings(run: Record, kind: str) -> list[PageFinding]:
    ranking_score = run.scores[kind]
    values = run.values | {"possible": ranking_score.weights_scored}
    scores = ", ".join(f"{run.show(name)} {name}" for name in SCORES if name in run.values)
    message = f"score: {scores}, of {ranking_score.weights_scored:g} possible"
    if run.held_out_is_unverified:
        message += f" ({explain_unverified_score(None if run.is_third_party else PROGRAM)})"
    findings = [PageFinding("note", "score", message, "scores", values)]
    r2_by_target = {name: r2 for name, r2 in ranking_score.r2.items() if r2 is not None}
    findings += _possible_gain_finding(ranking_score, list(r2_by_target), kind)
    negative = [name for name, r2 in r2_by_target.items() if r2 < 0]
    if negative:
        message = f"negative {kind} R2, where predicting the mean would score 0: {_join_names(negative)}"
        findings.append(PageFinding("bad", "below the mean", message, "scores", {"targets": negative}))
    not_scored = [name for name in ranking_score.r2 if name not in r2_by_target]
    if not_scored:
        message = f"no {kind} R2, because fewer than two rows are measured: {_join_names(not_scored)}"
        findings.append(PageFinding("note", "not scored", message, "scores", {"targets": not_scored}))
    return findings


def _possible_gain_finding(ranking_score: Score, scored_names: list[str], kind: str) -> list[PageFinding]:
    total = sum(ranking_score.possible_gain(name) for name in scored_names)
    if total <= 0:
        return []
    top = sorted(scored_names, key=ranking_score.possible_gain, reverse=True)[:3]
    gains = ", ".join(f"{short_name(name)} {ranking_score.possible_gain(name):.4f}" for name in top)
    message = f"largest possible gains, {kind}: {gains}, of {total:.4f} in total"
    return [PageFinding("note", "possible gain", message, "scores", {"targets": top, "possible gain": total})]


def _join_names(names: list[str]) -> str:
    return list_names([short_name(name) for name in names], LISTED)
