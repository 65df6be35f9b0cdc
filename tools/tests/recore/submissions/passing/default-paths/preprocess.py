"""Step 2 with the platform's paths, assembled from parts, or with other paths if run by hand."""

import argparse
import os
from pathlib import Path

import pandas as pd

BASE = Path(os.getenv("SAGEMAKER_BASE_DIR", "/opt/ml"))
HERE = "inputs.csv"


def rows_of(path):
    return pd.read_csv(path, index_col=0).iloc[:, 3:6]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default=BASE / "processing/input" / "public/public.csv.gz")
    parser.add_argument("--output", default=HERE)
    arguments, _ = parser.parse_known_args()
    if arguments.output == HERE:
        arguments.output = BASE / "processing/output/preprocess/public.csv"
    rows_of(arguments.input).to_csv(arguments.output)


if __name__ == "__main__":
    main()
