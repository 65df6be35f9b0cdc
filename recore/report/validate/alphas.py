"""How strong should the regularisation be? The score with one regularisation strength (alpha) for all targets."""

from typing import TYPE_CHECKING

from recore.report.page.content import Figure, Level, PageFinding, Section
from recore.report.page.figures import ABOVE, BLUE, DASHES, SEQUENTIAL, VERMILION, as_float32, new_figure
from recore.report.validate.plan import SPLIT_NAMES
from recore.report.validate.validation import ValidationResult

if TYPE_CHECKING:
    import pandas as pd

LARGEST_LOSS = 0.3  # of R2 below a target's best, where the colour scale ends
CLEAR_LOSS = 0.005  # of the score; smaller differences can be chance

TITLE = "Regularisation strength"
READING = (
    "Good: a maximum inside the range, flat at the top, the two curves' maxima close together, and the dashed line "
    "(each target with its own strength) as high as the maximum or higher. Bad: a maximum at an end of the range "
    "(widen the range); a maximum on held-out drill holes far to the right of the one on held-out rows (new holes need "
    "a stronger regularisation than neighbouring samples do); a dashed line below the maximum (choosing a strength per "
    "target costs more than it gains: use fewer strengths, or one for all targets)."
)
NOTE = "At each point fit() may use only that one strength, on the folds of the first seed."
NO_ALPHAS = "Not drawn: fit() has no hyperparameters alpha_min and alpha_max that could be varied."
ONE_ALPHA = "Not drawn: this submission tries only one regularisation strength."
SKIPPED = "Not drawn: the time budget was used up; --minutes sets the budget."


def section(result: ValidationResult) -> tuple[Section, list[PageFinding]]:
    """The section and its findings."""
    note = NOTE
    if result.alphas is None:
        note = NO_ALPHAS
    elif len(set(result.alphas)) < 2:
        note = ONE_ALPHA
    elif not result.completed(result.splits[0], "alpha"):
        note = SKIPPED
    if note != NOTE:
        return Section("alphas", TITLE, READING, (), note), []
    table = alpha_curves(result)
    return Section("alphas", TITLE, READING, (_scores(table, result), _by_target(table, result)), NOTE), [
        _finding(table, result)
    ]


def alpha_curves(result: ValidationResult) -> "pd.DataFrame":
    """A row for each split and regularisation strength: the score, and R2 of each target."""
    import pandas as pd

    rows = []
    for split in result.splits:
        for each in result.completed(split, "alpha"):
            r2 = result.r2(result.predictions[each])
            row = {"held out": SPLIT_NAMES[split], "alpha": each.setting, "score": result.challenge.score(r2)}
            rows.append(row | dict(zip(result.challenge.targets, r2, strict=True)))
    return pd.DataFrame(rows)


def _scores(table: "pd.DataFrame", result: ValidationResult) -> Figure:
    plot = new_figure(400, xaxis={"type": "log", "title": {"text": "alpha"}, "exponentformat": "power"})
    plot.update_yaxes(title_text="score")
    plot.update_layout(legend=ABOVE)
    ends = [float(table["alpha"].min()), float(table["alpha"].max())]
    looks = {"holes": (BLUE, "circle"), "rows": (VERMILION, "diamond")}
    for split in result.splits:
        name, (colour, symbol) = SPLIT_NAMES[split], looks[split]
        rows = table[table["held out"] == name]
        if len(rows):
            plot.add_scatter(
                x=rows["alpha"],
                y=rows["score"],
                mode="lines+markers",
                name=name,
                line={"color": colour, "dash": DASHES[0], "width": 2},
                marker={"symbol": symbol, "size": 7},
                hovertemplate="alpha %{x:.3g}: %{y:.4f}<extra>%{fullData.name}</extra>",
            )
            plot.add_scatter(
                x=ends,
                y=[result.score(result.first(split))] * 2,
                mode="lines",
                name=f"{name}, alpha per target",
                line={"color": colour, "dash": "dash", "width": 1.5},
                hovertemplate="alpha per target: %{y:.4f}<extra>%{fullData.name}</extra>",
            )
    summary = "The score with one alpha for all targets; dashed: with the alpha that is chosen for each target."
    numbers = table[["held out", "alpha", "score"]]
    return Figure("alphas-score", "Score over regularisation strength", summary, plot, numbers)


def _by_target(table: "pd.DataFrame", result: ValidationResult) -> Figure:
    split = SPLIT_NAMES[result.splits[0]]
    rows = table[table["held out"] == split]
    names = [result.challenge.targets[column] for column in result.ranked_targets]
    r2 = rows[names].to_numpy().T
    loss = r2 - r2.max(axis=1, keepdims=True) if names else r2
    height = max(300, 150 + 16 * len(names))
    plot = new_figure(height, xaxis={"title": {"text": "alpha"}, "type": "category"})
    plot.update_yaxes(autorange="reversed", type="category", dtick=1)
    plot.add_heatmap(
        x=[f"{alpha:.3g}" for alpha in rows["alpha"]],
        y=names,
        z=as_float32(loss),
        customdata=as_float32(r2),
        colorscale=SEQUENTIAL,
        zmin=-LARGEST_LOSS,
        zmax=0,
        colorbar={"title": {"text": "R2 - best R2"}},
        hovertemplate="%{y} at alpha %{x}: R2 %{customdata:.3f}<extra></extra>",
    )
    summary = (
        f"R2 of each target on {split}, relative to its best alpha: the brighter, the better. The colour scale ends "
        f"{LARGEST_LOSS:g} below the best; the values are shown on hover."
    )
    return Figure("alphas-by-target", "Regularisation strength by target", summary, plot, table)


def _finding(table: "pd.DataFrame", result: ValidationResult) -> PageFinding:
    split = result.splits[0]
    rows = table[table["held out"] == SPLIT_NAMES[split]].sort_values("alpha")
    best = rows.loc[rows["score"].idxmax()]
    per_target = result.score(result.first(split))
    text = (
        f"one alpha for all targets is best at {best['alpha']:.3g}, with a score of {best['score']:.4f} on "
        f"{SPLIT_NAMES[split]}; an alpha per target scores {per_target:.4f}"
    )
    values = {"alpha": float(best["alpha"]), "score": float(best["score"]), "per target": per_target}
    level: Level = "good"
    if len(rows) > 2 and best["alpha"] in (rows["alpha"].iloc[0], rows["alpha"].iloc[-1]):
        level, text = "bad", f"{text}; the best is at an end of the range: widen the range"
    elif per_target < best["score"] - CLEAR_LOSS:
        level, text = "note", f"{text}: choosing an alpha per target costs more than it gains"
    return PageFinding(level, "alpha", text, "alphas", values)
