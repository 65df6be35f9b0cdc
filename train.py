"""Step 1: fit the model. Step 3: load it and answer requests.

The platform runs this file as `python train.py --hyperparameter value ...`, with the public data and for at most an
hour. The serving container calls model_fn once, then input_fn, predict_fn and output_fn for each request; so does
predict.py.

Edit `fit`: docs/your-model.md of the template shows how. These files are uploaded with this one: assays.py (gaps and
limits, for any regressor), features.py and ridge.py (the default model's), fitting.py (calls fit), serving.py (the
hooks).
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

sys.path.append("/opt/ml/code")  # some serving containers do not put this file's folder on the path
from assays import LimitedRegressor
from features import SpectralFeatures
from fitting import main
from ridge import GroupRidgeCV
from serving import input_fn, model_fn, output_fn, predict_fn, save_model

__all__ = ["fit", "input_fn", "model_fn", "output_fn", "predict_fn", "save_model"]


def fit(
    inputs: pd.DataFrame,
    targets: pd.DataFrame,
    holes: np.ndarray,
    alpha_min: float = 1e-5,
    alpha_max: float = 1e5,
    alphas: int = 31,
    cv: int = 5,
) -> Any:
    """Fit a model that predicts the 49 assays.

    inputs: (rows, bins), as preprocess() gives them. targets: (rows, 49), NaN where not measured. holes: (rows,), the
    drill hole of each row. The rest are hyperparameters: `python train.py --alphas 11` passes alphas=11.

    Returns a model whose predict(inputs) gives (rows, 49): never negative, NaN for a target that was never measured.
    It may return a pair, the model and held-out predictions (rows, 49), if these are a by-product; otherwise main()
    makes them: it fits again without each fifth of the drill holes.
    """
    ridge = GroupRidgeCV(np.geomspace(alpha_min, alpha_max, alphas), cv=cv)
    model = make_pipeline(SpectralFeatures(), LimitedRegressor(ridge))
    model.fit(inputs, targets, limitedregressor__groups=holes)
    return model, model[-1].held_out_


if __name__ == "__main__":
    import train  # so that a class of this file is pickled as train.X and not as __main__.X

    main(train)
