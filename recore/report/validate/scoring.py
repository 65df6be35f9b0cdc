"""The challenge's score, and R2 and the other measures of each target."""

from dataclasses import dataclass

import numpy as np

from recore.report.reading import Floats
from recore.report.statistics.prediction_errors import MEASURES, paired_values, prediction_errors, r_squared


@dataclass(frozen=True)
class Challenge:
    """The 49 targets in order and their weights (49,), as the host's score.py has them."""

    targets: tuple[str, ...]
    weights: Floats

    def score(self, r2: Floats) -> float:
        """The sum of weight x R2; a target whose R2 is NaN adds nothing."""
        return float(np.nan_to_num(r2) @ self.weights)

    def possible(self, r2: Floats) -> float:
        """The highest possible score: the sum of the weights of the targets whose R2 is not NaN."""
        return float(self.weights[~np.isnan(r2)].sum())


def r2_by_target(measured: Floats, predicted: Floats) -> Floats:
    """R2 of each target (targets,) over the rows with an assay and a prediction; NaN if there are fewer than two.

    measured, predicted: (rows, targets), NaN where there is no value. As in score.py, R2 of a constant target is 0, or
    1 if it is predicted exactly.
    """
    r2 = np.full(measured.shape[1], np.nan)
    for column in range(measured.shape[1]):
        actual, estimate = paired_values(measured[:, column], predicted[:, column])
        if len(actual) > 1:
            r2[column] = r_squared(actual, estimate)
    return r2


def errors_by_target(measured: Floats, predicted: Floats) -> dict[str, Floats]:
    """What prediction_errors gives for each target, each measure (targets,). measured, predicted: (rows, targets)."""
    errors = [prediction_errors(*columns) for columns in zip(measured.T, predicted.T, strict=True)]
    return {name: np.array([each[name] for each in errors]) for name in ("rows", *MEASURES)}
