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
    with contextlib.redirect_stdout(io.StringIO()):  # it may say which targets were never measured
        result = train.fit(training.inputs, targets, training.sites)
    model = result[0] if isinstance(result, tuple) else result
    return model.predict(held.inputs)
