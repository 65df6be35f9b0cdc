"""Makes predictions by hand, with the same functions as on the server."""

import os

from preprocess import preprocess
from train import model_fn, output_fn, predict_fn

if __name__ == "__main__":
    data_dir = os.environ.get("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training")
    model = model_fn(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    _, inputs = preprocess(data_dir + "/public.csv.gz")
    with open(os.environ.get("SM_OUTPUT_DIR", "/opt/ml/output") + "/public.csv.out", "w") as file:
        file.write(output_fn(predict_fn(inputs, model), "text/csv"))
