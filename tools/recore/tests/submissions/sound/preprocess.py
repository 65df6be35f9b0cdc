"""Step 2: the index and the means of twelve bins of neighbouring channels."""

import argparse
import csv
import gzip
import os

import numpy as np

BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing"
BINS = 12


def preprocess(data_file):
    """Return the index, and inputs (rows, bins)."""
    with gzip.open(data_file, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    channels = sorted((name for name in rows[0] if name[:1].isdigit()), key=float)
    spectra = np.array([[float(row[name]) for name in channels] for row in rows])
    bins = [part.mean(axis=1) for part in np.array_split(spectra, BINS, axis=1)]
    return [row[""] for row in rows], np.round(np.column_stack(bins), 6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default=BASE + "/input/public/public.csv.gz")
    parser.add_argument("--output", default=BASE + "/output/preprocess/public.csv")
    arguments, _ = parser.parse_known_args()
    index, inputs = preprocess(arguments.input)
    with open(arguments.output, "w") as file:
        file.write("index," + ",".join(f"bin_{i}" for i in range(BINS)) + "\n")
        for name, row in zip(index, inputs.tolist(), strict=True):
            file.write(",".join([name, *map(repr, row)]) + "\n")


if __name__ == "__main__":
    main()
