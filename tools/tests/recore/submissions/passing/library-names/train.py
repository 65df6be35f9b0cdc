"""Steps 1 and 3: training and prediction."""

import os
import pickle

import numpy as np
import pandas as pd
import pyarrow.csv
import scipy.stats
import sklearn
from numpy.linalg import eigh
from pandas import DataFrame
from scipy import linalg
from scipy.signal import savgol_filter
from sklearn import linear_model, set_config
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_halving_search_cv
from sklearn.metrics import r2_score
from sklearn.utils.validation import validate_data


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


TYPES = (np.float64, np.linalg.norm, np.testing.assert_allclose, pd.options.mode, eigh, DataFrame)
if hasattr(np, "float_"):
    FLOAT = getattr(np, "float_", None)
