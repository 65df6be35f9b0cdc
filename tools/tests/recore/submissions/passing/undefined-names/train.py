"""Steps 1 and 3: training and prediction."""

from __future__ import annotations

import os
import pickle

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


COUNT = 0


def fit(inputs: pl.DataFrame, targets: "np.ndarray") -> pl.Series:
    global COUNT, MODEL
    COUNT += 1
    MODEL = [name for name in inputs if (length := len(name))]
    try:
        text = unicode
    except NameError:
        text = str
    return text(MODEL) + __file__ + str(length)


class Counter:
    step = 1
    steps = [step for _ in range(3)]

    def count(self):
        return __class__, MODEL


def top(rows):
    count = len(rows)
    return count


if os.name == "nt":
    FAILURE = WindowsError
