"""Is the submission better than no one's work? Its score beside those of baselines, by hole and by row."""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import ABOVE, BLUE, GREY, new_figure
from recore.report.validate.study import OURS, Study

if TYPE_CHECKING:
    import pandas as pd

WORDS = {"holes": "held-out holes", "rows": "held-out rows"}
LEAK = 0.1  # of the best possible score: a gap that a reader must not miss


def section(study: Study) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: every step of the ladder higher than the one before, this submission on top by held-out holes, and the two bars "
        "of each step close. Bad: a baseline on top (the model's freedom costs more than it brings); a bar of held-out rows far "
        "beyond that of held-out holes. That gap is the leak: neighbours in a hole are alike, and a model that has seen "
        "one knows the other. Private data are other holes, so believe the bar of held-out holes."
    )
    note = (
        "All steps are judged on the same folds, those of the first seed, and choose "
        "what they choose within the training part. one band: a straight line on the one best bin. RandomNumbers: the recipe "
        "that won the challenge, spectra over their maximum in bins of 7 channels, ridge regression with a strength for each "
        "target. PLS: partial least squares of all targets at once on standard normal variates, the number of components "
        "for each target by a part held out. Targets with gaps in more than 8 different sets of rows are filled with their "
        "mean for the baselines. The bar's whiskers: the standard deviation over the seeds."
    )
    table = ladder(study)
    items = (
        _figure(table),
        Table("repeats", "This submission, seed by seed", "Other folds each time.", repeats(study)),
    )
    return Section("ladder", "The ladder", reading, items, note), _findings(study, table)


def ladder(study: Study) -> "pd.DataFrame":
    """A row for each method and way: its score on the first folds, and over the seeds for the submission."""
    import pandas as pd

    names = list(dict.fromkeys(name for _, name in study.peers))
    rows = []
    for name in [*names, OURS]:
        for way in study.ways:
            first = study.groups(way, "nested")[0]
            predicted = study.predicted[first] if name == OURS else study.peers[way, name]
            scores = [study.challenge.score(r2) for r2 in study.r2_repeats(way)] if name == OURS else []
            spread = float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan")
            rows.append({"method": name, "held out": WORDS[way], "score": study.score(predicted), "sd": spread})
    return pd.DataFrame(rows)


def repeats(study: Study) -> "pd.DataFrame":
    """A row for each way and seed."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "held out": WORDS[way],
                "seed": study.settings.seed + int(group.detail),
                "score": study.challenge.score(r2),
            }
            for way in study.ways
            for group, r2 in zip(study.groups(way, "nested"), study.r2_repeats(way), strict=True)
        ]
    )


def _figure(table: "pd.DataFrame") -> Figure:
    plot = new_figure(120 + 46 * table["method"].nunique(), barmode="group", bargap=0.3)
    low, high = float(table["score"].min()), float((table["score"] + table["sd"].fillna(0)).max())
    plot.update_layout(margin_t=50, legend=ABOVE | {"traceorder": "normal"})
    plot.update_xaxes(title_text="score", range=[min(0.0, 1.1 * low), max(0.05, 1.1 * high)])
    plot.update_yaxes(type="category", autorange="reversed")
    for way, colour, pattern in (("held-out holes", BLUE, ""), ("held-out rows", GREY, "/")):
        own = table[table["held out"] == way]
        if len(own):
            plot.add_bar(
                x=own["score"],
                y=own["method"],
                name=way,
                orientation="h",
                marker={"color": colour, "pattern": {"shape": pattern}},
                error_x={"array": own["sd"], "visible": bool(own["sd"].notna().any()), "color": "#888888"},
                hovertemplate="%{y}, %{fullData.name}: %{x:.4f}<extra></extra>",
            )
    words = "The challenge's score of each method, for whole holes held out and for single rows held out."
    return Figure("ladder", "Baselines and this submission", words, plot, table)


def _findings(study: Study, table: "pd.DataFrame") -> list[Finding]:
    scores = {(row["method"], row["held out"]): row["score"] for _, row in table.iterrows()}
    way = WORDS[study.ways[0]]
    possible = study.challenge.possible(study.r2(study.groups(study.ways[0], "nested")[0]))
    by_seed = [study.challenge.score(r2) for r2 in study.r2_repeats(study.ways[0])]
    spread = f" +- {np.std(by_seed, ddof=1):.4f} over {len(by_seed)} seeds" if len(by_seed) > 1 else ""
    text = f"{way} score {np.mean(by_seed):.4f}{spread}, of {possible:g} possible"
    values = {"scores": by_seed, "possible": possible, "held out": way}
    found = [Finding("note", "score", text, "ladder", values)]
    peers = {name: score for (name, own), score in scores.items() if own == way and name != OURS}
    best, ours = max(peers, key=lambda name: peers[name]), scores[OURS, way]
    better = ours > peers[best]
    text = (
        f"{'better' if better else 'no better'} than every baseline by {way}: {ours:.4f}, and {best} {peers[best]:.4f}"
        if better
        else f"a baseline does as well or better by {way}: {best} {peers[best]:.4f}, this submission {ours:.4f}"
    )
    found.append(
        Finding("good" if better else "bad", "baselines", text, "ladder", {"best": best, "score": peers[best]})
    )
    if len(study.ways) == 2:
        means = [np.mean([study.challenge.score(r2) for r2 in study.r2_repeats(way)]) for way in study.ways]
        gap = float(means[1] - means[0])
        text = (
            f"held-out rows score {means[1]:.4f}, {abs(gap):.4f} {'more' if gap > 0 else 'less'} than held-out holes: "
            + ("the leak; a score from shuffled rows promises what other holes do not keep" if gap > 0 else "no leak")
        )
        level = "bad" if gap > LEAK * possible else "note" if gap > 0 else "good"
        found.append(Finding(level, "leak", text, "ladder", {"gap": gap}))  # type: ignore[arg-type]
    return found
