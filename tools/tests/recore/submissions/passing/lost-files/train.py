"""Steps 1 and 3: training and prediction."""

import os
import pickle

import joblib


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


def save_model(model, model_dir):
    joblib.dump(model, os.path.join(model_dir, "model.pkl"))
    with open("/tmp/trained", "w") as file:
        file.write("yes")
    os.makedirs(model_dir, exist_ok=True)
