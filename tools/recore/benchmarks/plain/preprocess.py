"""Preprocess with the simplest pandas code, which reads the entire file at once."""

import sys

import pandas as pd


def preprocess(path):
    data = pd.read_csv(path, index_col=0)
    channels = sorted([name for name in data.columns if name.replace(".", "").isdigit()], key=float)
    spectra = data[channels]
    edge = min(100, len(channels) // 20)
    window = spectra.iloc[:, edge:-edge]
    spectra = spectra.clip(window.min(axis=1), window.max(axis=1), axis=0).div(window.max(axis=1), axis=0)
    bins = {
        f"bin_{channels[first]}_{channels[first + 6]}": spectra.iloc[:, first : first + 7].sum(axis=1)
        for first in range(0, len(channels) - 6, 7)
    }
    targets = data.columns[-49:] if data.columns[-1] == "YPPM" else []
    return pd.DataFrame(bins).round(5), data[targets]


if __name__ == "__main__":
    inputs, _ = preprocess(sys.argv[1])
    inputs.to_csv(sys.argv[2])
