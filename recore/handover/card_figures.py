"""The parts of the model card with figures: scores per target, and what they mean for a cut-off."""

import math
from collections.abc import Sequence

from recore.handover.cut_offs import QUANTILE
from recore.handover.hole_spread import DRAWS, FEWEST_HOLES, INTERVAL, Estimate
from recore.handover.markdown import table
from recore.handover.run_files import HandedRun
from recore.handover.target_figures import TargetFigures

EXPLAINED = 3  # targets whose figures are put into sentences, besides those with a chosen cut-off
NOTHING = (
    "The training left no held-out predictions that could be scored, so how good the model is on other drill holes was "
    "not measured.\n"
)


def scores_section(run: HandedRun, figures: Sequence[TargetFigures]) -> str:
    text = "## Scores per target\n\n"
    if not figures:
        return text + NOTHING
    private = run.record.scores.get("private")
    rows = []
    for each in figures:
        other = private.r2.get(each.name) if private else None
        rows.append(
            (
                each.name,
                f"{each.weight:g}",
                f"{each.rows:,}",
                f"{each.holes}",
                f"{figure(each.lowest)} to {figure(each.highest)}",
                _number(each.r2.value, ".3f"),
                _interval(each.r2, ".2f"),
                figure(each.rmse.value),
                _range(each.rmse),
                each.unit,
                *([_number(math.nan if other is None else other, ".3f")] if private else []),
            )
        )
    header = ["target", "weight", "rows", "holes", "assays", "R2", f"{INTERVAL} %", "RMSE", f"{INTERVAL} %", "unit"]
    if private:
        header.append("private R2")
    return (
        text
        + "On held-out drill holes: each row is predicted by a model that had not seen its hole. The columns "
        + f"{INTERVAL} % say how much the figure before them varies with the holes: {INTERVAL} % of {DRAWS:,} draws of "
        + f"whole holes, with replacement, are between these two values; - for fewer than {FEWEST_HOLES} holes. "
        + "*assays*: their range in the training data. RMSE is the root mean squared error.\n\n"
        + table(header, rows)
    )


def cut_off_section(figures: Sequence[TargetFigures]) -> str:
    text = "## What an R2 of that size means for a cut-off\n\n"
    if not figures:
        return text + NOTHING
    explained = [each for each in figures if each.cut_off.chosen] or list(figures[:EXPLAINED])
    text += "".join(f"- {_explain(each)}\n" for each in explained)
    rows = [
        (
            each.name,
            f"{figure(each.cut_off.value)} {each.unit}",
            f"{each.cut_off.share:.0%}",
            _number(each.r2.value, ".3f"),
            *(_share(estimate) for estimate in (each.cut_off.true, each.cut_off.found, each.cut_off.wrong)),
        )
        for each in figures
    ]
    return (
        text
        + "\nMeasured on the same held-out rows, with the intervals by drill hole in brackets. The cut-off is the "
        + f"upper quartile of the assays ({QUANTILE} % are at or below it) unless one was chosen with `--cut-off`. "
        + "*above*: samples that are above it. *true*: of those predicted above, how many are. *found*: of those that "
        + "are above, how many are predicted so. *wrong side*: ore taken for waste, or waste for ore, of all "
        + "samples.\n\n"
        + table(("target", "cut-off", "above", "R2", "true", "found", "wrong side"), rows)
    )


def _explain(figures: TargetFigures) -> str:
    """A target's figures in plain words."""
    cut_off, unit = figures.cut_off, f" {figures.unit}".rstrip()
    at = f"{figure(cut_off.value)}{unit}"
    left = math.sqrt(max(1 - figures.r2.value, 0))
    text = (
        f"**{figures.name}**, R2 {figures.r2.value:.2f}: the typical error is {left:.0%} of what it would be if every "
        f"sample were given the mean. "
    )
    if math.isnan(cut_off.true.value):
        text += f"No sample is predicted above {at}, so the model finds none of those that are. "
    else:
        text += f"Of 100 samples predicted above {at}, {_of_100(cut_off.true)} are; picked blindly, it would be "
        text += f"{100 * cut_off.share:.0f}. "
        if not math.isnan(cut_off.found.value):
            text += f"Of 100 samples that are above it, the model finds {_of_100(cut_off.found)}. "
    return text + (
        f"It puts {_of_100(cut_off.wrong)} of 100 samples on the wrong side; calling every sample waste would put "
        f"{100 * cut_off.share:.0f} there."
    )


def _of_100(estimate: Estimate) -> str:
    value = f"{100 * estimate.value:.0f}"
    return value if math.isnan(estimate.low) else f"{value} ({100 * estimate.low:.0f} to {100 * estimate.high:.0f})"


def _share(estimate: Estimate) -> str:
    value = _number(estimate.value, ".0%")
    return value if math.isnan(estimate.low) else f"{value} ({estimate.low:.0%} to {estimate.high:.0%})"


def figure(value: float) -> str:
    """A quantity with at most four digits that count, and without an exponent unless it is tiny."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.4g}"


def _range(estimate: Estimate) -> str:
    return "-" if math.isnan(estimate.low) else f"{figure(estimate.low)} to {figure(estimate.high)}"


def _number(value: float, number_format: str) -> str:
    return "-" if math.isnan(value) else f"{value:{number_format}}"


def _interval(estimate: Estimate, number_format: str) -> str:
    return "-" if math.isnan(estimate.low) else f"{estimate.low:{number_format}} to {estimate.high:{number_format}}"
