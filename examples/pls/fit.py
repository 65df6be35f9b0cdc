"""fit() for train.py: partial least squares (PLS). `recore new FOLDER --model pls` copies it to train.py."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, scale

from estimators import MeanRegressor, MeasuredRowsRegressor


def fit(inputs: pd.DataFrame, targets: pd.DataFrame, groups: np.ndarray, n_components: int = 15) -> Any:
    """Fit PLS to the SNV-transformed bins. Targets measured on the same rows are fitted together."""
    snv = FunctionTransformer(scale, kw_args={"axis": 1})
    pls = MeasuredRowsRegressor(PLSRegression(n_components, scale=False), min_rows=n_components + 1)
    lowest = -np.inf if (targets < 0).any(axis=None) else 0.0
    return MeanRegressor([make_pipeline(snv, pls)], lowest).fit(inputs, targets)
