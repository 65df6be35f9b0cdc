"""Section that compares a run with the other runs in the same folder, and each target with the best earlier run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recore.evaluation import RANKING_SCORES, SCORES, Record, read_runs
from recore.listing import count
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table, short_name
from recore.report.run.target_scores import LOWEST_R2, STYLES, figure_by_target
from recore.text import plain

DRAWN_RUNS = 500  # the latest
SMALL_CHANGE = 0.0005  # smallest change in a score, which is printed with four digits

TITLE = "Earlier runs"
READING = (
    "Only scores on the same data are comparable; data files are identified by their hashes. Good: all scores rise "
    "together from run to run. Bad: the public score rises, but the held-out or the private score does not (the model "
    "memorises the public holes). If a run is chosen from many by its score, that score is optimistic, because the "
    "best of many is partly due to chance."
)
UNREADABLE_NOTE = "The folder that contains this run could not be read."
OTHER_DATA = "Excluded because scores on different data or from a different score.py are not comparable: {runs}."
INVALID = "Excluded because run.json is invalid: {folders}."
LEADERBOARD = (
    "Best held-out score first, whoever computed it, then runs without one, by private score. SHA-256: the first "
    "digits of the hash of the submission's files, with the hyperparameters of --set."
)
HISTORY = "Runs on the same data by start time, at most the latest {runs}; the large marker is this run."
CHANGES = "R2 in both runs, and the change in contribution; the sum of these changes is the change in the score."
CHANGE = "Change in contribution from {run}, the best earlier run on the same data."


@dataclass(frozen=True)
class ComparableRuns:
    """The runs in a folder. same_data: the runs in the same table of the leaderboard. invalid: error messages."""

    same_data: list[Record]
    this: Record
    other_data: int
    invalid: list[str]


def section(run: Record) -> Section:
    """Return the section."""
    runs = _find_runs(run)
    if runs is None:
        return Section("previous", TITLE, READING, (), UNREADABLE_NOTE)
    notes = []
    if runs.other_data:
        notes.append(OTHER_DATA.format(runs=count(runs.other_data, "run")))
    if runs.invalid:
        notes.append(INVALID.format(folders=count(len(runs.invalid), "folder")))
    table = _leaderboard(runs)
    items: list[Figure | Table] = []
    if table[list(SCORES)].notna().any(axis=1).sum() > 1:
        items.append(_history(table))
    items.append(Table("leaderboard", "Runs on the same data", LEADERBOARD, table))
    findings = _rank_finding(run, runs)
    earlier_runs = (entry for entry in runs.same_data if entry is not runs.this and entry.started <= run.started)
    best_run = next((entry for entry in earlier_runs if entry.scores), None)
    if best_run is not None and run.ranking_name in best_run.scores:
        changes = _changes(run, best_run, run.ranking_name)
        if changes["change"].any():
            items.append(_change_figure(changes, best_run, run.ranking_name))
        items.append(Table("changes", f"Compared with {short_name(best_run.folder.name)}", CHANGES, changes))
        findings += _change_findings(run, best_run, changes, run.ranking_name)
    return Section("previous", TITLE, READING, items, " ".join(notes), findings)


def _find_runs(run: Record) -> ComparableRuns | None:
    folder = run.folder.resolve()
    entries, invalid = read_runs(folder.parent)
    this = next((entry for entry in entries if entry.folder.name == folder.name), None)
    if this is None:
        return None
    same_data = [entry for entry in entries if entry.comparison_key == this.comparison_key]
    return ComparableRuns(same_data, this, len(entries) - len(same_data), invalid)


def _leaderboard(runs: ComparableRuns) -> pd.DataFrame:
    rows = [
        {
            "run": plain(entry.folder.name),
            "": "this run" if entry is runs.this else "",
            "state": plain(entry.result, 40),
            "SHA-256": f"{plain(entry.submission_sha256[:8])} {entry.options}".strip(),
            "started": f"{entry.started:%Y-%m-%d %H:%M:%S}",
            "seconds": entry.seconds,
            **{kind: entry.values.get(kind, np.nan) for kind in RANKING_SCORES},
            "held-out by": entry.held_out_source,
        }
        for entry in runs.same_data
    ]
    return pd.DataFrame(rows)


def _history(table: pd.DataFrame) -> Figure:
    latest = table.sort_values("started", kind="stable").tail(DRAWN_RUNS)
    plot = draw.new_figure(380, legend=draw.ABOVE, xaxis={"title": {"text": "started, UTC"}, "type": "date"})
    plot.update_yaxes(title_text="score")
    plot.update_layout(hovermode="x", hoverdistance=-1)  # show a label at any distance, as there may be few runs
    summary = HISTORY.format(runs=DRAWN_RUNS)
    for kind in RANKING_SCORES:
        scored_runs = latest[np.isfinite(latest[kind])]
        if not len(scored_runs):
            continue
        colour, symbol = STYLES[kind]
        points, outside = draw.clip_to_axis(scored_runs[kind], LOWEST_R2, np.inf)
        symbols, sizes = draw.edge_symbols(outside, symbol, "y"), np.where(scored_runs[""] != "", 16, 8)
        marker = {"color": colour, "symbol": symbols, "size": sizes}
        scores = scored_runs[["run", "", kind]].itertuples(index=False)
        labels = [f"{short_name(name)}{', ' if this else ''}{this}: {score:.4f}" for name, this, score in scores]
        look = {"mode": "lines+markers", "line": {"color": colour, "width": 1.5}}
        hover = "%{text}<extra>%{fullData.name}</extra>"
        draw.add_points(plot, scored_runs["started"], points, kind, hover, marker, text=labels, **look)
    _, outside = draw.clip_to_axis(latest[list(RANKING_SCORES)], LOWEST_R2, np.inf)
    return Figure("history", "Scores of the runs", summary + draw.count_outside(outside), plot, latest)


def _changes(run: Record, best_run: Record, kind: str) -> pd.DataFrame:
    now, before = run.scores[kind], best_run.scores[kind]
    names = [name for name, r2 in now.r2.items() if r2 is not None and before.r2.get(name) is not None]
    r2_now, r2_before = (np.array([score.r2[name] for name in names], dtype=float) for score in (now, before))
    weights = np.array([now.weights[name] for name in names], dtype=float)
    columns = {"target": names, "weight": weights, "R2 before": r2_before, "R2 now": r2_now}
    columns["change"] = weights * (r2_now - r2_before)
    return pd.DataFrame(columns).sort_values("change", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def _change_figure(changes: pd.DataFrame, best_run: Record, kind: str) -> Figure:
    changed_rows = changes[changes["change"] != 0]
    axis = {"title": {"text": f"change in the {kind} score"}, "exponentformat": "none"}
    plot = figure_by_target(changed_rows["target"], xaxis=axis, barmode="overlay", showlegend=True)
    better = (changed_rows["change"] > 0).to_numpy()
    for name, mask, colour, pattern in (("better", better, draw.GREEN, ""), ("worse", ~better, draw.VERMILION, "/")):
        part = changed_rows[mask]
        if not len(part):
            continue
        rows = part[["target", "R2 before", "R2 now"]].itertuples(index=False)
        labels = [f"{short_name(target)}: R2 {before:.4f}, now {now:.4f}" for target, before, now in rows]
        look = {"width": 0.75, "text": labels, "textposition": "none"}
        hover, marker = "%{text}: %{x:+.4f}<extra></extra>", draw.pattern_style(colour, pattern)
        draw.add_bars(plot, part["change"], np.flatnonzero(mask), name, hover, marker, **look)
    plot.add_vline(0, line={"color": draw.GREY})
    summary = CHANGE.format(run=short_name(best_run.folder.name))
    return Figure("change", "Change per target", summary, plot, changed_rows)


def _rank_finding(run: Record, runs: ComparableRuns) -> list[PageFinding]:
    ranked = [entry for entry in runs.same_data if entry.scores]
    if not run.scores or runs.this not in ranked or len(ranked) < 2:
        return []
    rank, best_run = ranked.index(runs.this) + 1, ranked[0]
    values = {"rank": rank, "runs": len(ranked), "best": plain(best_run.folder.name)}
    if rank == 1:
        return [PageFinding("good", "rank", f"the best of {len(ranked)} runs on the same data", "previous", values)]
    scores = ", ".join(f"{best_run.show(kind)} {kind}" for kind in SCORES if kind in best_run.values)
    name = short_name(best_run.folder.name)
    message = f"rank {rank} of {len(ranked)} runs on the same data; the best is {name}, with {scores}"
    return [PageFinding("note", "rank", message, "previous", values)]


def _change_findings(run: Record, best_run: Record, changes: pd.DataFrame, kind: str) -> list[PageFinding]:
    change = run.values[kind] - best_run.values[kind]
    level: Level = "note"
    if abs(change) > SMALL_CHANGE:
        level = "good" if change > 0 else "bad"
    name = short_name(best_run.folder.name)
    message = f"{kind} score {change:+.4f} compared with {name}, the best earlier run on the same data"
    top = changes[changes["change"] != 0][["target", "change"]].head(3).itertuples(index=False)
    names = ", ".join(f"{short_name(target)} {difference:+.4f}" for target, difference in top)
    if names and all(each.values[kind] == each.scores[kind].value for each in (run, best_run)):
        message += f"; the largest changes: {names}"
    values = {"run": plain(best_run.folder.name), "change": change}
    return [PageFinding(level, "change", message, "previous", values)]
