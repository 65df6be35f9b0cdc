"""Scripts and data for serial inference: a processing step that prepares rows, and two models in series.

The target is an exact function of the features, so each prediction is known: a row and its prediction are joined
correctly if and only if the prediction equals the row's target.
"""

import io
import random

COLUMNS = 3  # the number of features; the target comes after them

# The processing step's program, and the hooks of the first model, which scales rows and sends JSON to the second.
FEATURES = """
import json, os, pathlib, tarfile
from io import StringIO
import joblib, pandas
from sklearn.preprocessing import StandardScaler

try:
    from sagemaker_containers.beta.framework import encoders, worker
except ImportError:
    pass

if __name__ == "__main__":
    base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "processing")
    [path] = (base / "input").glob("*.csv")
    rows = pandas.read_csv(path)
    features, train = list(rows.columns[:-1]), rows.index % 3 > 0
    scaler = StandardScaler().fit(rows.loc[train, features].to_numpy())
    rows[features] = scaler.transform(rows[features].to_numpy())
    rows[train].to_csv(base / "train/train.csv", header=False, index=False)
    rows[~train].to_csv(base / "test/test.csv", header=False, index=False)
    joblib.dump(scaler, "model.joblib")
    with tarfile.open(base / "scaler_model/model.tar.gz", "w:gz") as archive:
        archive.add("model.joblib")

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def input_fn(text, content_type):
    return pandas.read_csv(StringIO(text), header=None).iloc[:, :3].to_numpy()

def predict_fn(rows, scaler):
    return scaler.transform(scaler.inverse_transform(rows))  # the test rows are scaled already

def output_fn(prediction, accept):
    if accept == "text/csv":
        return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
    return worker.Response(json.dumps({"instances": prediction.tolist()}), mimetype=accept)
"""
# The training step's program, and the hooks of the second model.
MODEL = """
import argparse, json, os
import joblib, pandas
from sklearn.linear_model import LinearRegression

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--sm-model-dir", default=os.environ.get("SM_MODEL_DIR"))
    arguments, _ = parser.parse_known_args()
    rows = pandas.read_csv(os.path.join(arguments.train, "train.csv"), header=None).to_numpy()
    model = LinearRegression().fit(rows[:, :-1], rows[:, -1])
    joblib.dump(model, os.path.join(arguments.sm_model_dir, "model.joblib"))

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def input_fn(text, content_type):
    if content_type != "application/json":
        raise ValueError(f"{content_type} instead of JSON")
    return json.loads(text)["instances"]

def predict_fn(rows, model):
    return model.predict(rows)
"""


def make_table(rows: int = 90) -> str:
    numbers = random.Random(0)
    table = io.StringIO()
    table.write("a,b,c,target\n")
    for _ in range(rows):
        a, b, c = (round(numbers.uniform(-5, 5), 3) for _ in range(COLUMNS))
        table.write(f"{a},{b},{c},{2 * a - 3 * b + c / 2 + 7:.4f}\n")
    return table.getvalue()


def check_joined(inputs: str, joined: str) -> None:
    lines, results = inputs.splitlines(), joined.splitlines()
    assert len(lines) == len(results) > 10
    for line, result in zip(lines, results, strict=True):
        row, _, prediction = result.rpartition(",")
        assert [float(cell) for cell in row.split(",")] == [float(cell) for cell in line.split(",")]
        assert abs(float(prediction) - float(line.rpartition(",")[2])) < 1e-3
