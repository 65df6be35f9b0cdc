"""The first derivative of each spectrum, smoothed by a Savitzky-Golay filter."""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import savgol_filter

ML = Path("/opt/ml/processing")
WINDOW, DEGREE = 21, 2


def to_numbers(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def preprocess(file):
    raw = pd.read_csv(file, index_col=0)
    wavenumbers = {name: number for name in raw.columns if (number := to_numbers(name)) is not None}
    order = sorted(wavenumbers, key=wavenumbers.__getitem__, reverse=True)
    values = raw[order].to_numpy(np.float64)
    slopes = savgol_filter(values, min(WINDOW, len(order) // 2 * 2 - 1), DEGREE, deriv=1, axis=1)[:, ::10]
    names = ["slope_at_" + name for name in order[::10]]
    return pd.DataFrame(slopes.round(8), index=raw.index, columns=names)


def main(arguments=None):
    parser = ArgumentParser(description="Savitzky-Golay derivatives")
    parser.add_argument("--input", type=Path, default=ML / "input" / "public" / "public.csv.gz")
    parser.add_argument("--output", type=Path, default=ML / "output" / "preprocess" / "public.csv")
    paths = parser.parse_known_args(arguments)[0]
    preprocess(paths.input).to_csv(paths.output, index_label="id")


if __name__ == "__main__":
    main()
