"""Steps 1 and 3: training and prediction."""

import os
import pickle

from settings import alpha


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


ALPHA = alpha
