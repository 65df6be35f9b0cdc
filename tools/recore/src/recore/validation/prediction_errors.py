"""Prediction errors, with the measures that are usual in chemometrics.

With y the measured and p the predicted values of the rows that have both:

- R2: 1 - sum (p - y)^2 / sum (y - mean y)^2, as in score.py
- RMSE: the root of the mean of (p - y)^2, in the unit of the target (RMSECV if cross-validated, RMSEP for new samples)
- bias: the mean of p - y, which is positive if predictions are too high
- slope, intercept: the coefficients of the least-squares line y = intercept + slope x p, 1 and 0 for predictions that
  need no correction. The regression of p on y has a smaller slope even then, because of noise (Pineiro et al.,
  Ecological Modelling 216, 2008, 316-322). NIR instruments correct predictions with this line.
- RPD: the ratio of performance to deviation, the standard deviation of y (n - 1) / RMSE. Williams (Near-Infrared
  Technology in the Agricultural and Food Industries, 1987) divides by SEP, which is RMSE without the bias; here the
  bias counts, as in R2 and RPIQ.
- RPIQ: the ratio of performance to interquartile distance, (Q3 - Q1 of y) / RMSE (Bellon-Maurel et al., TrAC Trends in
  Analytical Chemistry 29, 2010, 1073-1081). Quartiles describe the spread of skewed values better than the standard
  deviation, which a few high values dominate.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.spectral_data import Floats

FORMATS = {"R2": ".3f", "RMSE": ".4g", "bias": "+.3g", "slope": ".3f", "intercept": "+.3g", "RPD": ".2f", "RPIQ": ".2f"}
MEASURES = tuple(FORMATS)
UNIT_MEASURES = ("RMSE", "bias", "intercept")
DEFINITIONS = (
    "RMSE: root mean squared error (RMSECV if cross-validated, RMSEP for new samples). Bias: mean of predicted - "
    "measured. RMSE, bias and intercept are in the target's unit. Slope and intercept: of the line measured = "
    "intercept + slope x predicted, fitted by least squares; 1 and 0 are ideal (Pineiro et al., Ecological Modelling "
    "216, 2008, 316). RPD: standard deviation of the measured values divided by RMSE. RPIQ: their interquartile range "
    "divided by RMSE (Bellon-Maurel et al., TrAC 29, 2010, 1073)."
)


def prediction_errors(measured: Floats, predicted: Floats) -> dict[str, float]:
    """Return `rows`, the number of rows with both values, and the MEASURES of these rows. An undefined measure is NaN.

    measured, predicted: (rows,) of one target, NaN if there is no value. All measures are undefined for fewer than two
    rows, RPD and RPIQ if RMSE is 0, and slope and intercept if all predictions are equal.
    """
    actual, estimate = paired_values(measured, predicted)
    errors = dict.fromkeys(MEASURES, math.nan)
    if len(actual) > 1:
        rmse = math.sqrt(np.square(estimate - actual).mean())
        errors |= {"R2": r_squared(actual, estimate), "RMSE": rmse, "bias": float((estimate - actual).mean())}
        if np.ptp(estimate) > 0:
            centred = estimate - estimate.mean()
            slope = float(centred @ (actual - actual.mean()) / (centred @ centred))
            errors |= {"slope": slope, "intercept": float(actual.mean() - slope * estimate.mean())}
        if rmse > 0:
            lower, upper = np.percentile(actual, [25, 75])
            errors |= {"RPD": float(actual.std(ddof=1) / rmse), "RPIQ": float((upper - lower) / rmse)}
    return {"rows": len(actual)} | errors


def r_squared(actual: Floats, estimate: Floats) -> float:
    """Return R2 of pairs without NaN, or NaN if there are fewer than two pairs."""
    if len(actual) < 2:
        return math.nan
    deviations = actual - actual.mean() if np.ptp(actual) > 0 else np.zeros(1)  # the mean of equal values is inexact
    return float(r2_of_sums(((actual - estimate) ** 2).sum(), (deviations**2).sum()))


def r2_of_sums(errors: Any, deviations: Any) -> Any:
    """Return R2 from the sums of squared errors and of squared deviations from the mean, which can be arrays.

    As in score.py, R2 of a constant target is 0, or 1 if it is predicted exactly.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(deviations > 0, 1 - errors / deviations, errors == 0)


def r2_by_target(measured: Floats, predicted: Floats) -> Floats:
    """Return R2 of each target (targets,). measured, predicted: (rows, targets), NaN if there is no value."""
    return np.array([r_squared(*paired_values(*columns)) for columns in zip(measured.T, predicted.T, strict=True)])


def errors_table(targets: Sequence[str], measured: Floats, predicted: Floats) -> pd.DataFrame:
    """Return a table with the unit and the prediction_errors of each target, indexed by target.

    measured, predicted: (rows, targets), NaN if there is no value.
    """
    pairs = zip(targets, measured.T, predicted.T, strict=True)
    errors = [{"unit": unit_of(name)} | prediction_errors(*columns) for name, *columns in pairs]
    return pd.DataFrame(errors, index=pd.Index(targets, name="target"))


def paired_values(measured: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Return a target's measured and predicted values in the rows that have both."""
    mask = np.isfinite(measured) & np.isfinite(predicted)
    return measured[mask], predicted[mask]


def unit_of(target: str) -> str:
    """Return a target's unit in the current challenge, or "" if it has none."""
    return challenge().unit(target)


def format_errors(errors: Mapping[str, Any], target: str) -> str:
    """Format the number of rows and the defined measures of a target."""
    words = [f"n {errors['rows']:.0f}"]
    for measure, number_format in FORMATS.items():
        if math.isfinite(errors[measure]):
            unit = f" {unit_of(target)}".rstrip() if measure in UNIT_MEASURES else ""
            words.append(f"{measure} {errors[measure]:{number_format}}{unit}")
    return ", ".join(words)
