"""The plain pandas way to preprocess: everything read at once, one expression after the other."""

import sys

import pandas as pd


def preprocess(path):
    data = pd.read_csv(path, index_col=0)
    channels = [name for name in data.columns if name.replace(".", "").isdigit()]
    spectra = data[channels]
    window = [name for name in channels if float(name) > 1110]
    spectra = spectra.div(spectra[window].max(axis=1), axis=0)
    bins = {
        f"bin_{float(channels[first])}": spectra[channels[first : first + 7]].sum(axis=1)
        for first in range(0, len(channels) - 6, 7)
    }
    targets = data.columns[-49:] if data.columns[-1] == "YPPM" else []
    return pd.DataFrame(bins).round(5), data[targets]


if __name__ == "__main__":
    inputs, _ = preprocess(sys.argv[1])
    inputs.to_csv(sys.argv[2])
