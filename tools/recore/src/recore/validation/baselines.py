"""Simple models that a submission should beat, fitted on the same folds."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.spectral_data import Floats, Rows, SpectralData, snv
from recore.validation.plan import SPLITS, Split, make_folds
from stagemaker import interrupts

BIN_WIDTH = 7  # channels
IGNORED_SHARE = 300 / 1700  # share of channels at the low end, where the published method does not look for the maximum
ALPHAS = np.geomspace(1e-5, 1e5, 50)
MAX_COMPONENTS = 20
MAX_PATTERNS = 8  # maximum number of sets of measured rows that are fitted separately

Baseline = Callable[[Floats, Floats, Floats, NDArray[Any], Split], Floats]


def mean(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], split: Split) -> Floats:
    """Predict each target's training mean for every row."""
    return np.tile(y.mean(axis=0), (len(new), 1))


def fit_one_band(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], split: Split) -> Floats:
    """Predict each target by linear regression on the bin that fits the training part best."""
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    squares = ((x - x_mean) ** 2).sum(axis=0)
    products = (x - x_mean).T @ (y - y_mean)
    usable = np.where(squares > 1e-12 * max(squares.max(), 1e-300), squares, np.inf)
    best_band = (products**2 / usable[:, None]).argmax(axis=0)
    slopes = products[best_band, np.arange(y.shape[1])] / usable[best_band]
    return y_mean + (new[:, best_band] - x_mean[best_band]) * slopes


def published_method(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], split: Split) -> Floats:
    """Predict with the published method of the winner of 2021, team RandomNumbers: ridge regression, clipped at 0."""
    from sklearn.linear_model import RidgeCV

    if len(x) < 3:  # its leave-one-out cross-validation needs two other rows
        return mean(x, y, new, holes, split)
    predicted: Floats = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y).predict(new)
    return predicted.reshape(len(new), -1).clip(0.0)


def pls(x: Floats, y: Floats, new: Floats, holes: NDArray[Any], split: Split) -> Floats:
    """Predict all targets with one PLS model. Each target's number of components is chosen on one fold."""
    folds = make_folds(holes, split, 0) or make_folds(holes, "rows", 0)
    if not folds or min(len(folds[0][0]), x.shape[1]) < 3:
        return mean(x, y, new, holes, split)
    training, held_out = folds[0]
    errors = ((pls_path(x[training], y[training], x[held_out]) - y[held_out]) ** 2).sum(axis=1)
    predicted = pls_path(x, y, new)
    best = np.minimum(errors.argmin(axis=0), len(predicted) - 1)
    return predicted[best, :, np.arange(y.shape[1])].T.clip(0.0)


def pls_path(x: Floats, y: Floats, new: Floats) -> Floats:
    """Return the predictions of PLS with 0, 1, 2, ... components: (components + 1, rows, targets)."""
    from sklearn.cross_decomposition import PLSRegression

    y_mean, y_deviation = y.mean(axis=0), y.std(axis=0)
    scaled = (y - y_mean) / np.where(y_deviation > 0, y_deviation, 1)
    with warnings.catch_warnings():  # an exact fit with fewer components, or slow convergence, is no problem
        warnings.simplefilter("ignore")
        model = PLSRegression(min(MAX_COMPONENTS, len(x) - 1, x.shape[1]), scale=False).fit(x, scaled)
    steps = model.transform(new).T[:, :, None] * model.y_loadings_.T[:, None, :]
    steps = np.cumsum(np.concatenate([np.zeros((1, len(new), y.shape[1])), steps]), axis=0)
    predicted: Floats = np.nan_to_num(steps) * y_deviation + y_mean
    return predicted


# each with the position of its inputs in the result of preprocess()
BASELINES: dict[str, tuple[Baseline, int]] = {
    "mean": (mean, 0),
    "one band": (fit_one_band, 0),
    "winner of 2021": (published_method, 0),
    "PLS": (pls, 1),
}


def cross_validate_baselines(data: SpectralData, measured: Floats) -> dict[tuple[Split, str], Floats]:
    """Return the predictions (rows, targets) of each baseline on the first set of folds of each split.

    Predictions are NaN for a target without assays in the training part. If spectra have missing values, only the mean
    is used. measured: (rows, targets), NaN if there is no assay.
    """
    inputs = preprocess(data.spectra)
    names = list(BASELINES) if np.isfinite(data.spectra).all() else ["mean"]
    predictions: dict[tuple[Split, str], Floats] = {}
    for split in SPLITS:
        for training, held_out in make_folds(data.hole, split):
            for name in names:
                interrupts.check()
                predicted = predictions.setdefault((split, name), np.full(measured.shape, np.nan))
                model, number = BASELINES[name]
                x = inputs[number]
                for rows, columns, assays in group_targets_by_rows(measured[training]):
                    rows_used = training[rows]
                    new = model(x[rows_used], assays, x[held_out], data.hole[rows_used], split)
                    predicted[np.ix_(held_out, columns)] = new
    return predictions


def preprocess(spectra: Floats) -> tuple[Floats, Floats]:
    """Return two kinds of binned spectra (rows, bins): divided by their maximum, and SNV."""
    window = spectra[:, : max(1, spectra.shape[1] - round(IGNORED_SHARE * spectra.shape[1]))]
    highest = window.max(axis=1, keepdims=True)
    return _bin_channels(spectra / np.where(highest > 0, highest, 1)), _bin_channels(np.nan_to_num(snv(spectra)))


def fills_gaps(measured: Floats) -> bool:
    """Return whether targets have too many patterns of missing values to fit separately. measured: (rows, targets)."""
    return bool(np.unique(~np.isnan(measured), axis=1).shape[1] > MAX_PATTERNS)


def group_targets_by_rows(measured: Floats) -> Iterator[tuple[Rows, Rows, Floats]]:
    """Yield (rows, columns, assays) for each group of targets that are measured on the same rows.

    If there were more than MAX_PATTERNS groups, all targets form one group, with means for missing values.
    """
    is_measured = ~np.isnan(measured)
    if fills_gaps(measured):
        columns = np.flatnonzero(is_measured.any(axis=0))
        assays = measured[:, columns]
        yield np.arange(len(measured)), columns, np.where(np.isnan(assays), np.nanmean(assays, axis=0), assays)
        return
    patterns, pattern_of = np.unique(is_measured, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if pattern.any():
            rows, columns = np.flatnonzero(pattern), np.flatnonzero(pattern_of == number)
            yield rows, columns, measured[np.ix_(rows, columns)]


def _bin_channels(values: Floats) -> Floats:
    """Return the means of bins of neighbouring channels, dropping an incomplete last bin."""
    n_used = values.shape[1] // BIN_WIDTH * BIN_WIDTH
    return values[:, :n_used].reshape(len(values), -1, BIN_WIDTH).mean(axis=2) if n_used else values
