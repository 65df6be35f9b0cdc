"""Steps 1 and 3: training and prediction."""

import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def transform_fn(model, input_data, content_type, accept):
    return model.predict(input_data), accept


def predict(inputs, model):
    return model.predict(inputs)
