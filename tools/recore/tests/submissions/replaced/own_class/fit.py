import numpy as np


class Neighbours:
    """The mean of the most similar samples."""

    def __init__(self, count):
        self.count = count

    def fit(self, inputs, targets):
        self.feature_names_in_ = inputs.columns  # predict_fn puts the columns of a request into this order
        self.scale = inputs.std().to_numpy()
        self.inputs = inputs.to_numpy() / self.scale
        self.targets = targets.fillna(targets.mean()).to_numpy()
        return self

    def predict(self, inputs):
        predicted = []
        for row in inputs.to_numpy() / self.scale:
            nearest = np.argsort(((self.inputs - row) ** 2).sum(axis=1), kind="stable")
            predicted.append(self.targets[nearest[: self.count]].mean(axis=0))
        return np.array(predicted)


def fit(inputs, targets, holes, count=5):
    return Neighbours(count).fit(inputs, targets)
