"""Step 1: fit the model. Step 3: load it and answer requests.

The platform runs this file as `python train.py --hyperparameter value ...`, with the public data and for at most an
hour. The serving container calls model_fn once, then input_fn, predict_fn and output_fn for each request; so does
predict.py.

Edit `fit`: docs/your-model.md of the template shows how. The folder challenge/ is uploaded with this file.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from challenge.features import SpectralFeatures
from challenge.meta_estimators import LimitedRegressor
from challenge.ridge import GroupRidgeCV
from challenge.serving import input_fn, model_fn, output_fn, predict_fn
from challenge.training import main


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
    Its attribute held_out_ (rows, 49), if it has one, is taken for its held-out predictions; a pair of a model and
    these may be returned, too. Otherwise main() makes them: it fits again without each fifth of the drill holes.
    """
    ridge = GroupRidgeCV(np.geomspace(alpha_min, alpha_max, alphas), cv=cv)
    model = make_pipeline(SpectralFeatures(), LimitedRegressor(ridge))
    return model.fit(inputs, targets, limitedregressor__groups=holes)


if __name__ == "__main__":
    main()
