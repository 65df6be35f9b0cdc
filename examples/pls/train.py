"""Step 1: fit the model, partial least squares (PLS). Step 3: load it and answer requests."""

import sys
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, scale

sys.path.append("/opt/ml/code")  # some serving containers do not put this file's folder on the path
from assays import LimitedRegressor, PerTargetRegressor
from fitting import main
from serving import input_fn, model_fn, output_fn, predict_fn, save_model

__all__ = ["fit", "input_fn", "model_fn", "output_fn", "predict_fn", "save_model"]


def fit(inputs: pd.DataFrame, targets: pd.DataFrame, holes: np.ndarray, n_components: int = 15) -> Any:
    """PLS for each target on the standard normal variate (SNV) of the bins, on the rows where it was measured."""
    snv = FunctionTransformer(scale, kw_args={"axis": 1})
    pls = PerTargetRegressor(PLSRegression(n_components, scale=False), min_rows=n_components + 1)
    return LimitedRegressor(make_pipeline(snv, pls)).fit(inputs, targets)


if __name__ == "__main__":
    import train  # so that a class of this file is pickled as train.X and not as __main__.X

    main(train)
