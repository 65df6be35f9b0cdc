"""The plain way to train: scikit-learn's RidgeCV with an alpha for each target, as the published winner did."""

import pickle
import sys

import numpy as np
from preprocess import preprocess
from sklearn.linear_model import RidgeCV

inputs, targets = preprocess(sys.argv[1])
model = RidgeCV(alphas=np.geomspace(1e-5, 1e5, 50), alpha_per_target=True).fit(inputs, targets)
with open(sys.argv[2], "wb") as file:
    pickle.dump(model, file)
