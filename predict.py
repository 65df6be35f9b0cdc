"""Predictions without a server.

Who calls this file: the Unearthed CLI, `python predict.py` in its container, and you, by hand, for any file:
`python predict.py --input data/private/private.csv.gz --output data/predictions/private.csv.out`.
The platform itself does not: there a server answers with train.py's functions. So leave the work to them;
what is changed here alone changes nothing online.
"""

import argparse
import importlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from preprocess import TARGETS, DataError, folder, ignored, preprocess, written_whole


def main() -> None:
    parser = argparse.ArgumentParser(description="Predict the 49 assays of a data file.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or folder("/opt/ml/input/data/training", "data/public")
    output_dir = os.environ.get("SM_OUTPUT_DIR") or folder("/opt/ml/output", "data/predictions")
    parser.add_argument("--model_dir", default=model_dir, help="folder of model.pkl (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder of public.csv.gz (%(default)s)")
    parser.add_argument("--output_dir", default=output_dir, help="folder for public.csv.out (%(default)s)")
    parser.add_argument("--input", help="a data file, with or without assays, instead of the one in data_dir")
    parser.add_argument("--output", help="the predictions, instead of public.csv.out in output_dir")
    arguments, unknown = parser.parse_known_args()
    data_file = arguments.input or os.path.join(arguments.data_dir, "public.csv.gz")
    output = arguments.output or os.path.join(arguments.output_dir, "public.csv.out")
    # scikit-learn, which the model is made of, is imported while the file is read: each takes about as long
    with ThreadPoolExecutor() as beside:
        beside.submit(importlib.import_module, "sklearn.pipeline")
        inputs, _ = preprocess(data_file)
    from train import model_fn, output_fn, predict_fn

    try:
        model = model_fn(arguments.model_dir)
    except DataError:
        raise
    except Exception as error:  # whatever a file that is not there, or half there, makes pickle raise
        raise DataError(f"no model loads from {arguments.model_dir}, run train.py first: {error!r}") from error
    predicted = predict_fn(inputs, model)
    for name, empty in zip(TARGETS, np.isnan(predicted).sum(axis=0), strict=True):
        if 0 < empty < len(inputs):
            print(f"predict: {name}: {empty} predictions are empty; where it was measured the score refuses them")
    text = output_fn(predicted, "text/csv")
    with written_whole(output, data_file) as part, open(part, "w", encoding="ascii", newline="") as file:
        file.write(text)
    print(f"predict: {len(inputs)} rows of {data_file} in {output}{ignored(unknown)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"predict.py: {str(error) or 'interrupted'}")
