"""A hyperparameter search with Optuna. It suggests the next values to try, based on the trials so far.

It does not depend on jobs: a trial consists of a number, values as strings, and the objective's values during and
after the trial.
"""

import itertools
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from stagemaker.orchestration.tuning.ranges import CategoricalRange, NumberRange, Range

Values = dict[str, str]  # hyperparameters as a job receives them

REDUCTION_FACTOR = 3  # at each rung, Hyperband continues one trial in this many
STARTUP_TRIALS = 10  # random trials at the beginning of a Bayesian search

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Search:
    """A search whose suggestions depend only on the seed, the trials so far and their results.

    strategy: Random, Grid (over categorical ranges), Bayesian (the tree-structured Parzen estimator, Bergstra et al.
    2011) or Hyperband (Li et al. 2018; Optuna's asynchronous form, with random values). resources: for Hyperband, the
    number of objective values after which a trial may be stopped, and the number after which it ends.
    """

    def __init__(
        self,
        strategy: str,
        ranges: Sequence[Range],
        maximize: bool,
        seed: int,
        resources: tuple[int, int] | None = None,
    ):
        self._strategy, self._ranges, self._seed, self._resources = strategy, ranges, seed, resources
        self._distributions = {item.name: _distribution(item) for item in ranges}
        self._trials: list[optuna.trial.Trial] = []
        self._tried: set[tuple[str, ...]] = set()
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if resources:
            pruner = optuna.pruners.HyperbandPruner(*resources, reduction_factor=REDUCTION_FACTOR)
        self._study = optuna.create_study(
            study_name=f"search-{seed}", direction="maximize" if maximize else "minimize", pruner=pruner
        )

    def suggest(self) -> tuple[int, Values] | None:
        """Start a new trial. Return its number and the values to try, or None if the grid is exhausted."""
        if self._strategy == "Grid":
            choices = [item.values for item in self._ranges if isinstance(item, CategoricalRange)]
            combinations = itertools.product(*choices)
            untried = next((combination for combination in combinations if combination not in self._tried), None)
            if untried is None:
                return None
            return self.add(dict(zip(self._distributions, untried, strict=True)))
        [seed] = numpy.random.SeedSequence([self._seed, len(self._trials)]).generate_state(1)
        self._study.sampler = self._sampler(int(seed))
        return self._begin()

    def add(self, values: Mapping[str, str]) -> tuple[int, Values]:
        """Start a trial with these values. Return its number and values. Raises ValueError if any is out of range."""
        params = self._params(values)
        if params is None:
            raise ValueError(f"the values {dict(values)} are not all within their ranges")
        self._study.enqueue_trial(params)
        return self._begin()

    def learn(self, values: Mapping[str, str], objective: float) -> bool:
        """Add the result of another search's trial. Return False if its values are outside this search's ranges."""
        params = self._params(values)
        if params is None:
            return False
        trial = optuna.trial.create_trial(params=params, distributions=self._distributions, value=objective)
        self._study.add_trial(trial)
        return True

    def report(self, number: int, step: int, value: float) -> bool:
        """Report a running trial's value at a step, counted from 1. Return whether Hyperband stops the trial."""
        if not self._resources:
            return False
        trial = self._trials[number]
        trial.report(value, step)
        return step >= self._resources[1] or trial.should_prune()

    def finish(self, number: int, objective: float | None) -> None:
        """Record the end of a trial. objective: the objective's last value, or None if the trial failed."""
        state = optuna.trial.TrialState.FAIL if objective is None else optuna.trial.TrialState.COMPLETE
        self._study.tell(self._trials[number], objective, state)

    def _begin(self) -> tuple[int, Values]:
        trial = self._study.ask(self._distributions)
        self._trials.append(trial)
        values = {item.name: _from_optuna(item, trial.params[item.name]) for item in self._ranges}
        self._tried.add(tuple(values.values()))
        return len(self._trials) - 1, values

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        startup_trials = STARTUP_TRIALS if self._strategy == "Bayesian" else sys.maxsize  # otherwise only random values
        return _Sampler({item.name: item for item in self._ranges}, seed, startup_trials)

    def _params(self, values: Mapping[str, str]) -> dict[str, Any] | None:
        params = {}
        for item in self._ranges:
            value = item.parse(values[item.name]) if item.name in values else None
            if value is None:
                return None
            params[item.name] = _to_optuna(item, value)
        return params


class _Sampler(optuna.samplers.TPESampler):
    """A sampler whose values do not change when they are formatted and parsed.

    After a restart, a search continues with the formatted values in the jobs' records. For a reverse logarithmic range,
    the distance from 1 is sampled; converting it to a value and back would lose the distance's last digits.
    """

    def __init__(self, ranges: Mapping[str, Range], seed: int, startup_trials: int):
        # running trials count as bad, so that parallel trials differ
        super().__init__(seed=seed, n_startup_trials=startup_trials, multivariate=True, constant_liar=True)
        self._ranges = ranges

    def sample_relative(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {name: self._round_trip(name, value) for name, value in super().sample_relative(*args, **kwargs).items()}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        value = super().sample_independent(study, trial, param_name, param_distribution)
        return self._round_trip(param_name, value)

    def _round_trip(self, name: str, value: Any) -> Any:
        item = self._ranges[name]
        return _to_optuna(item, item.parse(_from_optuna(item, value)))


def _distribution(item: Range) -> BaseDistribution:
    """Return a range's Optuna distribution. A reverse logarithmic range is logarithmic in the distance from 1."""
    if isinstance(item, CategoricalRange):
        return CategoricalDistribution(item.values)
    logarithmic = item.scaling == "Logarithmic"
    if item.is_integer:
        return IntDistribution(int(item.low), int(item.high), log=logarithmic)
    if item.scaling == "ReverseLogarithmic":
        return FloatDistribution(1 - item.high, 1 - item.low, log=True)
    return FloatDistribution(item.low, item.high, log=logarithmic)


def _to_optuna(item: Range, value: Any) -> Any:
    if isinstance(item, NumberRange) and item.scaling == "ReverseLogarithmic":
        return min(max(1 - value, 1 - item.high), 1 - item.low)
    return int(value) if isinstance(item, NumberRange) and item.is_integer else value


def _from_optuna(item: Range, optuna_value: Any) -> str:
    if isinstance(item, NumberRange) and item.scaling == "ReverseLogarithmic":
        return item.format(1 - optuna_value)
    return item.format(optuna_value)
