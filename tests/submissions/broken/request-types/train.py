"""Steps 1 and 3."""

import io
import os
import pickle

import pandas as pd


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return pd.read_csv(io.BytesIO(input_data), index_col=0)
