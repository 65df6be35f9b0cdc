"""Predictions without a server, for the Unearthed CLI."""

import argparse
from os import getenv
from os.path import join

import pandas as pd
from preprocess import TARGETS, preprocess
from train import model_fn

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", type=str, default=getenv("SM_MODEL_DIR", "/opt/ml/models"))
    parser.add_argument("--data_dir", type=str, default=getenv("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training"))
    parser.add_argument("--output_dir", type=str, default=getenv("SM_OUTPUT_DIR", "/opt/ml/output/"))
    args, _ = parser.parse_known_args()
    inputs = preprocess(join(args.data_dir, "public.csv.gz")).drop(columns=TARGETS)
    predictions = model_fn(args.model_dir).predict(inputs)
    pd.DataFrame(predictions).to_csv(join(args.output_dir, "public.csv.out"), index=False, header=False)
