"""A submission that trains almost instantly, and whose held-out R2 is a function of a hyperparameter.

Its held-out predictions are the assays, shrunk towards their mean by the hyperparameter `share`: for any data, each
target's R2 is 1 - (1 - share)^2, and the score is 1.01 times this R2.
"""

from pathlib import Path

from recore_support.tiny_submission import SETUP, TARGETS, write

TRAIN = f"""
import csv, gzip, json, os, sys, time

TARGETS = {TARGETS!r}


def fit(inputs, targets, holes, share=0.5, rounds=3, kind="plain", scaled=False):
    return share


def model_fn(folder):
    with open(os.path.join(folder, "model.json")) as file:
        return json.load(file)


def input_fn(body, content_type):
    return (body if isinstance(body, str) else body.decode()).splitlines()[1:]


def predict_fn(inputs, model):
    return [model["means"] for _ in inputs]


def output_fn(predictions, accept):
    return "".join(",".join(map(repr, row)) + "\\n" for row in predictions)


def main():
    values = {{"share": "0.5", "rounds": "3", "kind": "plain", "scaled": "False"}}
    values |= {{name[2:]: value for name, value in zip(sys.argv[1::2], sys.argv[2::2])}}
    # a test replaces this line
    share = float(values["share"])
    with gzip.open(os.environ["SM_CHANNEL_TRAINING"] + "/public.csv.gz", "rt") as file:
        rows = list(csv.reader(file))
    indices = [rows[0].index(name) for name in TARGETS]
    assays = [[float(row[index]) if row[index] else None for index in indices] for row in rows[1:]]
    measured = [[value for value in column if value is not None] for column in zip(*assays)]
    means = [sum(column) / len(column) for column in measured]
    folder = os.environ["SM_MODEL_DIR"]
    with open(folder + "/held_out.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["index", *TARGETS])
        for row, cells in zip(rows[1:], assays):
            drawn = [mean if cell is None else mean + share * (cell - mean) for mean, cell in zip(means, cells)]
            table.writerow([row[0], *drawn])
    with open(folder + "/model.json", "w") as file:
        json.dump({{"means": means, "values": values}}, file)
    print("validation:r2=%.6f" % (1 - (1 - share) ** 2))


if __name__ == "__main__":
    main()
"""
PREPROCESS = """
import pandas as pd


def preprocess(data_file):
    table = pd.read_csv(data_file, index_col=0)
    channels = [name for name in table if name[:1].isdigit()][:3]
    return table[channels].set_axis(["first", "second", "third"], axis=1), None
"""

LINE = "    # a test replaces this line\n"
FAILING = TRAIN.replace(LINE, "    sys.exit('train.py: this one fails')\n")
SLOW_TRAIN = TRAIN.replace(LINE, "    time.sleep(300)\n")


def make_tunable(folder: Path, files: dict[str, str | bytes] | None = None) -> Path:
    """Write the submission. files: files to replace or add, by name."""
    return write(folder, {"setup.py": SETUP, "train.py": TRAIN, "preprocess.py": PREPROCESS} | (files or {}))
