"""How good predictions are: R2 and the challenge's score, RMSE, bias and RPIQ of each target.

RMSE: the root mean squared error, in the unit of the target. bias: the mean of predicted - measured. RPIQ: the ratio of
performance to interquartile distance, (Q3 - Q1 of the measured values) / RMSE (Bellon-Maurel et al., TrAC Trends in
Analytical Chemistry 29, 2010, 1073-1081): quartiles describe the spread of skewed values better than a standard
deviation does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recore.report.reading import Floats

UNIT_NAMES = {"PPM": "ppm", "PCT": "%", "PPB": "ppb"}  # by the last three letters of a target's name


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
            residual, total = ((actual - estimate) ** 2).sum(), ((actual - actual.mean()) ** 2).sum()
            r2[column] = 1 - residual / total if np.ptp(actual) > 0 else float(residual == 0)
    return r2


def errors_by_target(measured: Floats, predicted: Floats) -> dict[str, Floats]:
    """RMSE, bias and RPIQ, each (targets,), over the same rows as R2; NaN if there are fewer than two.

    RPIQ is NaN as well if RMSE is 0.
    """
    from sklearn.metrics import root_mean_squared_error

    errors = {name: np.full(measured.shape[1], np.nan) for name in ("RMSE", "bias", "RPIQ")}
    for column in range(measured.shape[1]):
        actual, estimate = paired_values(measured[:, column], predicted[:, column])
        if len(actual) > 1:
            rmse = root_mean_squared_error(actual, estimate)
            lower, upper = np.percentile(actual, [25, 75])
            errors["RMSE"][column], errors["bias"][column] = rmse, (estimate - actual).mean()
            errors["RPIQ"][column] = (upper - lower) / rmse if rmse > 0 else np.nan
    return errors


def paired_values(measured: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """The measured and the predicted values of one target in the rows that have both."""
    both = np.isfinite(measured) & np.isfinite(predicted)
    return measured[both], predicted[both]


def unit_of(target: str) -> str:
    """The unit of a target, by its name; empty if the name does not say it."""
    return UNIT_NAMES.get(target[-3:], "")


def describe_errors(errors: Mapping[str, float], target: str) -> str:
    """R2, RMSE, bias and RPIQ of a target in words. errors: the four by their names."""
    unit = unit_of(target)
    return (
        f"R2 {errors['R2']:.3f}, RMSE {errors['RMSE']:.4g} {unit}, bias {errors['bias']:+.3g} {unit}, RPIQ "
        f"{errors['RPIQ']:.2f}"
    )
