"""Steps 1 and 3: training and prediction."""

import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(body, content_type=None, *more):
    return body.splitlines()[1:]


def output_fn(*arguments):
    return str(arguments[0])


def predict_fn(rows, model, /, *, chunk=100):
    return model.predict(rows[:chunk])
