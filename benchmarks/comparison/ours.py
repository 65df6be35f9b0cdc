"""The project's own model: the one place where this benchmark meets train.py."""

import contextlib
import io

import numpy as np
import pandas as pd

import train
from fitting import fit_model
from preprocess import TARGETS

from .data import Data


def fit_and_predict(training: Data, held: Data) -> np.ndarray:
    """train.py's model with its own defaults, fitted to `training`: predictions (rows, 49) for `held`."""
    targets = pd.DataFrame(training.targets, training.inputs.index, list(TARGETS))
    with contextlib.redirect_stdout(io.StringIO()):  # it may say which targets were never measured
        model, _ = fit_model(train.fit, training.inputs, targets, training.sites, {})
    return model.predict(held.inputs)
