"""fit() for train.py: gradient-boosted trees (XGBoost). `recore new FOLDER --model xgboost` copies it to train.py."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from xgboost import XGBRegressor

from estimators import MeanRegressor, MeasuredRowsRegressor


def fit(
    inputs: pd.DataFrame,
    targets: pd.DataFrame,
    groups: np.ndarray,
    n_components: int = 20,
    n_estimators: int = 60,
    max_depth: int = 3,
    learning_rate: float = 0.1,
) -> Any:
    """For each target, fit boosted trees to principal components of the bins, on the rows where it was measured."""
    # One thread per model, because several threads cost more than they save on so few data.
    components = PCA(min(n_components, *inputs.shape), whiten=True, random_state=0)
    trees = XGBRegressor(n_estimators=n_estimators, max_depth=max_depth, learning_rate=learning_rate, n_jobs=1)
    pipeline = make_pipeline(components, MeasuredRowsRegressor(trees))
    lowest = -np.inf if (targets < 0).any(axis=None) else 0.0
    return MeanRegressor([pipeline], lowest).fit(inputs, targets)
