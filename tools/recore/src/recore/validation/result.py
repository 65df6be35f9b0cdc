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
    """Settings that limit a validation.

    rows: maximum number of rows to use. repeats: number of sets of folds; the first is as in train.py, the others are
    random. time_limit: minutes; optional fits that would exceed it are skipped. fit_time_limit: minutes that a single
    fit may take before the validation fails. seed: random seed of the first random set; each later set adds 1. curve:
    hyperparameter to vary, NAME or NAME=1,2,4; None for the default curve.
    """

    rows: int = 2500
    repeats: int = 3
    time_limit: float = 3.0
    fit_time_limit: float = 60.0
    seed: int = 0
    curve: str | None = None


@dataclass(frozen=True)
class ValidationResult:
    """Result of a validation.

    data: the rows used, out of rows_of_file. targets, weights: (targets,) as in the host's score.py. measured: (rows,
    targets). predictions: (rows, targets) of each completed cross-validation, NaN if not predicted. baselines:
    predictions of each baseline on the first set of folds of each split. inputs: (rows, bins) with the names `columns`.
    sensitivity: (bins, targets), the mean over `probes` rows. curve: the hyperparameter that was varied, if any.
    hyperparameters: names of all numeric hyperparameters. skipped: cross-validations that would have exceeded the time
    limit. failed: the message of each cross-validation in which a fit failed. seconds: wall-clock time.
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

    def get_completed(self, split: Split, purpose: Purpose) -> list[CrossValidation]:
        """Return the completed cross-validations with this split and purpose, sorted by setting."""
        matching = [each for each in self.predictions if (each.split, each.purpose) == (split, purpose)]
        return sorted(matching, key=lambda each: each.setting)

    @cached_property
    def splits(self) -> list[Split]:
        """Return the splits that the data allow, the decisive one first."""
        return [split for split in SPLITS if self.get_completed(split, "default")]

    @property
    def decisive_split(self) -> Split:
        """Return the split by which a submission is judged: drill holes, or rows if there is only one hole."""
        return self.splits[0]

    @property
    def held_out(self) -> str:
        """Return the name of the decisive split, such as held-out drill holes."""
        return SPLIT_NAMES[self.decisive_split]

    @cached_property
    def folds(self) -> list[tuple[Rows, Rows]]:
        """Return (training rows, held-out rows) for each fold of the decisive split, without shuffling."""
        return make_folds(self.data.hole, self.decisive_split)

    @cached_property
    def deviations(self) -> Floats:
        """Return the standard deviation of each target's assays (targets,), NaN if they do not vary."""
        known = [values[~np.isnan(values)] for values in self.measured.T]
        return np.array([values.std() if len(np.unique(values)) > 1 else np.nan for values in known])

    @cached_property
    def ranked_targets(self) -> list[int]:
        """Return the column numbers of targets that vary and were predicted, by descending weight."""
        usable = ~np.isnan(self.deviations) & ~np.isnan(self.r2(self.predicted))
        return [int(column) for column in np.argsort(-self.weights, kind="stable") if usable[column]]

    @property
    def ranked_names(self) -> list[str]:
        """Return the names of the ranked targets."""
        return [self.targets[column] for column in self.ranked_targets]

    def first_predictions(self, split: Split) -> Floats:
        """Return the predictions (rows, targets) with fit()'s defaults on the first set of folds of a split."""
        return self.predictions[self.get_completed(split, "default")[0]]

    @property
    def predicted(self) -> Floats:
        """Return the predictions (rows, targets) with fit()'s defaults on the decisive split's first set of folds."""
        return self.first_predictions(self.decisive_split)

    def r2(self, predicted: Floats) -> Floats:
        """Return R2 of each target (targets,) for predictions (rows, targets)."""
        return r2_by_target(self.measured, predicted)

    def errors(self, predicted: Floats) -> pd.DataFrame:
        """Return the errors of predictions (rows, targets): a row for each target, indexed by name."""
        return errors_table(self.targets, self.measured, predicted)

    def score(self, predicted: Floats) -> float:
        """Return the challenge's score of predictions (rows, targets)."""
        return self._weighted_sum(self.r2(predicted))

    def score_and_r2(self, predicted: Floats) -> dict[str, float]:
        """Return the score of predictions (rows, targets) and R2 of each target, by name."""
        r2 = self.r2(predicted)
        return {"score": self._weighted_sum(r2)} | dict(zip(self.targets, r2, strict=True))

    @cached_property
    def possible_score(self) -> float:
        """Return the highest possible score: the sum of the weights of the targets whose R2 is defined."""
        return float(self.weights[~np.isnan(self.r2(self.predicted))].sum())

    def scores_of_repeats(self, split: Split) -> list[float]:
        """Return the scores with fit()'s defaults, one for each set of folds."""
        return [self._weighted_sum(r2) for r2 in self.r2_of_repeats(split)]

    def r2_of_repeats(self, split: Split) -> Floats:
        """Return R2 with fit()'s defaults for each set of folds: (repeats, targets)."""
        return np.array([self.r2(self.predictions[each]) for each in self.get_completed(split, "default")])

    def standard_error(self, first: Floats, second: Floats) -> float:
        """Return the standard error of the difference between two predictions' scores, by a jackknife over drill holes.

        first, second: (rows, targets). If there is only one hole, the jackknife is over rows.
        """
        holes = list(rows_by_group(self.data.hole).values())
        units = holes if len(holes) > 1 else [np.array([row]) for row in range(len(self.measured))]
        groups = [np.concatenate(units[start::JACKKNIFE_GROUPS]) for start in range(min(JACKKNIFE_GROUPS, len(units)))]
        differences = []
        for group in groups:
            measured, *predictions = (np.delete(each, group, axis=0) for each in (self.measured, first, second))
            one, other = (self._weighted_sum(r2_by_target(measured, each)) for each in predictions)
            differences.append(one - other)
        return float(np.sqrt((len(groups) - 1) * np.var(differences)))

    def _weighted_sum(self, r2: Floats) -> float:
        """Return the score: the sum of weight x R2 over the targets whose R2 is not NaN."""
        return float(np.nan_to_num(r2) @ self.weights)
