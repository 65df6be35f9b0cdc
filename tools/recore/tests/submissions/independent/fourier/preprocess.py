"""Standard normal variate of every eighth channel."""

import csv
import gzip
import os
import sys

import numpy as np

HOME = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
SOURCE = f"{HOME}/processing/input/public/public.csv.gz"
TARGET = f"{HOME}/processing/output/preprocess/public.csv"


class Reader:
    """The rows of a data file: the index, and spectra (rows, channels) in order of increasing wavenumber."""

    def __init__(self, path):
        with gzip.open(path, "rt", newline="") as file:
            self.header, *self.rows = csv.reader(file)
        numbers = [number for number, name in enumerate(self.header) if name and name[0] in "0123456789"]
        self.columns = sorted(numbers, key=lambda number: float(self.header[number]))

    @property
    def index(self):
        return [row[0] for row in self.rows]

    def column(self, name):
        if name not in self.header:
            return [""] * len(self.rows)
        position = self.header.index(name)
        return [row[position] for row in self.rows]

    def inputs(self):
        spectra = np.array([[float(row[number]) for number in self.columns] for row in self.rows])[:, ::8]
        centred = spectra - spectra.mean(axis=1, keepdims=True)
        return np.round(centred / (spectra.std(axis=1, keepdims=True) + 1e-12), 5)


def option(name, default):
    """Return the value that follows a command-line option."""
    words = sys.argv[1:]
    return words[words.index(name) + 1] if name in words[:-1] else default


def main():
    reader = Reader(option("--input", SOURCE))
    inputs = reader.inputs()
    with open(option("--output", TARGET), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sample", *(f"snv{index}" for index in range(inputs.shape[1]))])
        writer.writerows([name, *row] for name, row in zip(reader.index, inputs.tolist(), strict=True))


if __name__ == "__main__":
    main()
