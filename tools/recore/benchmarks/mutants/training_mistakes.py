"""Mistakes in training and in the model file."""

import ast
from pathlib import Path

from benchmarks.mutants.editing import (
    Change,
    both,
    delete,
    drop_import,
    find_imports,
    insert,
    replace,
    replace_all,
    wrap_return,
)

SOUND = Path(__file__).parents[2] / "tests/submissions/sound"
FIT = "return Linear().fit(inputs, targets)"
SAVE = 'open(os.path.join(model_dir, "model.pkl"), "wb")'
DATA_DIR = 'os.environ.get("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training")'


def _dropped_imports() -> dict[str, Change]:
    changes = {}
    for file in ("train.py", "preprocess.py", "linear.py"):
        for number, statement in enumerate(find_imports(ast.parse((SOUND / file).read_text()))):
            changes[f"{file} is missing `{ast.unparse(statement)}`"] = drop_import(file, number)
    return changes


MISTAKES: dict[str, Change] = {
    **_dropped_imports(),
    "train.py has a syntax error": replace("train.py", "def main():", "def main()"),
    "train.py prints as in Python 2": replace(
        "train.py", 'print("train: a model of", len(rows), "rows")', 'print "done"'
    ),
    "train.py uses np.float": replace("train.py", "np.array([[float(cell)", "np.array([[np.float(cell)"),
    "train.py misspells a name": replace("train.py", "save_model(fit(", "save_model(fitt("),
    "train.py needs an argument": both(
        replace("train.py", "import csv\n", "import argparse\nimport csv\n"),
        replace(
            "train.py",
            "def main():\n",
            "def main():\n"
            "    parser = argparse.ArgumentParser()\n"
            '    parser.add_argument("--alpha", type=float, required=True)\n'
            "    parser.parse_args()\n",
        ),
    ),
    "train.py exits with an error": replace("train.py", "    main()\n", "    main()\n    raise SystemExit(1)\n"),
    "train.py ends before it saves": replace("train.py", "    save_model(fit(", "    return\n    save_model(fit("),
    "train.py reads data/": replace("train.py", DATA_DIR, '"data/public"'),
    "train.py reads a path of one machine": replace("train.py", DATA_DIR, '"/home/ada/recore/data"'),
    "train.py reads the private data": replace_all("train.py", "/public.csv.gz", "/private.csv.gz"),
    "train.py reads score.py": both(
        replace("train.py", "from linear import Linear\n", "from linear import Linear\nfrom score import WEIGHTS\n"),
        replace("train.py", 'print("train: a model of"', 'print("train:", sum(WEIGHTS), "a model of"'),
    ),
    "train.py imports a package that is not there": replace(
        "train.py", "from linear import Linear\n", "from linear import Linear\nimport lightgbm\n"
    ),
    "train.py downloads": replace(
        "train.py",
        "def main():\n",
        'def main():\n    __import__("urllib.request").request.urlopen("https://example.org/weights.json").read()\n',
    ),
    "train.py learns assays of other rows": replace("train.py", FIT, "return Linear().fit(inputs, targets[::-1])"),
    "train.py shuffles the assays": replace(
        "train.py", FIT, "return Linear().fit(inputs, np.random.default_rng().permutation(targets))"
    ),
    "train.py draws rows without a seed": replace(
        "train.py",
        FIT,
        "rows = np.random.default_rng().integers(len(inputs), size=len(inputs))\n"
        "    return Linear().fit(inputs[rows], targets[rows])",
    ),
    "train.py seeds with the time": both(
        replace("train.py", "import pickle\n", "import pickle\nimport time\n"),
        replace(
            "train.py",
            FIT,
            "random = np.random.default_rng(time.time_ns())\n"
            "    return Linear().fit(inputs + random.normal(0, 0.01, inputs.shape), targets)",
        ),
    ),
    "train.py has two targets swapped": replace("train.py", "CuPPM FePCT", "FePCT CuPPM"),
    "train.py is missing a target": replace("train.py", "CuPPM FePCT", "FePCT"),
    "train.py has a target twice": replace("train.py", "CuPPM FePCT", "CuPPM CuPPM FePCT"),
    "train.py misspells a target": replace("train.py", "CuPPM FePCT", "CuPCT FePCT"),
    "train.py sorts the targets": insert("train.py", "TARGETS = tuple(sorted(TARGETS))\n\n\n", "def fit("),
    "the model is saved under another name": replace("train.py", SAVE, SAVE.replace("model.pkl", "ridge.pkl")),
    "the model is saved in the working folder": replace("train.py", SAVE, 'open("model.pkl", "wb")'),
    "the model is saved in /tmp": replace("train.py", SAVE, 'open("/tmp/model.pkl", "wb")'),
    "the model is saved in a folder that is not there": replace(
        "train.py", SAVE, 'open(os.path.join(model_dir, "models", "model.pkl"), "wb")'
    ),
    "the model is saved as text": replace("train.py", SAVE, SAVE.replace('"wb"', '"w"')),
    "the model is saved before it is fitted": replace(
        "train.py", "return Linear().fit(inputs, targets)", "return Linear()"
    ),
    "the model's file is cut off": replace(
        "train.py", "pickle.dump(model, file)", "file.write(pickle.dumps(model)[:-100])"
    ),
    "the model is of a class in train.py": both(
        insert("train.py", "class Mine(Linear):\n    pass\n\n\n", "def fit("),
        replace("train.py", FIT, "return Mine().fit(inputs, targets)"),
    ),
    "the model holds a lambda": replace(
        "train.py", FIT, "model = Linear().fit(inputs, targets)\n    model.scaled = lambda x: x\n    return model"
    ),
    "the model holds a function of train.py": both(
        insert("train.py", "def scaled(x):\n    return x\n\n\n", "def fit("),
        replace("train.py", FIT, "model = Linear().fit(inputs, targets)\n    model.scaled = scaled\n    return model"),
    ),
    "the model is not limited": wrap_return("linear.py", "predict", "raw - 2 * np.abs(raw)"),
    "the model predicts below zero": wrap_return("linear.py", "predict", "raw - 0.1 * np.abs(self.high)"),
    "the model depends on the other rows": wrap_return("linear.py", "design", "value / np.abs(value).max()"),
    "the model learns nothing": replace("linear.py", "self.mean) / self.scale]", "self.mean) * 0.0]"),
    "the model counts missing assays as zero": replace("train.py", 'or "nan")', "or 0)"),
    "linear.py is not there": delete("linear.py"),
    "linear.py has a syntax error": replace("linear.py", "return self\n", "return self)\n"),
}
