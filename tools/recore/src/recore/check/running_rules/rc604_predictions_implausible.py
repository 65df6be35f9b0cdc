"""Predictions are constant, negative, rounded, or far outside the measured range. Nothing fails, but the score is
lower than it could be: one value that is ten times too large outweighs hundreds of good ones.

    np.exp(model.predict(inputs))   # has no limit

Fix: limit each target to the measured range.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from recore.check.experiments import Experiments
from recore.check.predictions import Floats
from recore.check.rule import Finding, Findings, Level, rule
from recore.listing import count

LIMITS = "Limit the predictions to the measured range, for example with numpy's clip() in the model"
UNITS = "Compare the predictions with the assays: the score is below 0, and limits would only hide the cause"
CONSTANT = "Check how the model learns these targets; constant predictions score 0 or less"
DIGITS = "Write all digits, as repr() and the template's output_fn do: rounding lowers the score"
MIN_ROWS = 10  # with fewer, constant predictions are not reported
SHOWN = 5


@rule("The predictions vary, are not negative or rounded, and stay near the measured range", needs=("RC602", "RC603"))
def inspect(experiments: Experiments) -> Findings:
    predicted, data = experiments.predicted(), experiments.data
    location = experiments.scripts.locate("fit", "predict_fn", "main")
    is_poor = experiments.score(predicted) < 0
    for message, fix in judge(predicted, data.measured, data.targets):
        yield Finding(message, UNITS if is_poor and fix == LIMITS else fix, location, Level.WARNING)


def judge(predicted: Floats, measured: Floats, targets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield messages and fixes. predicted, measured: arrays (rows, targets), with NaN for missing values."""
    constant, negative, outside, rounded = [], [], [], []
    for name, estimate, assay in zip(targets, predicted.T, measured.T, strict=True):
        actual = assay[np.isfinite(assay)]
        if not len(actual) or np.isnan(estimate).any():
            continue
        span = np.ptp(actual)
        if len(actual) >= MIN_ROWS and span > 0 and np.ptp(estimate) == 0:
            constant.append(name)
        elif is_rounded(estimate, actual):
            rounded.append(name)
        if estimate.min() < 0 <= actual.min():
            negative.append(f"{name} {estimate.min():.4g}")
        elif estimate.max() > actual.max() + span or estimate.min() < actual.min() - span:
            extreme = max(estimate.max(), estimate.min(), key=lambda value: abs(value - actual.mean()))
            outside.append(f"{name} {extreme:.4g} (measured: {actual.min():.4g} to {actual.max():.4g})")
    for names, message, fix in (
        (constant, "The predictions are the same for all rows", CONSTANT),
        (negative, "Predictions are negative, but no assay is", LIMITS),
        (outside, "Predictions are far outside the measured range", LIMITS),
        (rounded, "Predictions are rounded, but the assays are not", DIGITS),
    ):
        if names:
            more = f" and {count(len(names) - SHOWN, 'more target')}" if len(names) > SHOWN else ""
            yield f"{message}: {', '.join(names[:SHOWN])}{more}", fix


def is_rounded(estimate: Floats, actual: Floats) -> bool:
    """Return whether all predictions are rounded to integers or to two significant digits, unlike the assays.

    Predictions that are 0 or equal to any row's assay, as a nearest-neighbour model's are, are ignored.
    """
    others = np.setdiff1d(estimate, [*actual, 0.0])
    return len(others) >= SHOWN and any(
        bool(np.array_equal(others, shorten(others)) and not np.array_equal(actual, shorten(actual)))
        for shorten in (np.round, _round_to_two_digits)
    )


def _round_to_two_digits(values: Floats) -> Floats:
    return np.array([float(f"{value:.1e}") for value in values])
