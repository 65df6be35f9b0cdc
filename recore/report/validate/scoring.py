"""The challenge's score of predictions for rows held out."""

from dataclasses import dataclass

import numpy as np

from recore.report.reading import Floats


@dataclass(frozen=True)
class Challenge:
    """The 49 targets in order and their weights (49,), the host's."""

    targets: tuple[str, ...]
    weights: Floats

    def score(self, r2: Floats) -> float:
        """The sum of weight x R2; a target that is NaN adds nothing."""
        return float(np.nan_to_num(r2) @ self.weights)

    def possible(self, r2: Floats) -> float:
        """The weights of the targets that are no NaN."""
        return float(self.weights[~np.isnan(r2)].sum())


def r2_by_target(actual: Floats, predicted: Floats) -> Floats:
    """R2 of each target (targets,) over the rows with an assay and a prediction; NaN where these are fewer than two.

    actual, predicted: (rows, targets), NaN where there is none. As score.py has it, a constant target is 0, or 1 where
    it is predicted to the last digit.
    """
    found = np.full(actual.shape[1], np.nan)
    for column, (own, made) in enumerate(zip(actual.T, predicted.T, strict=True)):
        both = np.isfinite(own) & np.isfinite(made)
        if both.sum() < 2:
            continue
        own, made = own[both], made[both]
        residual, spread = ((own - made) ** 2).sum(), ((own - own.mean()) ** 2).sum()
        found[column] = 1 - residual / spread if np.ptp(own) > 0 else float(residual == 0)
    return found
