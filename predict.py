"""Predict without a server.

The Unearthed CLI runs this file in its container, as `python predict.py`, and you can run it on any data file:
`python predict.py --input data/private/private.csv.gz --output data/predictions/private.csv.out`.
The platform does not run this file, so a change here has no effect there. A server on the platform calls the hooks of
train.py; this file calls the same hooks, except input_fn.
"""

import argparse
import os
import sys

from preprocess import preprocess
from train import default_folder, model_fn, output_fn, predict_fn


def main() -> None:
    parser = argparse.ArgumentParser(description="Predict the targets of a data file.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or default_folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or default_folder("/opt/ml/input/data/training", "data/public")
    output_dir = os.environ.get("SM_OUTPUT_DIR") or default_folder("/opt/ml/output", "data/predictions")
    parser.add_argument("--model_dir", default=model_dir, help="folder that contains model.pkl (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder that contains public.csv.gz (%(default)s)")
    parser.add_argument("--output_dir", default=output_dir, help="folder to write public.csv.out to (%(default)s)")
    parser.add_argument("--input", help="data file to predict, with or without assays, instead of the one in data_dir")
    parser.add_argument("--output", help="CSV file to write, instead of public.csv.out in output_dir")
    arguments, unknown = parser.parse_known_args()
    data_file = arguments.input or os.path.join(arguments.data_dir, "public.csv.gz")
    output = arguments.output or os.path.join(arguments.output_dir, "public.csv.out")
    if not os.path.isdir(arguments.model_dir) or not os.listdir(arguments.model_dir):
        sys.exit(f"predict.py: {arguments.model_dir} contains no model; run train.py first")
    try:
        model = model_fn(arguments.model_dir)
        inputs, _ = preprocess(data_file)
        predictions = output_fn(predict_fn(inputs, model), "text/csv")
        os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
        with open(f"{output}.part", "w") as file:
            file.write(predictions)
        os.replace(f"{output}.part", output)  # so that the output is never incomplete
    except (OSError, ValueError) as error:
        sys.exit(f"predict.py: {error}")
    ignored = f"; ignored arguments: {' '.join(unknown)}" if unknown else ""
    print(f"predict: predicted {len(inputs)} rows of {data_file} to {output}{ignored}", flush=True)


if __name__ == "__main__":
    main()
