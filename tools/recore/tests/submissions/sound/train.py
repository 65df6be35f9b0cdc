"""Steps 1 and 3: a linear model."""

import csv
import gzip
import os
import pickle

import numpy as np

from linear import Linear
from preprocess import BINS, preprocess

TARGETS = (
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM".split()
)


def fit(inputs, targets):
    return Linear().fit(inputs, targets)


def save_model(model, model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "wb") as file:
        pickle.dump(model, file)


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    if content_type.split(";")[0].strip().lower() != "text/csv":
        raise ValueError(f"the content type is {content_type}: text/csv is needed")
    content = input_data if isinstance(input_data, str) else input_data.decode()
    lines = [line.split(",") for line in content.splitlines() if not line.startswith("index,")]
    for number, line in enumerate(lines, 1):
        if len(line) != BINS + 1:
            raise ValueError(f"row {number} has {len(line)} cells: {BINS + 1} are needed")
    return np.array([[float(cell) for cell in line[1:]] for line in lines])


def predict_fn(inputs, model):
    return model.predict(inputs)


def output_fn(prediction, accept):
    return "".join(",".join("" if np.isnan(cell) else repr(cell) for cell in row) + "\n" for row in prediction.tolist())


def main():
    data_dir = os.environ.get("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training")
    _, inputs = preprocess(data_dir + "/public.csv.gz")
    with gzip.open(data_dir + "/public.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    targets = np.array([[float(row.get(name) or "nan") for name in TARGETS] for row in rows])
    save_model(fit(inputs, targets), os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    print("train: a model of", len(rows), "rows")


if __name__ == "__main__":
    main()
