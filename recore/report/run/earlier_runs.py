"""A run among the runs of its folder: is it better than the one before, and where?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recore.pipeline.board import read_runs
from recore.pipeline.record import Record
from recore.pipeline.scores import SIDES
from recore.pipeline.text import plain
from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import GREEN, GREY, VERMILION, new_figure, short_name
from recore.report.run.target_scores import LOOKS, by_target

if TYPE_CHECKING:
    import pandas as pd

DRAWN = 500  # runs, the latest of them
CLOSE = 0.0005  # scores that differ by less read the same
WORDS = "R2 then and now, and weight x their difference: the score's change is the sum."


@dataclass(frozen=True)
class Among:
    """The runs on the same data, best first, this one among them; how many are on other data; what is no run."""

    same: list[Record]
    this: Record
    others: int
    unread: list[str]


def section(run: Record) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Scores on other data do not compare: the runs here used the same files, told by their hashes. Good: private and "
        "public climb together from run to run. Bad: public climbs and private does not, or falls: the model learns the "
        "public holes by heart. Many runs chosen by one private score flatter it: the best of many is partly luck."
    )
    among = _among(run)
    if among is None:
        text = "The folder that the run lies in cannot be read as a folder of runs."
        return Section("previous", "Among the runs", reading, (), text), []
    said = [f"{among.others} runs on other data are not comparable, and left out."] if among.others else []
    said += [f"{len(among.unread)} folders hold an invalid run.json."] if among.unread else []
    table = _board(among)
    items: list[Figure | Table] = (
        [_history(table)] if (table[["public", "private"]].notna().any(axis=1)).sum() > 1 else []
    )
    items.append(
        Table("board", "Runs on the same data", "Best first: by the private score, or else the public one.", table)
    )
    best = _best_before(run, among)
    found = _place(run, among)
    if best is not None and run.judge and run.judge in best.scores:
        changes = _changes(run, best)
        items += [_change(changes, best, run.judge)] if changes["change"].any() else []
        items.append(Table("changes", f"Against {short_name(best.folder.name)}", WORDS, changes))
        found += _compared(run, best, changes)
    return Section("previous", "Among the runs", reading, items, " ".join(said)), found


def _among(run: Record) -> Among | None:
    folder = run.folder.resolve()
    entries, unread = read_runs(folder.parent)
    this = next((entry for entry in entries if entry.folder.name == folder.name), None)
    if this is None:
        return None
    same = [entry for entry in entries if entry.data_hashes == this.data_hashes]
    return Among(same, this, len(entries) - len(same), unread)


def _board(among: Among) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {
            "run": plain(entry.folder.name),
            "": "this run" if entry is among.this else "",
            "state": plain(entry.result, 40),
            "submission": plain(entry.submission_sha256[:8]),
            "started": f"{entry.started:%Y-%m-%d %H:%M:%S}",
            "seconds": entry.seconds,
            **{side: entry.scores[side].value if side in entry.scores else np.nan for side in reversed(SIDES)},
        }
        for entry in among.same
    ]
    return pd.DataFrame(rows)


def _history(table: "pd.DataFrame") -> Figure:
    """Scores over time."""
    drawn = table.sort_values("started", kind="stable").tail(DRAWN)
    plot = new_figure(
        380, xaxis={"title": {"text": "started, UTC"}, "type": "date"}, yaxis={"title": {"text": "score"}}
    )
    plot.update_layout(legend={"orientation": "h", "y": 1.01, "yanchor": "bottom"})
    plot.update_layout(hovermode="x", hoverdistance=-1)  # a label wherever the mouse is: runs may be few
    for side in reversed(SIDES):
        own = drawn[np.isfinite(drawn[side])]
        if not len(own):
            continue
        colour, symbol = LOOKS[side]
        this = (own[""] != "").tolist()
        plot.add_scatter(
            x=own["started"],
            y=own[side],
            mode="lines+markers",
            name=side,
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "symbol": symbol, "size": [16 if mark else 8 for mark in this]},
            text=[f"{short_name(name)}{', this run' * mark}" for name, mark in zip(own["run"], this, strict=True)],
            hovertemplate="%{text}: %{y:.4f}<extra>%{fullData.name}</extra>",
        )
    words = f"Runs on the same data in the order of their start, the latest {DRAWN} at the most; the large mark is this run."
    return Figure("history", "Scores of the runs", words, plot, drawn)


def _best_before(run: Record, among: Among) -> Record | None:
    """The best run on the same data that started before this one."""
    earlier = (entry for entry in among.same if entry is not among.this and entry.started <= run.started)
    return next((entry for entry in earlier if entry.scores), None)


def _changes(run: Record, best: Record) -> "pd.DataFrame":
    """A row for each target that both were scored on, what changed most first."""
    import pandas as pd

    side = run.judge or "public"
    now, then = run.scores[side], best.scores[side]
    both = [name for name, r2 in now.r2.items() if r2 is not None and then.r2.get(name) is not None]
    r2_now, r2_then = (np.array([score.r2[name] for name in both], dtype=float) for score in (now, then))
    weights = np.array([now.weights[name] for name in both], dtype=float)
    columns = {
        "target": both,
        "weight": weights,
        "R2 then": r2_then,
        "R2 now": r2_now,
        "change": weights * (r2_now - r2_then),
    }
    return pd.DataFrame(columns).sort_values("change", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def _change(changes: "pd.DataFrame", best: Record, side: str) -> Figure:
    drawn = changes[changes["change"] != 0]
    plot = by_target(
        drawn["target"], xaxis={"title": {"text": f"change of the {side} score"}}, barmode="overlay", showlegend=True
    )
    better = (drawn["change"] > 0).to_numpy()
    for name, chosen, colour, pattern in (("better", better, GREEN, ""), ("worse", ~better, VERMILION, "/")):
        own = drawn[chosen]
        if not len(own):
            continue
        plot.add_bar(
            x=own["change"],
            y=np.flatnonzero(chosen),
            width=0.75,
            name=name,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}},
            text=[
                f"{short_name(target)}: R2 {then:.4f}, now {now:.4f}"
                for target, then, now in own[["target", "R2 then", "R2 now"]].itertuples(index=False)
            ],
            textposition="none",
            hovertemplate="%{text}: %{x:+.4f}<extra></extra>",
        )
    plot.add_vline(0, line={"color": GREY})
    words = f"Weight x the change of R2 against {short_name(best.folder.name)}, the best earlier run on the same data."
    return Figure("change", "What changed, target by target", words, plot, drawn)


def _place(run: Record, among: Among) -> list[Finding]:
    ranked = [entry for entry in among.same if entry.scores]
    if not run.scores or among.this not in ranked or len(ranked) < 2:
        return []
    place, best = ranked.index(among.this) + 1, ranked[0]
    values = {"place": place, "runs": len(ranked), "best": plain(best.folder.name)}
    if place == 1:
        return [Finding("good", "place", f"the best of {len(ranked)} runs on the same data", "previous", values)]
    scores = ", ".join(f"{best.scores[side].value:.4f} {side}" for side in SIDES if side in best.scores)
    text = f"place {place} of {len(ranked)} runs on the same data; the best is {short_name(best.folder.name)}, with {scores}"
    return [Finding("note", "place", text, "previous", values)]


def _compared(run: Record, best: Record, changes: "pd.DataFrame") -> list[Finding]:
    side = run.judge or "public"
    change = run.scores[side].value - best.scores[side].value
    level = "good" if change > CLOSE else "bad" if change < -CLOSE else "note"
    text = f"{change:+.4f} {side} against {short_name(best.folder.name)}, the best earlier run on the same data"
    most = [
        f"{short_name(name)} {by:+.4f}"
        for name, by in changes[["target", "change"]].head(3).itertuples(index=False)
        if by
    ]
    text += f"; most of it by {', '.join(most)}" if most else ""
    values = {"run": plain(best.folder.name), "change": change}
    found = [Finding(level, "change", text, "previous", values)]  # type: ignore[arg-type]
    if run.score_sha256 != best.score_sha256:
        text = (
            f"{short_name(best.folder.name)} was scored by another score.py: the two scores may mean different things"
        )
        found.append(Finding("note", "other score.py", text, "previous"))
    return found
