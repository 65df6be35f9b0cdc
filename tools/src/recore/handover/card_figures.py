"""The parts of the model card with figures: scores per target, and what they mean for a cut-off."""

import math
from collections.abc import Sequence

import numpy as np

from recore.handover.cut_offs import QUANTILE
from recore.handover.hole_spread import DRAWS, ENOUGH_HOLES, FEWEST_HOLES, INTERVAL, Estimate, SampleShare
from recore.handover.markdown import table
from recore.handover.run_files import HandedRun
from recore.handover.target_figures import TargetFigures, read_held_out

EXPLAINED = 3  # targets whose figures are put into sentences if no cut-off was chosen
NOTHING = (
    "The training left no held-out predictions that could be scored, so how good the model is on other drill holes was "
    "not measured.\n"
)


def scores_section(run: HandedRun, figures: Sequence[TargetFigures]) -> str:
    text = "## Scores per target\n\n"
    if not figures:
        return text + NOTHING
    private = run.record.scores.get("private")
    rows = [
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
            *([_number(each.private_r2, ".3f")] if private else []),
        )
        for each in figures
    ]
    header = ["target", "weight", "rows", "holes", "assays", "R2", f"{INTERVAL} %", "RMSE", f"{INTERVAL} %", "unit"]
    if private:
        header.append("private R2")
    return text + _origin(run, figures) + _columns(run) + table(header, rows)


def _origin(run: HandedRun, figures: Sequence[TargetFigures]) -> str:
    """Where the held-out predictions come from."""
    predicted = int(np.isfinite(read_held_out(run)).any(axis=1).sum())
    counted = f"{predicted:,} of the {run.data.rows:,} rows"
    if max(each.holes for each in figures) == 1:
        text = (
            f"Measured on held-out predictions of {counted}. They are all of one drill hole, so these figures say "
            "nothing about another hole. "
        )
    else:
        text = (
            f"Measured on held-out predictions of {counted}. According to the submission, each row was predicted by a "
            "model that had not seen its drill hole. "
        )
    independent = "the private score is independent" if "private" in run.record.scores else "a private score would be"
    return text + (
        "The submission's own training made these predictions, and nobody has checked them. It may have chosen its "
        f"settings on the same rows, which makes the figures somewhat optimistic; only {independent}.\n\n"
    )


def _columns(run: HandedRun) -> str:
    text = (
        f"The columns {INTERVAL} % say how much the figure before them varies with the holes: {INTERVAL} % of "
        f"{DRAWS:,} draws of whole holes, with replacement, are between these two values; - for fewer than "
        f"{FEWEST_HOLES} holes. With fewer than about {ENOUGH_HOLES} holes the intervals are too narrow, and they do "
        "not include the variation of a new training. *assays*: their range in the training data. RMSE is the root "
        "mean squared error. "
    )
    if private := run.record.scores.get("private"):
        text += f"*private R2*: on the {private.rows:,} private rows, without an interval."
    return text.strip() + "\n\n"


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
            *(_share(share) for share in (each.cut_off.precision, each.cut_off.recall, each.cut_off.wrong)),
        )
        for each in figures
    ]
    return (
        text
        + "\nMeasured on the same held-out rows. In brackets is the interval by drill hole; where there is none, the "
        + f"numbers of samples. The cut-off is the upper quartile of the assays ({QUANTILE} % are at or below it) "
        + "unless one was chosen with `--cut-off`. *above*: samples that are above it. *precision*: of those predicted "
        + "above, how many are. *recall*: of those that are above, how many are predicted so. *wrong side*: samples "
        + "above called below, or below called above, of all.\n\n"
        + table(("target", "cut-off", "above", "R2", "precision", "recall", "wrong side"), rows)
    )


def _explain(figures: TargetFigures) -> str:
    """A target's figures in plain words."""
    cut_off, at = figures.cut_off, f"{figure(figures.cut_off.value)} {figures.unit}".rstrip()
    left = math.sqrt(max(1 - figures.r2.value, 0))
    text = (
        f"**{figures.name}**, R2 {figures.r2.value:.2f}: the root mean squared error is {left:.0%} of what it would be "
        "if every sample were given the mean. "
    )
    if cut_off.share in (0, 1):
        text += f"{'No' if cut_off.share == 0 else 'Every'} sample is above {at}; nothing can be measured."
    else:
        text += _explain_decisions(figures, at)
    if figures.fails:
        text += f" R2 on the private rows: {figures.private_r2:.3f}; these figures do not hold there."
    return text


def _explain_decisions(figures: TargetFigures, at: str) -> str:
    precision, recall, wrong = figures.cut_off.precision, figures.cut_off.recall, figures.cut_off.wrong
    if precision.whole == 0:
        text = f"No sample is predicted above {at}, so the model finds none of the {recall.whole:,} that are. "
    else:
        text = (
            f"Of {_whole(precision)} samples predicted above {at}, {_part(precision)} are; of samples picked blindly, "
            f"{figures.cut_off.share:.0%} would be. Of {_whole(recall)} samples that are above it, the model finds "
            f"{_part(recall)}. "
        )
    smaller = min(recall.whole, wrong.whole - recall.whole)
    same = f"{smaller:,}" if math.isnan(wrong.low) else f"{100 * smaller / wrong.whole:.0f}"
    return text + (
        f"It puts {_part(wrong)} of {_whole(wrong)} samples on the wrong side; giving every sample the same answer "
        f"would put {same} there."
    )


def _whole(share: SampleShare) -> str:
    """Of how many samples a share is told: 100, or all of them if there is no interval."""
    return f"the {share.whole:,}" if math.isnan(share.low) else "100"


def _part(share: SampleShare) -> str:
    if math.isnan(share.low):
        return f"{share.part:,}"
    return f"{100 * share.value:.0f} ({100 * share.low:.0f} to {100 * share.high:.0f})"


def _share(share: SampleShare) -> str:
    if not share.whole:
        return "-"
    if math.isnan(share.low):
        return f"{share.value:.0%} ({share.part:,} of {share.whole:,})"
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


def figure(value: float) -> str:
    """A quantity with at most four digits that count, and without an exponent unless it is tiny."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.4g}"


def _range(estimate: Estimate) -> str:
    return "-" if math.isnan(estimate.low) else f"{figure(estimate.low)} to {figure(estimate.high)}"


def _number(value: float | None, number_format: str) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:{number_format}}"


def _interval(estimate: Estimate, number_format: str) -> str:
    return "-" if math.isnan(estimate.low) else f"{estimate.low:{number_format}} to {estimate.high:{number_format}}"
