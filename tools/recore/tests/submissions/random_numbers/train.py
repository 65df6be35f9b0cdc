"""Steps 1 and 3, with the hooks for which the container's default is not suitable."""

import argparse
import io
import os
import pickle
import sys

import pandas as pd

sys.path.append("/opt/ml/code")
from mdl import ClippedRidge
from preprocess import preprocess


def save_model(model, model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "wb") as file:
        pickle.dump(model, file)


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return pd.read_csv(io.StringIO(input_data), index_col=0)


def output_fn(prediction, accept):
    return "".join(",".join(map(str, row)) + "\n" for row in prediction.tolist())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--data_dir", default=os.environ.get("SM_CHANNEL_TRAINING"))
    arguments, _ = parser.parse_known_args()
    inputs, targets = preprocess(os.path.join(arguments.data_dir, "public.csv.gz"))
    save_model(ClippedRidge().fit(inputs, targets), arguments.model_dir)
