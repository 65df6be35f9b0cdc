"""A linear model for each target, limited to the range of its assays."""

import numpy as np


class Linear:
    def fit(self, inputs, targets):
        self.mean, self.scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
        design = self.design(inputs)
        self.weights = np.full((design.shape[1], targets.shape[1]), np.nan)
        self.low, self.high = np.full((2, targets.shape[1]), np.nan)
        for index, target in enumerate(targets.T):
            rows = np.isfinite(target)
            if rows.any():
                penalty = 1e-3 * np.eye(design.shape[1])
                measured_rows = design[rows]
                self.weights[:, index] = np.linalg.solve(
                    measured_rows.T @ measured_rows + penalty, measured_rows.T @ target[rows]
                )
                self.low[index], self.high[index] = target[rows].min(), target[rows].max()
        return self

    def design(self, inputs):
        return np.column_stack([np.ones(len(inputs)), (inputs - self.mean) / self.scale])

    def predict(self, inputs):
        # a sum for each row, so that a row's prediction does not depend on the other rows
        raw = (self.design(inputs)[:, :, None] * self.weights).sum(axis=1)
        return np.clip(raw, self.low, self.high)
