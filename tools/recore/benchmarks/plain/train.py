"""Train with the simplest code: fit scikit-learn's RidgeCV with an alpha for each target, as in the
published method of the winner of 2021, team RandomNumbers, and predict held-out drill holes.
"""

import pickle
import sys

import numpy as np
import pandas as pd
from preprocess import preprocess
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict

inputs, targets = preprocess(sys.argv[1])
holes = pd.read_csv(sys.argv[1], usecols=["SiteID"])["SiteID"]
model = RidgeCV(alphas=np.geomspace(1e-5, 1e5, 50), alpha_per_target=True)
with open(sys.argv[2], "wb") as file:
    pickle.dump(model.fit(inputs, targets), file)
held_out = cross_val_predict(model, inputs, targets, groups=holes, cv=GroupKFold(5))
pd.DataFrame(held_out, targets.index, targets.columns).to_csv(f"{sys.argv[2]}.held_out.csv")
