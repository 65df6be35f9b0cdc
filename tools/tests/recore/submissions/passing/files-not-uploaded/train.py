"""Steps 1 and 3: training and prediction."""

import os
import pickle

import json


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


def limits():
    with open(os.path.join(os.path.dirname(__file__), "limits.json")) as file:
        return json.load(file)


def data_dir():
    here = os.environ.get("SM_CHANNEL_TRAINING", "data/public")
    if os.path.exists("data/public/public.csv.gz"):
        return open("data/public/public.csv.gz", "rb")
    try:
        return open("data/more.csv")
    except OSError:
        return here
