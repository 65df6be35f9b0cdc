"""The settings and the result of a validation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from recore.spectral_data import Floats, Rows, SpectralData, rows_by_group
from recore.validation.plan import SPLIT_NAMES, SPLITS, CrossValidation, Curve, Purpose, Split, make_folds
from recore.validation.prediction_errors import errors_table, r2_by_target

JACKKNIFE_GROUPS = 20  # at most, of drill holes


@dataclass(frozen=True)
class ValidationSettings:
    """How much is calculated.

    rows: use at most this many. repeats: how many sets of folds, first those of train.py, then those that are drawn.
    time_limit: minutes; optional fits that would end later are skipped. fit_time_limit: minutes after which a fit is
    stopped and the validation fails. seed: of the first draw; each further one adds one. curve: the hyperparameter to
    vary, NAME or NAME=1,2,4; None to choose it.
    """

    rows: int = 2500
    repeats: int = 3
    time_limit: float = 3.0
    fit_time_limit: float = 60.0
    seed: int = 0
    curve: str | None = None


@dataclass(frozen=True)
class ValidationResult:
    """What a validation calculated.

    data: the rows used, of all rows_of_file. targets, weights: (targets,) as in the host's score.py. measured: (rows,
    targets). predictions: (rows, targets) of each completed cross-validation, NaN for what was not predicted.
    baselines: the same for each split and baseline, on the first folds. inputs: (rows, bins) with the names `columns`.
    sensitivity: (bins, targets), the mean over `probes` rows. curve: the hyperparameter that was varied, if one was,
    and hyperparameters: the names of all numeric ones. skipped: cross-validations for which there was no time.
    failed: those in which a fit failed, with its message. seconds: on the clock.
    """

    data: SpectralData
    rows_of_file: int
    settings: ValidationSettings
    targets: tuple[str, ...]
    weights: Floats
    measured: Floats
    predictions: dict[CrossValidation, Floats]
    baselines: dict[tuple[Split, str], Floats]
    inputs: Floats
    columns: tuple[str, ...]
    sensitivity: Floats
    probes: int
    curve: Curve | None
    hyperparameters: tuple[str, ...]
    skipped: tuple[CrossValidation, ...]
    failed: dict[CrossValidation, str]
    seconds: float

    def completed(self, split: Split, purpose: Purpose) -> list[CrossValidation]:
        """The completed cross-validations of a kind, by their setting."""
        chosen = [each for each in self.predictions if (each.split, each.purpose) == (split, purpose)]
        return sorted(chosen, key=lambda each: each.setting)

    @cached_property
    def splits(self) -> list[Split]:
        """The splits that the data allow, the decisive one first."""
        return [split for split in SPLITS if self.completed(split, "default")]

    @property
    def decisive_split(self) -> Split:
        """The split by which a submission is judged: drill holes, or rows if there is only one hole."""
        return self.splits[0]

    @property
    def held_out(self) -> str:
        """What the decisive split holds out, in words."""
        return SPLIT_NAMES[self.decisive_split]

    @cached_property
    def folds(self) -> list[tuple[Rows, Rows]]:
        """(training rows, held-out rows) of the decisive split's first folds."""
        return make_folds(self.data.hole, self.decisive_split)

    @cached_property
    def deviations(self) -> Floats:
        """The standard deviation of each target's assays (targets,); NaN if there are none, or all are the same."""
        known = [values[~np.isnan(values)] for values in self.measured.T]
        return np.array([values.std() if len(np.unique(values)) > 1 else np.nan for values in known])

    @cached_property
    def ranked_targets(self) -> list[int]:
        """The columns of the targets that vary and were predicted, by descending weight."""
        usable = ~np.isnan(self.deviations) & ~np.isnan(self.r2(self.predicted))
        return [int(column) for column in np.argsort(-self.weights, kind="stable") if usable[column]]

    @property
    def ranked_names(self) -> list[str]:
        """The names of the ranked targets."""
        return [self.targets[column] for column in self.ranked_targets]

    def first(self, split: Split) -> Floats:
        """The predictions (rows, targets) with fit()'s defaults on the first folds of a split."""
        return self.predictions[self.completed(split, "default")[0]]

    @property
    def predicted(self) -> Floats:
        """The predictions (rows, targets) with fit()'s defaults on the first folds of the decisive split."""
        return self.first(self.decisive_split)

    def r2(self, predicted: Floats) -> Floats:
        """R2 of each target (targets,) for predictions (rows, targets)."""
        return r2_by_target(self.measured, predicted)

    def errors(self, predicted: Floats) -> pd.DataFrame:
        """The table of errors of predictions (rows, targets), a row for each target, by its name."""
        return errors_table(self.targets, self.measured, predicted)

    def score(self, predicted: Floats) -> float:
        """The challenge's score of predictions (rows, targets)."""
        return self._sum_of_weighted(self.r2(predicted))

    def score_and_r2(self, predicted: Floats) -> dict[str, float]:
        """The score of predictions (rows, targets), and R2 of each target, by name."""
        r2 = self.r2(predicted)
        return {"score": self._sum_of_weighted(r2)} | dict(zip(self.targets, r2, strict=True))

    @cached_property
    def possible_score(self) -> float:
        """The highest possible score: the sum of the weights of the targets whose R2 is defined."""
        return float(self.weights[~np.isnan(self.r2(self.predicted))].sum())

    def scores_of_repeats(self, split: Split) -> list[float]:
        """The score with fit()'s defaults on the folds of each seed."""
        return [self._sum_of_weighted(r2) for r2 in self.r2_of_repeats(split)]

    def r2_of_repeats(self, split: Split) -> Floats:
        """R2 with fit()'s defaults on the folds of each seed: (repeats, targets)."""
        return np.array([self.r2(self.predictions[each]) for each in self.completed(split, "default")])

    def standard_error(self, first: Floats, second: Floats) -> float:
        """The standard error of the difference of two predictions' scores: a jackknife over groups of drill holes.

        first, second: (rows, targets). If there is only one hole, the groups are made of rows instead.
        """
        holes = list(rows_by_group(self.data.hole).values())
        units = holes if len(holes) > 1 else [np.array([row]) for row in range(len(self.measured))]
        groups = [np.concatenate(units[start::JACKKNIFE_GROUPS]) for start in range(min(JACKKNIFE_GROUPS, len(units)))]
        differences = []
        for group in groups:
            measured, *both = (np.delete(each, group, axis=0) for each in (self.measured, first, second))
            one, other = (self._sum_of_weighted(r2_by_target(measured, each)) for each in both)
            differences.append(one - other)
        return float(np.sqrt((len(groups) - 1) * np.var(differences)))

    def _sum_of_weighted(self, r2: Floats) -> float:
        """The score: the sum of weight x R2; a target whose R2 is NaN adds nothing."""
        return float(np.nan_to_num(r2) @ self.weights)
