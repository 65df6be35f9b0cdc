"""How strong should the ridge be? The score with one strength for all targets, over the range that is tried."""

from typing import TYPE_CHECKING

from recore.report.page.content import Figure, Finding, Section
from recore.report.page.figures import ABOVE, BLUE, DASHES, SEQUENTIAL, VERMILION, as_float32, new_figure
from recore.report.validate.ladder import WORDS
from recore.report.validate.study import Study

if TYPE_CHECKING:
    import pandas as pd

LOST = 0.3  # of R2 below a target's best, at which the picture's colours end
FIRM = 0.005  # of a score that is more than chance


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: a hump inside the range, flat on top, the two curves' tops near each other, and the dashed line (a strength of its own for "
        "each target) at the height of the top or above. Bad: the top at an end of the range (widen it); the curve of held-out "
        "holes with its top far right of the other (other holes want a stronger ridge than neighbours do); the dashed line "
        "below the top (choosing costs more than it brings: fewer strengths, or one for all)."
    )
    note = "Each point is fit() with that one strength to choose from, on the folds of the first seed."
    if study.strengths is None:
        note = "Not drawn: fit() has no hyperparameters alpha_min and alpha_max, so there is no strength to vary."
    elif len(set(study.strengths)) < 2:
        note = "Not drawn: this submission tries one strength alone."
    elif not study.groups(study.ways[0], "strength"):
        note = "Not drawn: there was no time for it; --minutes gives more."
    else:
        table = curves(study)
        items = (_scores(table, study), _targets(table, study))
        return Section("strengths", "Strength curves", reading, items, note), _findings(table, study)
    return Section("strengths", "Strength curves", reading, (), note), []


def curves(study: Study) -> "pd.DataFrame":
    """A row for each way and strength: the score, and R2 of each target."""
    import pandas as pd

    rows = []
    for way in study.ways:
        for group in study.groups(way, "strength"):
            r2 = study.r2(group)
            named = dict(zip(study.challenge.targets, r2, strict=True))
            rows.append({"held out": WORDS[way], "strength": group.detail, "score": study.challenge.score(r2)} | named)
    return pd.DataFrame(rows)


def _chosen(study: Study) -> dict[str, float]:
    """The score where each target has a strength of its own, on the same folds."""
    return {WORDS[way]: study.score(study.predicted[study.groups(way, "nested")[0]]) for way in study.ways}


def _scores(table: "pd.DataFrame", study: Study) -> Figure:
    plot = new_figure(400, xaxis={"type": "log", "title": {"text": "strength (alpha)"}, "exponentformat": "power"})
    plot.update_yaxes(title_text="score")
    plot.update_layout(margin_t=50, legend=ABOVE)
    chosen = _chosen(study)
    ends = [float(table["strength"].min()), float(table["strength"].max())]
    for order, (way, colour) in enumerate((("held-out holes", BLUE), ("held-out rows", VERMILION))):
        own = table[table["held out"] == way]
        if len(own):
            plot.add_scatter(
                x=own["strength"],
                y=own["score"],
                mode="lines+markers",
                name=way,
                line={"color": colour, "dash": DASHES[0], "width": 2},
                marker={"symbol": ("circle", "diamond")[order], "size": 7},
                hovertemplate="alpha %{x:.3g}: %{y:.4f}<extra>%{fullData.name}</extra>",
            )
            plot.add_scatter(
                x=ends,
                y=[chosen[way]] * 2,
                mode="lines",
                name=f"{way.removeprefix('held-out ')}, chosen",
                line={"color": colour, "dash": "dash", "width": 1.5},
                hovertemplate="chosen for each target: %{y:.4f}<extra>%{fullData.name}</extra>",
            )
    words = "The score with one strength for all targets; dashed, with the strength that is chosen for each target."
    return Figure("strengths", "Score over strength", words, plot, table[["held out", "strength", "score"]])


def _targets(table: "pd.DataFrame", study: Study) -> Figure:
    own = table[table["held out"] == WORDS[study.ways[0]]]
    names = [study.challenge.targets[place] for place in study.weightiest]
    r2 = own[names].to_numpy().T
    below = r2 - r2.max(axis=1, keepdims=True) if len(names) else r2
    plot = new_figure(
        max(300, 150 + 16 * len(names)), xaxis={"title": {"text": "strength (alpha)"}, "type": "category"}
    )
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    plot.add_heatmap(
        x=[f"{alpha:.3g}" for alpha in own["strength"]],
        y=names,
        z=as_float32(below),
        customdata=as_float32(r2),
        colorscale=SEQUENTIAL,
        zmin=-LOST,
        zmax=0,
        colorbar={"title": {"text": "R2 below best"}},
        hovertemplate="%{y} at alpha %{x}: R2 %{customdata:.3f}<extra></extra>",
    )
    words = f"R2 of each target by {WORDS[study.ways[0]]}, less that at its best strength: the brighter, the better."
    return Figure("strengths-by-target", "Strengths by target", words, plot, table)


def _findings(table: "pd.DataFrame", study: Study) -> list[Finding]:
    way = WORDS[study.ways[0]]
    own = table[table["held out"] == way].sort_values("strength")
    best = own.loc[own["score"].idxmax()]
    chosen = _chosen(study)[way]
    at_end = len(own) > 2 and best["strength"] in (own["strength"].iloc[0], own["strength"].iloc[-1])
    text = (
        f"one strength for all targets does best at {best['strength']:.3g}, {best['score']:.4f} by {way}; "
        f"a strength chosen for each target {chosen:.4f}"
    )
    level = "bad" if at_end or chosen < best["score"] - FIRM else "good"
    if at_end:
        text += "; that is an end of the range that is tried: widen it"
    values = {"strength": float(best["strength"]), "score": float(best["score"]), "chosen": chosen}
    if level == "bad" and not at_end:
        level, text = "note", f"{text}: choosing costs more than it brings"
    return [Finding(level, "strength", text, "strengths", values)]  # type: ignore[arg-type]
