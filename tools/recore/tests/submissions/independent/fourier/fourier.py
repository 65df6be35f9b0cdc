"""Random Fourier features (Rahimi and Recht, 2007) and a ridge regression of each assay on them."""

import numpy as np


class FourierRegression:
    def __init__(self, features=150, width=12.0, penalty=3.0, seed=11):
        self.features, self.width, self.penalty, self.seed = features, width, penalty, seed

    def fit(self, inputs, assays):
        """Fit assays (rows, targets), with NaN where one is missing, to inputs (rows, channels)."""
        random = np.random.default_rng(self.seed)
        self.frequencies = random.normal(0.0, 1.0 / self.width, (inputs.shape[1], self.features))
        self.phases = random.uniform(0.0, 2.0 * np.pi, self.features)
        waves = self.transform(inputs)
        self.weights = np.full((waves.shape[1], assays.shape[1]), np.nan)
        self.maxima = np.full(assays.shape[1], np.nan)
        for index in range(assays.shape[1]):
            known = ~np.isnan(assays[:, index])
            if known.any():
                self.weights[:, index] = self.solve(waves[known], assays[known, index])
                self.maxima[index] = assays[known, index].max()
        return self

    def solve(self, waves, values):
        penalty = self.penalty * np.eye(waves.shape[1])
        penalty[0, 0] = 0.0
        return np.linalg.solve(waves.T @ waves + penalty, waves.T @ values)

    def transform(self, inputs):
        waves = np.cos(inputs @ self.frequencies + self.phases)
        return np.hstack([np.ones((len(inputs), 1)), waves])

    def predict(self, inputs):
        return np.minimum(np.maximum(self.transform(inputs) @ self.weights, 0.0), self.maxima)
