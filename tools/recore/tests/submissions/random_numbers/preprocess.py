"""Step 2: spectra normalised by their maximum, summed in windows of channels."""

import argparse
import os

import pandas as pd

NORMALISE_BY = slice(0, -300)
WINDOW = 7
IDS = ["DepthTo", "SiteID", "DepthFrom"]


def is_target(name):
    return name.endswith(("PPM", "PCT", "PPB"))


def preprocess(data_file):
    data = pd.read_csv(data_file, index_col=0)
    targets = data[[name for name in data if is_target(name)]]
    spectra = data[[name for name in data if name not in IDS and not is_target(name)]]
    spectra = spectra.div(spectra.iloc[:, NORMALISE_BY].max(axis=1), axis=0)
    inputs = spectra.T.rolling(WINDOW).sum().iloc[WINDOW - 1 :: WINDOW].T
    return inputs.add_prefix("s").round(6), targets if len(targets.columns) else None


if __name__ == "__main__":
    base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/processing"
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default=base + "/input/public/public.csv.gz")
    parser.add_argument("--output", default=base + "/output/preprocess/public.csv")
    arguments, _ = parser.parse_known_args()
    preprocess(arguments.input)[0].to_csv(arguments.output)
