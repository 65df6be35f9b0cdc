"""Write models of an old version of XGBoost, with its predictions, as the JSON file that the tests read.

    python3.6 -m venv old
    old/bin/pip install xgboost==0.90 'numpy<1.20' 'scipy<1.6'
    old/bin/python write.py > 0.90.json

Python 3.6 for versions before 1.0, 3.8 with numpy<1.24 up to 1.5, 3.10 with numpy<1.26 for 1.7, and 3.12 for 3.0. A
Booster is saved in the binary format and, before 1.6, pickled. Contents are compressed, because most bytes are 0.
"""

import base64
import json
import os
import pickle
import sys
import tempfile
import zlib

import numpy as np
import xgboost as xgb

SETTINGS = {
    "linear": {"objective": "reg:linear" if xgb.__version__ < "0.9" else "reg:squarederror", "base_score": -7.5},
    "logistic": {"objective": "binary:logistic", "base_score": 0.3},
    "logitraw": {"objective": "binary:logitraw", "base_score": 0.4},
    "poisson": {"objective": "count:poisson", "base_score": 3.0},
    "softprob": {"objective": "multi:softprob", "num_class": 3},
    "gblinear": {"objective": "binary:logistic", "booster": "gblinear", "base_score": 0.2},
    "dart": {"objective": "reg:tweedie", "booster": "dart", "rate_drop": 0.5},
    "forest": {"objective": "binary:logistic", "num_parallel_tree": 2, "subsample": 0.5, "eval_metric": "auc"},
}


def encode(content):
    return base64.b64encode(zlib.compress(bytes(content), 9)).decode()


def save(booster):
    """Return the file that the images of this version write or, from 2.1 on, can also write."""
    path = os.path.join(tempfile.mkdtemp(), "model.deprecated")
    booster.save_model(path)
    with open(path, "rb") as file:
        return file.read()


random = np.random.RandomState(0)
rows = (random.rand(60, 3) * 4).astype(np.float32)
rows[random.rand(60, 3) < 0.1] = np.nan
total = np.nan_to_num(rows).sum(1)
models = {}
for name, settings in SETTINGS.items():
    labels = {"multi": total // 3 % 3, "binary": total > 6}.get(settings["objective"].partition(":")[0], total + 1)
    matrix = xgb.DMatrix(rows, label=labels)
    settings = dict(settings, max_depth=1, seed=1, nthread=1)
    options = {"evals": [(matrix, "train")], "early_stopping_rounds": 1} if name == "forest" else {}
    booster = xgb.train(settings, matrix, 3 if name == "forest" else 2, **options)
    # the images that pickled their models predicted with this limit; without it, dart drops trees at random
    limit = {"ntree_limit": booster.best_ntree_limit} if name in ("dart", "forest") and xgb.__version__ < "1.3" else {}
    predictions = booster.predict(xgb.DMatrix(rows[:6]), **limit)
    models[name] = {"file": encode(save(booster)), "predictions": predictions.tolist()}
    if xgb.__version__ < "1.6":
        models[name]["pickle"] = encode(pickle.dumps(booster, 0 if xgb.__version__ < "0.8" else 2))
table = [[None if np.isnan(value) else float(value) for value in row] for row in rows[:6]]
models = ",\n".join(f"{json.dumps(name)}: {json.dumps(model)}" for name, model in models.items())
sys.stdout.write(f'{{"rows": {json.dumps(table)}, "models": {{\n{models}\n}}}}\n')
