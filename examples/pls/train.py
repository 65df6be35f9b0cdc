"""Step 1: fit the model, partial least squares (PLS). Step 3: load it and answer requests."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, scale

from challenge.meta_estimators import LimitedRegressor, PerTargetRegressor
from challenge.serving import input_fn, model_fn, output_fn, predict_fn
from challenge.training import main


def fit(inputs: pd.DataFrame, targets: pd.DataFrame, holes: np.ndarray, n_components: int = 15) -> Any:
    """PLS for each target on the standard normal variate (SNV) of the bins, on the rows where it was measured."""
    snv = FunctionTransformer(scale, kw_args={"axis": 1})
    pls = PerTargetRegressor(PLSRegression(n_components, scale=False), min_rows=n_components + 1)
    return LimitedRegressor(make_pipeline(snv, pls)).fit(inputs, targets)


if __name__ == "__main__":
    main()
