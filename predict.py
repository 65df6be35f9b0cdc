"""Predictions without a server.

The Unearthed CLI runs this file in its container, as `python predict.py`, and you can run it for any data file:
`python predict.py --input data/private/private.csv.gz --output data/predictions/private.csv.out`.
The platform does not run it: there a server predicts, with the functions of train.py. This file calls the same
functions, and a change that is made here alone has no effect on the platform.
"""

import argparse
import importlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from challenge.files import DataError, atomic_output, default_folder, note_ignored
from challenge.inputs import read_inputs
from challenge.targets import TARGETS


def main() -> None:
    parser = argparse.ArgumentParser(description="Predict the 49 assays of a data file.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or default_folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or default_folder("/opt/ml/input/data/training", "data/public")
    output_dir = os.environ.get("SM_OUTPUT_DIR") or default_folder("/opt/ml/output", "data/predictions")
    parser.add_argument("--model_dir", default=model_dir, help="folder of model.pkl (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder of public.csv.gz (%(default)s)")
    parser.add_argument("--output_dir", default=output_dir, help="folder for public.csv.out (%(default)s)")
    parser.add_argument("--input", help="a data file, with or without assays, instead of the one in data_dir")
    parser.add_argument("--output", help="the predictions, instead of public.csv.out in output_dir")
    arguments, unknown = parser.parse_known_args()
    data_file = arguments.input or os.path.join(arguments.data_dir, "public.csv.gz")
    output = arguments.output or os.path.join(arguments.output_dir, "public.csv.out")
    # The model needs scikit-learn, which takes about as long to import as the file to read: both are done in parallel.
    with ThreadPoolExecutor() as pool:
        pool.submit(importlib.import_module, "sklearn.pipeline")
        inputs, _ = read_inputs(data_file)
    from train import model_fn, output_fn, predict_fn

    try:
        model = model_fn(arguments.model_dir)
    except DataError:
        raise
    except Exception as error:  # a missing or truncated file can make pickle raise anything
        raise DataError(f"no model loads from {arguments.model_dir}, run train.py first: {error!r}") from error
    predicted = predict_fn(inputs, model)
    for name, empty in zip(TARGETS, np.isnan(predicted).sum(axis=0), strict=True):
        if 0 < empty < len(inputs):
            print(f"predict: {name}: {empty} predictions are empty; where it was measured the score refuses them")
    text = output_fn(predicted, "text/csv")
    with atomic_output(output, data_file) as part, open(part, "w", encoding="ascii", newline="") as file:
        file.write(text)
    print(f"predict: {len(inputs)} rows of {data_file} in {output}{note_ignored(unknown)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"predict.py: {str(error) or 'interrupted'}")
