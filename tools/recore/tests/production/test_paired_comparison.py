"""The comparison of variants: intervals, verdicts, numbers of samples, and sentences about them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import score
from hypothesis import given
from hypothesis import strategies as st
from recore_support.schema import TARGETS
from stagemaker_support.fuzzing import examples

from recore.production.comparison_text import find_winner, format_comparison
from recore.production.live_comparison import read_weights
from recore.production.paired_comparison import Comparison, Floats, compare_variants, min_units

WEIGHTS = read_weights()
COPPER, GOLD = TARGETS.index("CuPPM"), TARGETS.index("AuPPM")


def make_data(
    seed: int, holes: int = 20, size: int = 6, ratio: float = 1.0, correlation: float = 0.8, by_hole: float = 0.0
) -> Any:
    """Return holes, assays with missing values, and predictions of variants A and B. ratio: a factor for B's errors.

    correlation: the correlation of the variants' errors. by_hole: the between-hole fraction of the errors' variance.
    """
    random = np.random.default_rng(seed)
    hole = np.repeat(np.arange(holes), random.integers(1, 2 * size, holes))
    shape = (len(hole), len(TARGETS))
    assays = random.lognormal(1, 0.7, shape)

    def draw() -> Floats:
        common = random.standard_normal((holes, len(TARGETS)))[hole]
        return math.sqrt(by_hole) * common + math.sqrt(1 - by_hole) * random.standard_normal(shape)

    common_errors = draw()
    errors = [math.sqrt(correlation) * common_errors + math.sqrt(1 - correlation) * draw() for _ in range(2)]
    predictions = {"A": assays + errors[0], "B": assays + ratio * errors[1]}
    assays[random.random(shape) < 0.1] = np.nan
    return hole.astype(str), assays, predictions


def compare(seed: int = 0, knows_holes: bool = True, difference: float = 0.1, **settings: Any) -> Comparison:
    hole, assays, predictions = make_data(seed, **settings)
    (comparison,) = compare_variants(assays, predictions, hole if knows_holes else None, WEIGHTS, difference)
    return comparison


def reference_t(errors: Any, sizes: Any, ratio: float = 1.0) -> float:
    residuals = errors[:, 1] - ratio * errors[:, 0]
    deviations = residuals - sizes * residuals.sum() / sizes.sum()
    return residuals.sum() / math.sqrt(deviations @ deviations)


@pytest.mark.parametrize("by_hole", [True, False])
def test_the_ends_of_an_interval_are_where_t_is_critical(by_hole: bool) -> None:
    """All intervals share a critical value, which the maximum |t| rarely exceeds if variants are swapped at random."""
    hole, assays, predictions = make_data(1, ratio=0.9)
    comparison = compare(1, by_hole, ratio=0.9)
    units = hole if by_hole else np.arange(len(hole))
    critical, errors = [], []
    for column in range(len(TARGETS)):
        squares = {name: np.square(values[:, column] - assays[:, column]) for name, values in predictions.items()}
        groups = pd.DataFrame(squares).dropna().groupby(units[np.isfinite(assays[:, column])])
        sums, sizes = groups.sum().to_numpy(), groups.size().to_numpy()
        assert comparison.samples[column] == sizes.sum()
        assert comparison.units[column] == len(sizes)
        rmse = np.sqrt(sums.sum(axis=0) / sizes.sum())
        np.testing.assert_allclose(comparison.rmse[:, column], rmse)
        assert comparison.change[column] == pytest.approx(rmse[1] / rmse[0] - 1)
        ends = comparison.low[column], comparison.high[column]
        critical += [abs(reference_t(sums, sizes, (1 + end) ** 2)) for end in ends]
        errors.append((sums, sizes))
    np.testing.assert_allclose(critical, critical[0])
    if not by_hole:
        return
    random = np.random.default_rng(99)
    names = np.unique(hole)
    maxima = []
    for _ in range(400):
        exchanged = dict(zip(names, random.random(len(names)) < 0.5, strict=True))
        ts = []
        for column, (sums, sizes) in enumerate(errors):
            rows = np.array([exchanged[name] for name in np.unique(hole[np.isfinite(assays[:, column])])])
            ts.append(abs(reference_t(np.where(rows[:, None], sums[:, ::-1], sums), sizes)))
        maxima.append(max(ts))
    assert np.quantile(maxima, 0.9) < critical[0] < np.quantile(maxima, 0.985)


@given(st.integers(0, 2**32), st.integers(2, 12), st.floats(0.3, 1.5))
@examples(40)
def test_a_verdict_is_an_interval_without_0_whatever_the_order_and_scale(seed: int, holes: int, ratio: float) -> None:
    hole, assays, predictions = make_data(seed, holes=holes, ratio=ratio)
    ((one,), (other,)) = (
        compare_variants(assays, {name: predictions[name] for name in order}, hole, WEIGHTS) for order in ("AB", "BA")
    )
    shuffled = np.random.default_rng(seed).permutation(len(hole))
    scaled = {name: 1000 * values[shuffled] for name, values in predictions.items()}
    (third,) = compare_variants(1000 * assays[shuffled], scaled, hole[shuffled], WEIGHTS)
    decided = (one.low > 0) | (one.high < 0)
    assert (decided == (one.better_variants != "")).all()
    assert set(one.better_variants) <= {"", "A", "B"}
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(1 + other.low, 1 / (1 + one.high), rtol=1e-6)
    assert (one.better_variants == other.better_variants).all()
    for name in ("change", "low", "high", "more_samples", "scores"):
        np.testing.assert_allclose(getattr(third, name), getattr(one, name), rtol=1e-6, atol=1e-9)
    assert format_comparison(one, WEIGHTS)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_equal_variants_seldom_get_a_verdict(correlation: float) -> None:
    def verdict_fraction(knows_holes: bool) -> float:
        comparisons = [compare(seed, knows_holes, correlation=correlation, by_hole=0.5) for seed in range(150)]
        return float(np.mean([bool((each.better_variants != "").any() or each.better_score) for each in comparisons]))

    assert verdict_fraction(knows_holes=True) <= 0.07
    assert verdict_fraction(knows_holes=False) > 0.2, "samples of one hole are not independent"


def test_identical_variants_are_undecided() -> None:
    hole, assays, predictions = make_data(0)
    (comparison,) = compare_variants(assays, {"A": predictions["A"], "B": predictions["A"]}, hole, WEIGHTS)
    assert set(comparison.better_variants) == {""}
    limited = np.isfinite(comparison.high)
    assert limited.any()
    np.testing.assert_allclose(comparison.low[limited], 0, atol=1e-6)
    assert comparison.better_score == ""
    assert find_winner([comparison]) == ""


def test_the_planned_number_of_samples_suffices_for_a_verdict() -> None:
    first = compare(2, ratio=0.9, holes=8)
    assert first.better_variants[COPPER] == ""
    assert first.more_units[COPPER] > 0
    assert first.more_samples[COPPER] == pytest.approx(
        first.more_units[COPPER] * first.samples[COPPER] / first.units[COPPER], abs=1
    )
    last = compare(2, ratio=0.9, holes=8 + int(first.more_units[COPPER]))
    assert last.better_variants[COPPER] == "B"
    assert last.more_samples[COPPER] == 0


def test_a_smaller_difference_needs_more_samples() -> None:
    small, large = (compare(3, holes=10, difference=difference).more_samples for difference in (0.05, 0.2))
    assert (small > 2 * large).all()


def test_few_drill_holes_allow_no_verdict() -> None:
    comparison = compare(0, holes=5, ratio=0.1)
    assert set(comparison.better_variants) == {""}
    assert comparison.better_score == ""
    assert np.isnan(comparison.more_samples).all()
    lines = format_comparison(comparison, WEIGHTS)
    assert "a verdict needs at least 6 drill holes" in lines[-1]
    assert not any("inf" in line or "nan" in line.lower() for line in lines[1:-2] if "score" in line)


@pytest.mark.parametrize(("level", "fewest"), [(0.05, 6), (0.025, 7), (0.01, 8), (0.005, 9)])
def test_the_minimum_number_of_units_makes_equal_signs_significant(level: float, fewest: int) -> None:
    assert min_units(level) == fewest
    assert 2.0 ** (1 - fewest) < level <= 2.0 ** (2 - fewest)


def test_a_variant_without_errors_is_better_as_first_or_second() -> None:
    hole, assays, predictions = make_data(0)
    perfect = predictions | {"A": np.nan_to_num(assays)}
    for order in ("AB", "BA"):
        (comparison,) = compare_variants(assays, {name: perfect[name] for name in order}, hole, WEIGHTS)
        assert set(comparison.better_variants) == {"A"}
        assert "A is better on CuPPM: RMSE 100% lower, 95% interval 100 to 100%" in format_comparison(
            comparison, WEIGHTS
        )


def test_targets_without_common_samples_are_left_out() -> None:
    hole, assays, predictions = make_data(0, ratio=0.3, holes=80)
    assays[:, GOLD] = np.nan
    predictions["B"][:, COPPER] = np.nan  # never measured in training
    predictions["A"][::2] = np.nan  # not predicted
    (comparison,) = compare_variants(assays, predictions, hole, WEIGHTS)
    assert comparison.samples[GOLD] == comparison.samples[COPPER] == 0
    assert comparison.samples.max() <= len(hole[1::2])
    assert comparison.better_variants[GOLD] == comparison.better_variants[COPPER] == ""
    assert (np.delete(comparison.better_variants, [GOLD, COPPER]) == "B").all()
    assert (comparison.table()["samples"] == comparison.samples).all()


def test_the_scores_equal_those_of_the_hosts_script() -> None:
    hole, assays, predictions = make_data(5, ratio=0.5)
    assays[0] = np.nan
    actual = pd.DataFrame(assays, columns=list(TARGETS))
    (comparison,) = compare_variants(assays, predictions, hole, WEIGHTS)
    expected = [score.score(actual, pd.DataFrame(predictions[name], columns=list(TARGETS)))[0] for name in "AB"]
    np.testing.assert_allclose(comparison.scores, expected)
    assert comparison.score_low < expected[1] - expected[0] < comparison.score_high
    assert comparison.better_score == "B"


def test_each_other_variant_is_compared_with_the_first() -> None:
    hole, assays, predictions = make_data(6, ratio=0.5)
    third: Floats = assays + 0.2 * (predictions["B"] - assays)
    pair = compare_variants(assays, predictions, hole, WEIGHTS)[0]
    comparisons = compare_variants(assays, predictions | {"C": third}, hole, WEIGHTS)
    assert [(each.first, each.second) for each in comparisons] == [("A", "B"), ("A", "C")]
    assert (comparisons[0].low <= pair.low).all(), "more verdicts need wider intervals"
    assert find_winner(comparisons) == "C"


def test_the_verdicts_are_plain_sentences() -> None:
    comparison = compare(1, ratio=0.7, holes=60)
    lines = format_comparison(comparison, WEIGHTS)
    report = "\n".join(lines)
    assert lines[0].startswith("B compared with A on 60 drill holes")
    assert f"B is better on {TARGETS[COPPER]}: RMSE {-100 * comparison.change[COPPER]:.0f}% lower" in report
    assert "B is better on 44 more targets: " in report
    assert "B is better on the weighted score" in report
    # with roles exchanged, the better variant is the first one
    hole, assays, predictions = make_data(1, ratio=0.7, holes=60)
    (exchanged,) = compare_variants(assays, {"B": predictions["B"], "A": predictions["A"]}, hole, WEIGHTS)
    sentences = [line for line in lines if line.startswith("B is better on Cu")]
    assert sentences == [line for line in format_comparison(exchanged, WEIGHTS) if line.startswith("B is better on Cu")]
    assert find_winner([exchanged]) == "B"


def test_undecided_targets_state_the_samples_they_need() -> None:
    line = format_comparison(compare(2, holes=8, ratio=0.95), WEIGHTS)[-1]
    assert line.startswith("undecided on 49 targets; to detect a difference in RMSE of 10%, CuPPM needs about ")
    assert line.endswith(" more drill holes")
    report = "\n".join(format_comparison(compare(2, knows_holes=False, holes=8), WEIGHTS))
    assert "no known drill holes: samples are assumed" in report
    assert "more drill hole" not in report
    assert "but no difference of 10% was found" in format_comparison(compare(2, holes=300), WEIGHTS)[-1]
