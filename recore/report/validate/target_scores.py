"""Which targets make the score? R2 of each by hole and by row, what it brings and what it could still bring."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import ABOVE, BLUE, GREY, OCHRE, VERMILION, new_figure
from recore.report.validate.ladder import WORDS
from recore.report.validate.study import Study

if TYPE_CHECKING:
    import pandas as pd

LOWEST = -0.5  # R2 at which figures end; the tables have it as it is


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: the two marks of a target close together and far to the right; little left to gain where weight is. Bad: a mark "
        "left of zero (the mean would do better: such a target takes from the score), a long line between the marks (what was "
        "learnt is the hole, not the rock), a wide whisker (the next folds may say something else)."
    )
    table = by_target(study)
    way = WORDS[study.ways[0]]
    note = (
        f"R2 over all {way} together; whiskers: the standard deviation over the seeds, where folds differ. "
        f"Brings: weight x R2. Could gain: weight x (1 - R2). Figures end at R2 = {LOWEST:g}. {_deepest(table)}"
    ).strip()
    shown = table.dropna(subset=["R2 held-out holes" if "holes" in study.ways else "R2 held-out rows"])
    items = (
        _r2(shown, study),
        _shares(shown),
        Table("targets", "All targets", f"By {way}; what could be gained most, first.", table),
    )
    return Section("targets", "Targets", reading, items, note), _findings(study, table)


def by_target(study: Study) -> "pd.DataFrame":
    """A row for each target, what could be gained most first."""
    import pandas as pd

    columns: dict[str, object] = {
        "target": list(study.challenge.targets),
        "weight": study.challenge.weights,
        "measured": (~np.isnan(study.actual)).sum(axis=0),
    }
    for way in study.ways:
        r2 = study.r2_repeats(way)
        columns[f"R2 {WORDS[way]}"] = r2.mean(axis=0)
        columns[f"sd {WORDS[way]}"] = r2.std(axis=0, ddof=1) if len(r2) > 1 else np.full(r2.shape[1], np.nan)
    table = pd.DataFrame(columns)
    if len(study.ways) == 2:
        table["gap"] = table["R2 held-out rows"] - table["R2 held-out holes"]
    first = table[f"R2 {WORDS[study.ways[0]]}"]
    table["brings"], table["could gain"] = table["weight"] * first, table["weight"] * (1 - first)
    return table.sort_values("could gain", ascending=False, kind="stable", ignore_index=True)


def _deepest(table: "pd.DataFrame") -> str:
    names = [name for name in table if str(name).startswith("R2")]
    beyond = table[(table[names] < LOWEST).any(axis=1)]["target"].tolist()
    return f"Beyond that end: {', '.join(beyond)}." if beyond else ""


def _r2(table: "pd.DataFrame", study: Study) -> Figure:
    plot = new_figure(150 + 17 * len(table), legend=ABOVE, margin={"t": 50})
    plot.update_xaxes(title_text="R2", range=[LOWEST - 0.05, 1.05])
    plot.update_yaxes(type="category", range=[len(table) - 0.5, -0.5], dtick=1)
    if len(study.ways) == 2:
        ends = table[["R2 held-out holes", "R2 held-out rows"]].clip(LOWEST).to_numpy()
        plot.add_scatter(
            x=np.column_stack([ends, np.full(len(ends), np.nan)]).ravel(),
            y=np.repeat(table["target"].to_numpy(), 3),
            mode="lines",
            name="gap",
            line={"color": GREY, "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    for way, colour, symbol in (("holes", BLUE, "circle"), ("rows", VERMILION, "diamond-open")):
        if way in study.ways:
            name = WORDS[way]
            spread = table[f"sd {name}"]
            plot.add_scatter(
                x=table[f"R2 {name}"].clip(LOWEST),
                y=table["target"],
                mode="markers",
                name=name,
                marker={"color": colour, "symbol": symbol, "size": 9},
                error_x={"array": spread, "visible": bool(spread.notna().any()), "thickness": 1, "width": 3},
                customdata=table[f"R2 {name}"],
                hovertemplate="%{y}, %{fullData.name}: R2 %{customdata:.3f}<extra></extra>",
            )
    words = "R2 of each target by held-out holes and by held-out rows; what could be gained most, at the top."
    names = [name for name in table if str(name).startswith(("target", "R2", "sd", "gap"))]
    return Figure("r2", "R2 by hole and by row", words, plot, table[names])


def _shares(table: "pd.DataFrame") -> Figure:
    plot = new_figure(150 + 17 * len(table), barmode="relative", bargap=0.25)
    plot.update_layout(margin_t=50, legend=ABOVE | {"traceorder": "normal"})
    plot.update_xaxes(title_text="points of the score")
    plot.update_yaxes(type="category", autorange="reversed", dtick=1)
    for column, colour, pattern in (("brings", BLUE, ""), ("could gain", OCHRE, "/")):
        shown = table[column]
        if column == "could gain":
            shown = table["weight"] * (1 - table["brings"].clip(lower=0) / table["weight"])
        plot.add_bar(
            x=shown.clip(lower=LOWEST * table["weight"]),
            y=table["target"],
            name=column,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}},
            customdata=table[column],
            hovertemplate="%{y} %{fullData.name} %{customdata:.4f}<extra></extra>",
        )
    words = "A bar's length to the right is a target's weight: what it brings, and what it could still gain. Left of zero: it costs."
    return Figure("shares", "Shares of the score", words, plot, table[["target", "weight", "brings", "could gain"]])


def _findings(study: Study, table: "pd.DataFrame") -> list[Finding]:
    r2 = table[f"R2 {WORDS[study.ways[0]]}"]
    scored = table[r2.notna()]
    found = []
    if scored["could gain"].sum() > 0:
        most = scored.iloc[0]
        share = most["could gain"] / scored["could gain"].sum()
        text = f"most is to be gained in {most['target']}: {most['could gain']:.4f}, {share:.0%} of all that is missing"
        found.append(Finding("note", "gain", text, "targets", {"target": most["target"], "points": most["could gain"]}))
    below = scored[scored["brings"] < 0]
    if len(below):
        cost = float(-below["brings"].sum())
        text = (
            f"{len(below)} of {len(scored)} targets do worse than their mean, which costs {cost:.4f}: {_names(below)}"
        )
        found.append(
            Finding("bad", "below the mean", text, "targets", {"targets": below["target"].tolist(), "points": cost})
        )
    never = table[table["measured"] == 0]
    if len(never):
        lost = never["weight"].sum()
        text = f"{len(never)} of {len(table)} targets have no assay in these rows, and {lost:g} of the weights with them: {_names(never)}"
        found.append(Finding("note", "not measured", text, "targets", {"targets": never["target"].tolist()}))
    rare = table[(table["measured"] > 0) & r2.isna()]
    if len(rare):
        text = f"{len(rare)} targets were measured too seldom to be judged, or only in one place: {_names(rare)}"
        found.append(Finding("note", "seldom measured", text, "targets", {"targets": rare["target"].tolist()}))
    constant = [
        name for name, spread in zip(study.challenge.targets, study.deviations, strict=True) if np.isnan(spread)
    ]
    constant = [name for name in constant if name in set(table[table["measured"] > 1]["target"])]
    if constant:
        text = f"{len(constant)} targets have one value in all rows: {', '.join(constant[:8])}; their R2 says nothing"
        found.append(Finding("bad", "constant", text, "targets", {"targets": constant}))
    return found


def _names(table: "pd.DataFrame") -> str:
    names = table["target"].tolist()
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
