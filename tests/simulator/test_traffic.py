"""Invocations are divided among variants by their weights."""

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.simulator.serving.fleet import Fleet
from recore.simulator.serving.traffic import SHIFTINGS, Share, Traffic

DRAWS = 10_000
CHANCE = 1e-6  # of a failure where all is right


def make_traffic(weights: dict[str, float]) -> Traffic:
    platform: Any = None  # which a fleet without instances does not use
    return Traffic([Share(Fleet(platform, "e", {"VariantName": name}), weight) for name, weight in weights.items()])


def binomial_bound(draws: int, share: float) -> float:
    """How far a count can be from its mean (Hoeffding's inequality)."""
    return math.sqrt(draws * math.log(2 / CHANCE) / 2) if 0 < share < 1 else 0.0


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "weights",
    [
        {"a": 1.0},
        {"a": 1.0, "b": 1.0},
        {"a": 9.0, "b": 1.0},
        {"a": 0.5, "b": 0.0, "c": 0.25, "d": 1e-3},
        {"a": 3e38, "b": 1e308, "c": 1e308},
        {"zero": 0.0, "b": 1e-300},
    ],
    ids=str,
)
def test_shares_of_draws(weights: dict[str, float], seed: int) -> None:
    traffic, random = make_traffic(weights), Random(seed)
    drawn = Counter(traffic.choose(random).variant for _ in range(DRAWS))
    heaviest = max(weights.values())
    total = sum(weight / heaviest for weight in weights.values())
    for name, weight in weights.items():
        share = weight / heaviest / total
        assert abs(drawn[name] - DRAWS * share) <= binomial_bound(DRAWS, share), (name, drawn)


def test_the_draws_of_a_seed_are_the_same() -> None:
    traffic, again = make_traffic({"a": 1.0, "b": 2.0}), make_traffic({"a": 1.0, "b": 2.0})
    one, two = Random(5), Random(5)
    assert [traffic.choose(one).variant for _ in range(50)] == [again.choose(two).variant for _ in range(50)]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e308), min_size=1).filter(lambda it: any(it.values())),
    st.integers(),
)
def test_a_variant_without_weight_is_only_chosen_by_name(weights: dict[str, float], seed: int) -> None:
    traffic, random = make_traffic(weights), Random(seed)
    assert weights[traffic.choose(random).variant] > 0
    for name in weights:
        named = traffic.of(name)
        assert named is not None
        assert named.choose(random).variant == name
    assert traffic.of("unknown") is None


def test_all_at_once_has_one_step() -> None:
    before, after = make_traffic({"a": 1.0}), make_traffic({"b": 1.0})
    for old in (before, None):
        assert list(SHIFTINGS["ALL_AT_ONCE"](old, after, 7.0)) == [(after, 7.0)]
