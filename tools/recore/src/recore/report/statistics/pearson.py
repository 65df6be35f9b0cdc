"""Pearson's correlation of one variable with many."""

import numpy as np

from recore.spectral_data import Floats

CONSTANT = 1e-12  # a column with a smaller standard deviation has no correlation


def correlations(values: Floats, columns: Floats) -> Floats:
    """Pearson's correlation of values (rows,) with each of columns (rows, columns); NaN for a constant column."""
    centred = values - values.mean()
    means = columns.mean(axis=0)
    deviations = np.sqrt(np.maximum((columns**2).mean(axis=0) - means**2, 0))
    deviations = np.where(deviations > CONSTANT, deviations, np.nan)
    covariances = centred @ columns / len(values)
    return np.asarray(covariances / (np.sqrt((centred**2).mean()) * deviations))
