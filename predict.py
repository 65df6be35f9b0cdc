"""Predictions without a server.

Who calls this file: the Unearthed CLI, `python predict.py` in its container, and you, by hand, for any file:
`python predict.py --input data/private/private.csv.gz --output data/predictions/private.csv.out`.
The platform itself does not: there a server answers with train.py's functions. So leave the work to them;
what is changed here alone changes nothing online.
"""

import argparse
import os
import sys

from preprocess import DataError, folder, preprocess, written_whole
from train import model_fn, output_fn, predict_fn


def main():
    parser = argparse.ArgumentParser(description="Predict the 49 assays of a data file with the saved model.")
    model_dir = os.environ.get("SM_MODEL_DIR") or folder("/opt/ml/model", "model")
    parser.add_argument("--model_dir", default=model_dir, help="the folder of model.pkl")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or folder("/opt/ml/input/data/training", "data/public")
    parser.add_argument("--data_dir", default=data_dir, help="the folder of public.csv.gz, where no --input is given")
    output_dir = os.environ.get("SM_OUTPUT_DIR") or folder("/opt/ml/output", "data/predictions")
    parser.add_argument("--output_dir", default=output_dir, help="the folder, where no --output is given")
    parser.add_argument("--input", metavar="FILE", help="a data file, with or without assays")
    parser.add_argument("--output", metavar="FILE", help="the predictions: 49 numbers a line, no header, no index")
    arguments, _ = parser.parse_known_args()
    data_file = arguments.input or os.path.join(arguments.data_dir, "public.csv.gz")
    output = arguments.output or os.path.join(arguments.output_dir, "public.csv.out")

    model = model_fn(arguments.model_dir)
    inputs, _ = preprocess(data_file)
    text = output_fn(predict_fn(inputs, model), "text/csv")
    with written_whole(output) as part, open(part, "w", encoding="ascii", newline="") as file:
        file.write(text)
    print(f"predict: {len(inputs)} rows in {output}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError) as error:
        sys.exit(f"predict.py: {error}")
