"""Average neighbouring channels, and scale each spectrum to the same area."""

import argparse

import pandas as pd

WIDTH = 25  # channels


def load(path):
    return pd.read_csv(path, index_col=0)


def make_inputs(data):
    channels = [name for name in data.columns if name.replace(".", "").isdigit()]
    spectra = data[sorted(channels, key=float)]
    groups = pd.Series(range(len(channels)), index=spectra.columns) // WIDTH
    means = spectra.T.groupby(groups).mean().T
    means.columns = [f"mean_{number:03d}" for number in means.columns]
    return means.div(means.sum(axis=1), axis=0).round(7)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default="/opt/ml/processing/input/public/public.csv.gz")
    parser.add_argument("--output", default="/opt/ml/processing/output/preprocess/public.csv")
    arguments, _ = parser.parse_known_args()
    make_inputs(load(arguments.input)).to_csv(arguments.output)
