"""The hyperparameter search alone, without jobs: suggestions, learning and early stopping."""

import itertools
import math
import operator
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples
from stagemaker_support.tuning_jobs import categorical, continuous

from stagemaker.orchestration.tuning import completion
from stagemaker.orchestration.tuning.ranges import CategoricalRange, NumberRange, read_ranges
from stagemaker.orchestration.tuning.search import Search

RATE = NumberRange("rate", 1e-4, 1.0, "Logarithmic", is_integer=False)
DEPTH = NumberRange("depth", 1, 20, "Linear", is_integer=True)
MOMENTUM = NumberRange("momentum", 0.0, 0.999, "ReverseLogarithmic", is_integer=False)
KIND = CategoricalRange("kind", ("a", "b", "c"))
RANGES = [RATE, DEPTH, MOMENTUM, KIND]
UNIT = NumberRange("x", 0.0, 1.0, "Linear", is_integer=False)


def loss(values: dict[str, str]) -> float:
    rate = (math.log10(float(values["rate"])) + 2) ** 2 / 4
    momentum = (math.log10(1 - float(values["momentum"])) + 1) ** 2 / 4
    return rate + ((int(values["depth"]) - 7) / 10) ** 2 + momentum + 0.3 * (values["kind"] != "b")


def run_trials(search: Search, trials: int) -> list[dict[str, str]]:
    suggestions = []
    for _ in range(trials):
        index, values = search.suggest()
        search.finish(index, loss(values))
        suggestions.append(values)
    return suggestions


@pytest.mark.slow
def test_bayesian_search_beats_random_search_with_equal_numbers_of_trials() -> None:
    def best_losses(strategy: str) -> list[float]:
        searches = [Search(strategy, RANGES, maximize=False, seed=seed) for seed in range(30)]
        return [min(map(loss, run_trials(search, 25))) for search in searches]

    bayesian, random = best_losses("Bayesian"), best_losses("Random")
    assert statistics.fmean(bayesian) < 0.75 * statistics.fmean(random)
    assert sum(map(operator.lt, bayesian, random)) >= 20  # the probability of this by chance is below 5%


def test_a_grid_covers_all_combinations_once() -> None:
    ranges = [KIND, CategoricalRange("size", ("1", "2")), CategoricalRange("only", ("x",))]
    search, suggestions = Search("Grid", ranges, maximize=False, seed=1), []
    while suggestion := search.suggest():
        suggestions.append(tuple(suggestion[1].values()))
    assert suggestions == list(itertools.product(("a", "b", "c"), ("1", "2"), ("x",)))


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband"])
def test_suggestions_depend_only_on_the_seed_and_the_results(strategy: str) -> None:
    def create_search(seed: int) -> Search:
        resources = (1, 9) if strategy == "Hyperband" else None
        return Search(strategy, RANGES, maximize=False, seed=seed, resources=resources)

    suggestions = run_trials(create_search(3), 14)
    assert run_trials(create_search(3), 14) == suggestions
    assert run_trials(create_search(4), 14)[0] != suggestions[0]
    # as after a restart: the known results are added, then the search continues unchanged
    restarted_search = create_search(3)
    for values in suggestions[:12]:
        index, added_values = restarted_search.add(values)
        assert added_values == values
        restarted_search.finish(index, loss(values))
    assert run_trials(restarted_search, 2) == suggestions[12:]
    assert len({tuple(values.values()) for values in suggestions}) == 14


@pytest.mark.parametrize("has_results", [True, False])
def test_the_search_continues_before_trials_have_ended_and_after_they_have_failed(has_results: bool) -> None:
    search = Search("Bayesian", RANGES, maximize=not has_results, seed=1)
    for _ in range(12):
        index, values = search.suggest()
        search.finish(index, loss(values) if has_results else None)
    parallel_trials = [tuple(search.suggest()[1].values()) for _ in range(4)]
    assert len(set(parallel_trials)) == 4


def test_a_search_learns_from_the_results_of_other_searches() -> None:
    new_search, informed_search = (Search("Bayesian", RANGES, maximize=False, seed=2) for _ in range(2))
    for values in run_trials(Search("Random", RANGES, maximize=False, seed=5), 40):
        assert informed_search.learn(values, loss(values))
    informed_losses, new_losses = (
        [loss(values) for values in run_trials(search, 8)] for search in (informed_search, new_search)
    )
    assert statistics.fmean(informed_losses) < statistics.fmean(new_losses)
    assert not informed_search.learn({"rate": "0.1", "depth": "21", "momentum": "0.5", "kind": "a"}, 0.0)
    assert not informed_search.learn({"rate": "0.1"}, 0.0)


def test_hyperband_stops_worse_trials_and_trials_that_reach_the_maximum() -> None:
    search = Search("Hyperband", [UNIT], maximize=False, seed=1, resources=(2, 9))
    indices = [search.suggest()[0] for _ in range(12)]
    steps = {}
    for index in indices:
        steps[index] = next(step for step in range(1, 20) if search.report(index, step, float(index)))
    assert steps[0] == 9  # the best trial at every rung
    assert min(steps.values()) >= 2  # no job stopped before MinResource
    assert sum(step < 9 for step in steps.values()) >= 4
    assert max(steps.values()) == 9


