"""The project's own model: the one place where this benchmark meets train.py."""

import contextlib
import io

import numpy as np
import pandas as pd

import train
from preprocess import TARGETS

from .data import Data


def fit_and_predict(training: Data, held: Data) -> np.ndarray:
    """train.py's model with its own defaults, fitted to `training`: predictions (rows, 49) for `held`."""
    targets = pd.DataFrame(training.targets, training.inputs.index, list(TARGETS))
    with contextlib.redirect_stdout(io.StringIO()):  # it says which targets were never measured
        model, _ = train.fit(training.inputs, targets, training.sites, *hyperparameters())
    return model.predict(held.inputs)


def hyperparameters() -> tuple[np.ndarray, int]:
    """The alphas and the folds that train.py uses when it is given no arguments."""
    defaults = train.parser().parse_args([])
    return np.geomspace(defaults.alpha_max, defaults.alpha_min, defaults.alphas), defaults.folds
