"""Steps 1 and 3: training and prediction."""

import io
import os
import pickle

import pandas as pd


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    if content_type.split(";")[0].strip() != "text/csv":
        raise ValueError(content_type)
    if isinstance(input_data, bytes):
        input_data = input_data.decode()
    return pd.read_csv(io.StringIO(input_data), index_col=0)
