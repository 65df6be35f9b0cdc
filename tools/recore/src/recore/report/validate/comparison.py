"""Section that compares the submission with simple baselines, on held-out drill holes and on held-out rows."""

import numpy as np
import pandas as pd

from recore.report.page import figures as draw
from recore.report.page.content import Figure, PageFinding, Section, Table
from recore.validation import SPLIT_NAMES, SPLITS, ValidationResult, fills_gaps

SUBMISSION = "this submission"

TITLE = "Comparison with baselines"
READING = (
    "Good: on held-out drill holes this submission scores higher than every baseline, and the two bars of each method "
    "are close. Bad: a baseline scores higher (the model is too flexible for the data). The bar for held-out rows is "
    "optimistic for every method: neighbouring samples of a hole are alike, so a model trained on one sample has "
    "almost seen the next one. Private data come from other holes, so trust the bar for held-out drill holes."
)
NOTE = (
    "All methods use the folds of train.py, and choose their hyperparameters within the training part of each fold. "
    "mean: the mean of the training part. one band: a straight line fitted to the single best bin. winner of 2021: the "
    "published method of the winner of 2021, team RandomNumbers, which is ridge regression on spectra divided by their "
    "maximum and averaged over 7 channels, with a regularisation strength (alpha) per target. PLS: partial least "
    "squares for all targets at once, after standard normal variate; the number of components for each target is the "
    "best on a held-out part."
)
MEAN_NOTE = (
    "All methods use the folds of train.py. mean: the mean of the training part; the other baselines "
    "cannot be fitted, because spectra have gaps."
)
GAPS_NOTE = " Targets have gaps in many different rows, so the baselines fill each gap with the target's mean."
WHISKERS = " Whiskers: the standard deviation over all random folds."


def section(result: ValidationResult) -> Section:
    """Return the section, without the finding on the score."""
    table = compare_scores(result)
    summary = "First the folds of train.py, then randomly drawn ones."
    repeats = Table("repeats", "This submission, by folds", summary, list_repeats(result))
    note = MEAN_NOTE if {name for _, name in result.baselines} == {"mean"} else NOTE
    note += GAPS_NOTE if note == NOTE and fills_gaps(result.measured) else ""
    note += WHISKERS if table["sd over folds"].notna().any() else ""
    return Section("comparison", TITLE, READING, (_bars(table), repeats), note, [_baseline_finding(table)])


def compare_scores(result: ValidationResult) -> pd.DataFrame:
    """Return a row for each method and split: score on the first set of folds, and the submission's sd over sets."""
    rows = []
    for method in [*dict.fromkeys(name for _, name in result.baselines), SUBMISSION]:
        for split in result.splits:
            is_submission = method == SUBMISSION
            predicted = result.first_predictions(split) if is_submission else result.baselines[split, method]
            scores = result.scores_of_repeats(split) if is_submission else []
            deviation = float(np.std(scores, ddof=1)) if len(scores) > 1 else np.nan
            row = {"method": method, "held out": SPLIT_NAMES[split], "score": result.score(predicted)}
            rows.append(row | {"sd over folds": deviation})
    return pd.DataFrame(rows)


def list_repeats(result: ValidationResult) -> pd.DataFrame:
    """Return a row with the submission's score for each split and set of folds."""
    rows = []
    for split in result.splits:
        draws = [int(each.setting) for each in result.get_completed(split, "default")]
        for number, score in zip(draws, result.scores_of_repeats(split), strict=True):
            folds = f"drawn, seed {result.settings.seed + number - 1}" if number else "of train.py"
            rows.append({"held out": SPLIT_NAMES[split], "folds": folds, "score": score})
    return pd.DataFrame(rows)


def _bars(table: pd.DataFrame) -> Figure:
    plot = draw.new_figure(120 + 46 * table["method"].nunique(), barmode="group", bargap=0.3)
    low, high = float(table["score"].min()), float((table["score"] + table["sd over folds"].fillna(0)).max())
    plot.update_layout(legend=draw.ABOVE | {"traceorder": "normal"})
    plot.update_xaxes(title_text="score", range=[min(0.0, 1.1 * low), max(0.05, 1.1 * high)])
    plot.update_yaxes(type="category", autorange="reversed")
    styles = {"holes": {"color": draw.BLUE}, "rows": draw.outline_style(draw.GREY)}
    for split in SPLITS:
        rows = table[table["held out"] == SPLIT_NAMES[split]]
        if len(rows):
            deviations = rows["sd over folds"]
            whiskers = {"array": deviations, "visible": bool(deviations.notna().any()), "color": "#888888"}
            hover = "%{y}, %{fullData.name}: %{x:.4f}<extra></extra>"
            name, marker = SPLIT_NAMES[split], styles[split]
            draw.add_bars(plot, rows["score"], rows["method"], name, hover, marker, error_x=whiskers)
    splits = " and on ".join(dict.fromkeys(table["held out"]))
    summary = f"The challenge's score of each method, cross-validated on {splits}."
    return Figure("comparison-scores", "Scores of the baselines and this submission", summary, plot, table)


def score_finding(result: ValidationResult) -> PageFinding:
    """Return the finding on the score, which is listed before all others."""
    scores = result.scores_of_repeats(result.decisive_split)
    possible = result.possible_score
    first, *others = scores
    message = f"held-out score {first:.4f} of {possible:g} possible ({result.held_out}, the folds of train.py)"
    if others:
        message += f"; with other folds {', '.join(f'{score:.4f}' for score in others)}"
    values = {"scores": scores, "possible": possible, "held out": result.held_out}
    return PageFinding("note", "score", message, "comparison", values)


def _baseline_finding(table: pd.DataFrame) -> PageFinding:
    split = table["held out"].iloc[0]
    scores = table[table["held out"] == split].set_index("method")["score"]
    score, baselines = scores[SUBMISSION], scores.drop(SUBMISSION)
    best = str(baselines.idxmax())
    values = {"best": best, "score": float(baselines[best])}
    if score > baselines[best]:
        message = (
            f"better than every baseline on {split}: {score:.4f}; the best of them, {best}, scores "
            f"{baselines[best]:.4f}"
        )
        return PageFinding("good", "baselines", message, "comparison", values)
    message = (
        f"a baseline is at least as good on {split}: {best} scores {baselines[best]:.4f}, this submission {score:.4f}"
    )
    return PageFinding("bad", "baselines", message, "comparison", values)
