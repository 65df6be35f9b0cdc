"""Steps 1 and 3: training and prediction."""

import os
import pickle

import mine
from mine import limits
from mine.ridge import Ridge


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


MODEL = (Ridge, mine.Ridge, mine.ridge.Ridge, limits.LOW, mine.__doc__)
