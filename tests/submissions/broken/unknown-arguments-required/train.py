"""Steps 1 and 3."""

import os
import pickle

import argparse


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float, required=True)
    arguments, unknown = parser.parse_known_args()
