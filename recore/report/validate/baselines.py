"""Models that are no one's work, on the same folds: what a submission has to beat."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.report.reading import Floats
from recore.report.statistics.binning import snv
from recore.report.validate.plan import Rows, Way, folds_of

BIN = 7  # channels
LEFT_OUT = 300 / 1700  # of the channels, at the low end: where the recipe that won does not look for the maximum
STRENGTHS = np.geomspace(1e-5, 1e5, 50)
MOST_COMPONENTS = 20
MOST_PATTERNS = 8  # of measured rows, up to which each is fitted on its own


def mean(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], way: Way) -> Floats:
    """The mean of the training part, whatever the spectrum."""
    return np.tile(y.mean(axis=0), (len(new), 1))


def one_band(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], way: Way) -> Floats:
    """A straight line on one bin, for each target that which fits the training part best."""
    centre, level = x.mean(axis=0), y.mean(axis=0)
    squares = ((x - centre) ** 2).sum(axis=0)
    products = (x - centre).T @ (y - level)
    usable = np.where(squares > 1e-12 * max(squares.max(), 1e-300), squares, np.inf)
    best = (products**2 / usable[:, None]).argmax(axis=0)
    slopes = products[best, np.arange(y.shape[1])] / usable[best]
    return level + (new[:, best] - centre[best]) * slopes


def random_numbers(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], way: Way) -> Floats:
    """The recipe that won the challenge: ridge regression with a strength for each target, not below zero."""
    from sklearn.linear_model import RidgeCV

    if len(x) < 3:  # none to hold out and learn from two
        return mean(x, y, new, holes, way)
    predicted: Floats = RidgeCV(STRENGTHS, alpha_per_target=True).fit(x, y).predict(new)
    return predicted.reshape(len(new), -1).clip(0.0)


def pls(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], way: Way) -> Floats:
    """Partial least squares of all targets at once; for each target the number of components by a part held out."""
    folds = folds_of(holes, way, 0) or folds_of(holes, "rows", 0)
    if not folds or min(len(folds[0][0]), x.shape[1]) < 3:
        return mean(x, y, new, holes, way)
    rest, held = folds[0]
    errors = ((path(x[rest], y[rest], x[held]) - y[held]) ** 2).sum(axis=1)
    predicted = path(x, y, new)
    best = np.minimum(errors.argmin(axis=0), len(predicted) - 1)
    return predicted[best, :, np.arange(y.shape[1])].T.clip(0.0)


def path(x: Floats, y: Floats, new: Floats) -> Floats:
    """What PLS predicts with none, 1, 2, ... components: (components + 1, rows, targets)."""
    from sklearn.cross_decomposition import PLSRegression

    level, spread = y.mean(axis=0), y.std(axis=0)
    scaled = (y - level) / np.where(spread > 0, spread, 1)
    with warnings.catch_warnings():  # exact with fewer components, or slow to converge: so it is, as a baseline
        warnings.simplefilter("ignore")
        model = PLSRegression(min(MOST_COMPONENTS, len(x) - 1, x.shape[1]), scale=False).fit(x, scaled)
    steps = model.transform(new).T[:, :, None] * model.y_loadings_.T[:, None, :]
    steps = np.cumsum(np.concatenate([np.zeros((1, len(new), y.shape[1])), steps]), axis=0)
    predicted: Floats = np.nan_to_num(steps) * spread + level
    return predicted


Baseline = Callable[[Floats, Floats, Floats, NDArray[Any], Way], Floats]
BASELINES: dict[str, tuple[Baseline, bool]] = {  # and whether it takes SNV, or else spectra over their maximum
    "mean": (mean, False),
    "one band": (one_band, False),
    "RandomNumbers": (random_numbers, False),
    "PLS": (pls, True),
}


def treated(spectra: Floats) -> tuple[Floats, Floats]:
    """Bins (rows, bins) of spectra over their maximum, and of their standard normal variates."""
    window = spectra[:, : max(1, spectra.shape[1] - round(LEFT_OUT * spectra.shape[1]))]
    highest = window.max(axis=1, keepdims=True)
    return _binned(spectra / np.where(highest > 0, highest, 1)), _binned(np.nan_to_num(snv(spectra)))


def predict(
    name: str, both: tuple[Floats, Floats], y: Floats, holes: NDArray[Any], task: tuple[Way, Rows, Rows]
) -> Floats:
    """Predictions (held, targets) of one baseline, fitted to the training rows alone; NaN where a target has no assay.

    both: of `treated`. y: (rows, targets), NaN where not measured. task: the way, training and held rows.
    """
    way, training, held = task
    model, snv = BASELINES[name]
    x, own = both[int(snv)], y[training]
    found = np.full((len(held), y.shape[1]), np.nan)
    for rows, columns, filled in together(own):
        found[:, columns] = model(x[training[rows]], filled, x[held], holes[training[rows]], way)
    return found


def together(y: Floats) -> Iterator[tuple[Rows, Rows, Floats]]:
    """Targets measured on the same rows: (rows, columns, their assays).

    Where gaps are so scattered that there would be many such fits, one for all, each gap filled with the target's mean.
    """
    measured = ~np.isnan(y)
    patterns, pattern_of = np.unique(measured, axis=1, return_inverse=True)
    if patterns.shape[1] > MOST_PATTERNS:
        columns = np.flatnonzero(measured.any(axis=0))
        own = y[:, columns]
        yield np.arange(len(y)), columns, np.where(np.isnan(own), np.nanmean(own, axis=0), own)
        return
    for number, pattern in enumerate(patterns.T):
        if pattern.any():
            rows, columns = np.flatnonzero(pattern), np.flatnonzero(pattern_of == number)
            yield rows, columns, y[np.ix_(rows, columns)]


def _binned(values: Floats) -> Floats:
    """The mean of neighbouring channels; those left over at the low end are not used."""
    whole = values.shape[1] // BIN * BIN
    return values[:, :whole].reshape(len(values), -1, BIN).mean(axis=2) if whole else values
