"""Format the results of a comparison of variants as plain sentences."""

import math
from collections.abc import Sequence

from recore.challenge import challenge
from recore.listing import count, list_names
from recore.production.paired_comparison import Comparison
from recore.spectral_data import Floats

LARGE_WEIGHT = 0.02  # a target with a larger weight is always shown
SENTENCES, NAMES = 5, 8  # maximum numbers of targets with a separate sentence, and of targets listed in one sentence


def format_comparison(comparison: Comparison, weights: Floats) -> list[str]:
    """Return lines: a table of targets with a verdict or a large weight, then the verdicts. weights: (targets,)."""
    order = sorted(range(len(challenge().targets)), key=lambda number: -weights[number])
    better, first, second = comparison.better_variants, comparison.first, comparison.second
    unit = "drill hole" if comparison.by_hole else "sample"
    units = count(int(comparison.units.max()), unit)
    lines = [f"{second} compared with {first} on {units}; change in RMSE from {first} to {second}, in %:"]
    table = comparison.table().drop(columns=["first", "second", *([] if comparison.by_hole else ["units"])])
    table.insert(1, "weight", weights)
    table["more samples"] = ["" if math.isnan(more) else f"{_round(more):,}" for more in table["more samples"]]
    rows = table.iloc[[number for number in order if better[number] or weights[number] > LARGE_WEIGHT]]
    names = {"units": "holes", "RMSE first": f"RMSE {first}", "RMSE second": f"RMSE {second}"}
    lines += rows.rename(columns=names).to_string(index=False, float_format=_format_number, na_rep="").splitlines()
    if not comparison.by_hole:
        lines.append("no known drill holes: samples are assumed to be independent, so verdicts may be overconfident")
    lines.append(_format_score(comparison))
    for name in (second, first):
        lines += _format_better(comparison, name, [number for number in order if better[number] == name])
    return lines + _format_undecided(
        comparison, unit, [number for number in order if not better[number] and comparison.samples[number]]
    )


def _format_number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def find_winner(comparisons: Sequence[Comparison]) -> str:
    """Return the variant with the best score, or "" if the comparisons are undecided."""
    better_second = [each for each in comparisons if each.better_score == each.second]
    if better_second:
        return max(better_second, key=lambda each: each.scores[1] - each.scores[0]).second
    return comparisons[0].first if all(each.better_score == each.first for each in comparisons) else ""


def _format_score(comparison: Comparison) -> str:
    winner = comparison.better_score
    low, high, (first, second) = comparison.score_low, comparison.score_high, comparison.scores
    line = f"{winner} is better" if winner else "undecided"
    line += f" on the weighted score: {comparison.second} {second:.3f}, {comparison.first} {first:.3f}, difference "
    line += f"{second - first:+.3f}"
    if math.isfinite(low) and math.isfinite(high):
        line += f", {100 * comparison.confidence:g}% interval {low:+.3f} to {high:+.3f}"
    return line


def _format_better(comparison: Comparison, name: str, numbers: list[int]) -> list[str]:
    targets = challenge().targets
    lines = []
    for number in numbers[:SENTENCES]:
        changes = [comparison.change[number], comparison.high[number], comparison.low[number]]
        if name == comparison.first:  # invert to changes from the other variant to this one
            changes = [1 / (1 + change) - 1 for change in (changes[0], changes[2], changes[1])]
        change, low, high = (_percentage(-change) for change in changes)
        interval = f"{100 * comparison.confidence:g}% interval {low} to {high}%"
        lines.append(f"{name} is better on {targets[number]}: RMSE {change}% lower, {interval}")
    if others := [targets[number] for number in numbers[SENTENCES:]]:
        lines.append(f"{name} is better on {count(len(others), 'more target')}: {list_names(others, NAMES)}")
    return lines


def _format_undecided(comparison: Comparison, unit: str, numbers: list[int]) -> list[str]:
    targets = challenge().targets
    if not numbers:
        return []
    line, difference = f"undecided on {count(len(numbers), 'target')}", f"{100 * comparison.difference:g}%"
    more = comparison.more_samples
    if all(math.isnan(more[number]) for number in numbers):
        return [f"{line}: a verdict needs at least {count(comparison.min_units, unit)} that both variants predicted"]
    if needy := [number for number in numbers if more[number] > 0]:
        holes = (
            f" from {count(_round(comparison.more_units[needy[0]]), 'more drill hole')}" if comparison.by_hole else ""
        )
        line += f"; to detect a difference in RMSE of {difference}, {targets[needy[0]]} needs about"
        line += f" {_round(more[needy[0]]):,} more samples{holes}"
    if enough := [targets[number] for number in numbers if more[number] == 0]:
        line += f"; the samples suffice for {list_names(enough, NAMES)}, but no difference of {difference} was found"
    return [line]


def _percentage(share: float) -> str:
    return f"{100 * share:.2g}" if abs(share) < 0.01 else f"{100 * share:.0f}"


def _round(number: float) -> int:
    """Round up to two significant digits, because more would suggest false precision."""
    step = 10 ** max(0, len(str(math.ceil(number))) - 2)
    return int(math.ceil(number / step) * step)
