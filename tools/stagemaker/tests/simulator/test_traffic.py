"""Invocations are divided among variants according to their weights."""

import math
from collections import Counter
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemaker.compute.endpoints.fleet import Fleet
from stagemaker.compute.endpoints.traffic import Parts, Traffic, WeightedFleet, divide, shift

DRAWS = 10_000
ERROR_PROBABILITY = 1e-6  # the probability that a test fails although the code is correct


def make_traffic(weights: dict[str, float]) -> Traffic:
    platform: Any = None  # not used by fleets without instances
    return Traffic(
        [WeightedFleet(Fleet(platform, "e", {"VariantName": name}), weight) for name, weight in weights.items()]
    )


def assert_shares(draws: list[Any], shares: dict[Any, float]) -> None:
    """Check that each item has its share of the draws, within Hoeffding's bound for ERROR_PROBABILITY."""
    counts = Counter(draws)
    assert counts.keys() <= shares.keys()
    for item, share in shares.items():
        bound = math.sqrt(DRAWS * math.log(2 / ERROR_PROBABILITY) / 2) if 0 < share < 1 else 0.0
        assert abs(counts[item] - DRAWS * share) <= bound, (item, counts)


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
def test_draws_follow_the_weights(weights: dict[str, float], seed: int) -> None:
    traffic, random = make_traffic(weights), Random(seed)
    heaviest = max(weights.values())
    total = sum(weight / heaviest for weight in weights.values())
    draws = [traffic.choose(random).variant for _ in range(DRAWS)]
    assert_shares(draws, {name: weight / heaviest / total for name, weight in weights.items()})


def test_draws_with_the_same_seed_are_the_same() -> None:
    draws = []
    for _ in range(2):
        traffic, random = make_traffic({"a": 1.0, "b": 2.0}), Random(5)
        draws.append([traffic.choose(random).variant for _ in range(50)])
    assert draws[0] == draws[1]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e308), min_size=1).filter(
        lambda weights: any(weights.values())
    ),
    st.integers(),
)
def test_a_variant_without_weight_is_only_chosen_by_name(weights: dict[str, float], seed: int) -> None:
    traffic, random = make_traffic(weights), Random(seed)
    assert weights[traffic.choose(random).variant] > 0
    for name in weights:
        named_traffic = traffic.for_variant(name)
        assert named_traffic is not None
        assert named_traffic.choose(random).variant == name
    assert traffic.for_variant("unknown") is None


THIRD = Fraction(33, 100)


@pytest.mark.parametrize(
    ("routing", "sizes", "steps"),
    [
        ("ALL_AT_ONCE", {"a": Fraction(1)}, [{"a": 1}]),
        ("CANARY", {"a": Fraction(1, 4), "b": Fraction(1, 2)}, [{"a": 0.25, "b": 0.5}, {"a": 1, "b": 1}]),
        ("LINEAR", {"a": Fraction(1, 2)}, [{"a": 0.5}, {"a": 1}]),
        ("LINEAR", {"a": Fraction(1, 10)}, [{"a": Fraction(number, 10)} for number in range(1, 11)]),
        ("LINEAR", {"a": THIRD}, [{"a": THIRD}, {"a": 2 * THIRD}, {"a": 3 * THIRD}, {"a": 1}]),
        (
            "LINEAR",
            {"a": Fraction(1, 2), "b": THIRD},
            [{"a": min(n / 2, 1), "b": min(n * THIRD, 1)} for n in range(1, 5)],
        ),
    ],
)
def test_a_traffic_shift_follows_the_steps_of_its_routing_type(routing: str, sizes: Parts, steps: list[Parts]) -> None:
    assert list(shift(routing, sizes)) == steps


@pytest.mark.parametrize("seed", [1, 2])
def test_variants_have_the_expected_shares_during_an_update(seed: int) -> None:
    old, new = make_traffic({"a": 3.0, "old": 1.0}), make_traffic({"a": 1.0, "new": 1.0, "idle": 0.0})
    parts = {"a": Fraction(1, 5), "new": Fraction(1, 2), "idle": Fraction(1, 4)}
    traffic, random = divide(old, new, parts), Random(seed)
    new_share = 0.5 * 0.2 + 0.5 * 0.5
    expected = {old.fleets["a"]: 0.75 * (1 - new_share), old.fleets["old"]: 0.25 * (1 - new_share)}
    expected |= {new.fleets["a"]: 0.1, new.fleets["new"]: 0.25, new.fleets["idle"]: 0.0}
    assert_shares([traffic.choose(random) for _ in range(DRAWS)], expected)


def test_a_variant_is_invoked_by_name_during_an_update() -> None:
    old, new = make_traffic({"a": 1.0, "old": 1.0, "idle": 0.0}), make_traffic({"a": 1.0, "new": 1.0, "idle": 0.0})
    traffic, random = divide(old, new, dict.fromkeys(("a", "new", "idle"), Fraction(1, 4))), Random(1)
    for name, fleets in {
        "a": {old.fleets["a"]: 0.75, new.fleets["a"]: 0.25},
        "idle": {old.fleets["idle"]: 0.75, new.fleets["idle"]: 0.25},
        "old": {old.fleets["old"]: 1.0},
        "new": {new.fleets["new"]: 1.0},
    }.items():
        named_traffic = traffic.for_variant(name)
        assert named_traffic is not None
        assert_shares([named_traffic.choose(random) for _ in range(DRAWS)], fleets)
    assert traffic.for_variant("unknown") is None


def test_only_new_traffic_remains_after_the_last_step() -> None:
    old, new = make_traffic({"a": 1.0}), make_traffic({"a": 1.0, "b": 1.0})
    assert divide(old, new, {"a": Fraction(1), "b": Fraction(1)}) is new
    assert divide(old, new, {"a": Fraction(1), "b": Fraction(1, 2)}) is not new
