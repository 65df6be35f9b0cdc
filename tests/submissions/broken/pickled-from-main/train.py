"""Steps 1 and 3."""

import os
import pickle

from sklearn.base import BaseEstimator, RegressorMixin


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


class Mean(RegressorMixin, BaseEstimator):
    def fit(self, inputs, targets):
        self.mean_ = targets.mean(axis=0)
        return self


if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb") as file:
        pickle.dump(Mean(), file)
