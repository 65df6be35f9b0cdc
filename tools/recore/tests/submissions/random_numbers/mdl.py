"""The model: ridge regression for each target, never below zero."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import RidgeCV


class ClippedRidge(RegressorMixin, BaseEstimator):
    def __init__(self, alphas=(0.01, 1.0, 100.0)):
        self.alphas = alphas

    def fit(self, inputs, targets):
        measured = targets.loc[:, targets.notna().any()]
        self.order_ = list(targets)
        self.ridges_ = {}
        for name, assays in measured.items():
            rows = assays.notna().to_numpy()
            self.ridges_[name] = RidgeCV(self.alphas).fit(inputs[rows], assays[rows])
        return self

    def predict(self, inputs):
        zeros = np.zeros(len(inputs))
        columns = [self.ridges_[name].predict(inputs) if name in self.ridges_ else zeros for name in self.order_]
        return np.clip(np.column_stack(columns), 0, None)
