"""Steps 1 and 3: training and prediction."""

import os
import pickle

import argparse


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


def parse(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("names", nargs="*")
    return parser.parse_known_args(arguments)[0]


def parse_line(line):
    """Parse a line of a test, which does not contain the program's own arguments."""
    return argparse.ArgumentParser().parse_args(line.split())


if __name__ == "__main__":
    parse()
