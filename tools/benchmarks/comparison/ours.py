"""The project's own model: the only file here that imports train.py."""

import contextlib
import io

import numpy as np
import pandas as pd
import train
from challenge.fitting import fit_model
from challenge.targets import TARGETS

from .data import Data


def fit_and_predict(training: Data, held: Data) -> np.ndarray:
    """Return predictions (rows, 49) for `held` of train.py's model with its defaults, fitted to `training`."""
    targets = pd.DataFrame(training.targets, training.inputs.index, list(TARGETS))
    with contextlib.redirect_stdout(io.StringIO()):  # fit() may print which targets were never measured
        model, _ = fit_model(train.fit, training.inputs, targets, training.sites, {})
    return model.predict(held.inputs)