range_ends = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


@examples(60)
@given(
    ends=st.tuples(range_ends, range_ends).map(sorted),
    scaling=st.sampled_from(["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]),
    is_integer=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
def test_values_match_a_ranges_type_and_bounds(ends: list[float], scaling: str, is_integer: bool, seed: int) -> None:
    if scaling == "Logarithmic":
        ends = sorted(abs(end) + 1 for end in ends)
    if scaling == "ReverseLogarithmic":
        is_integer, ends = False, [abs(end) / 1e6 * 0.99999 for end in sorted(ends, key=abs)]
    low, high = sorted(map(int, ends)) if is_integer else ends
    member = "IntegerParameterRanges" if is_integer else "ContinuousParameterRanges"
    [item] = read_ranges({member: [continuous("x", str(low), str(high), scaling)]})
    search = Search("Random", [item], maximize=False, seed=seed)
    for _ in range(3):
        index, values = search.suggest()
        assert low <= float(values["x"]) <= high
        assert not is_integer or str(int(values["x"])) == values["x"]
        assert search.add(values)[1].keys() == values.keys()
        assert item.parse(values["x"]) is not None
        search.finish(index, None)


@pytest.mark.parametrize(
    ("scaling", "ends", "middle"),
    [
        ("Linear", ("0", "1"), 0.5),
        ("Logarithmic", ("0.0001", "1"), 0.01),
        ("Auto", ("0.0001", "1"), 0.01),
        ("Auto", ("0.1", "1"), 0.55),
        ("ReverseLogarithmic", ("0", "0.9999"), 0.99),
    ],
)
def test_scaling_determines_the_middle_of_a_range(scaling: str, ends: tuple[str, str], middle: float) -> None:
    ranges = read_ranges({"ContinuousParameterRanges": [continuous("x", *ends, scaling)]})
    search = Search("Random", ranges, maximize=False, seed=1)
    is_below = [float(search.suggest()[1]["x"]) < middle for _ in range(200)]
    assert 75 < sum(is_below) < 125  # of 200 suggestions


def test_categories_are_passed_on_unchanged() -> None:
    values = ('"quoted"', "b c", "")
    search = Search("Random", read_ranges({"CategoricalParameterRanges": [categorical("k", *values)]}), True, 1)
    assert {search.suggest()[1]["k"] for _ in range(40)} == {*values}


@pytest.mark.parametrize(
    ("value", "maximize", "is_worse"), [(5.0, False, True), (1.0, False, False), (1.0, True, True), (5.0, True, False)]
)
def test_a_value_is_compared_with_the_median_of_other_jobs(value: float, maximize: bool, is_worse: bool) -> None:
    other_averages = [completion.running_averages(values) for values in ([4.0, 2.0], [2.0, 2.0], [3.0, 9.0], [9.0])]
    assert other_averages[0] == [4.0, 3.0]
    assert completion.is_worse_than_median(2, value, other_averages, maximize) is is_worse
    assert completion.is_worse_than_median(1, 4.0, other_averages, maximize=False)  # the median at this step, 3.5
    assert not completion.is_worse_than_median(2, 3.0, other_averages, maximize)  # as good as the median
    assert not completion.is_worse_than_median(3, value, other_averages, maximize)  # no other job has reached this step
    assert not completion.is_worse_than_median(2, value, other_averages[:2], maximize)


def test_a_search_is_complete_when_a_criterion_is_met() -> None:
    assert completion.jobs_without_improvement([1.0, 1.005, 2.0, 2.01, 2.03], maximize=True) == [0, 1, 0, 1, 0]
    assert completion.jobs_without_improvement([1.0, 2.0, 0.5], maximize=False) == [0, 1, 0]
    assert completion.jobs_without_improvement([0.0, -1.0, 0.1], maximize=True) == [0, 1, 0]
    assert completion.convergence([5.0, *[4.0] * 11], maximize=False) == 11
    assert completion.convergence([5.0, *[4.0] * 10], maximize=False) is None

    def completes(objectives: list[float], **criteria: Any) -> bool:
        return completion.is_complete(criteria, objectives, maximize=True)

    assert not completes([])
    assert not completes([1.0] * 20)
    assert completes([1.0, 3.0, 2.0], TargetObjectiveMetricValue=3.0)
    assert not completes([1.0, 2.0], TargetObjectiveMetricValue=3.0)
    assert completes([1.0] * 4, BestObjectiveNotImproving={"MaxNumberOfTrainingJobsNotImproving": 3})
    assert not completes([1.0] * 3, BestObjectiveNotImproving={"MaxNumberOfTrainingJobsNotImproving": 3})
    assert completes([1.0] * 11, ConvergenceDetected={"CompleteOnConvergence": "Enabled"})
    assert not completes([1.0] * 11, ConvergenceDetected={"CompleteOnConvergence": "Disabled"})
    assert completion.is_complete({"TargetObjectiveMetricValue": 0.5}, [0.4], maximize=False)
