"""Step 1: fit the model and save it. Step 3: load it and answer requests.

Who calls this file: the platform, `python train.py --hyperparameter value ...`, with public data and for an hour
at most; the serving container, which calls model_fn once, then input_fn, predict_fn and output_fn for each
request; and predict.py.

Edit `fit` and its hyperparameters. What breaks if you do not keep to this:
  - the pickle holds scikit-learn and numpy objects only: a class of yours is not there where it is opened;
  - predictions are the 49 assays in order, never negative, a row for each row that came.
"""

import argparse
import importlib
import io
import os
import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.csv

sys.path.append("/opt/ml/code")  # some serving containers leave this file's neighbours off the path
from preprocess import TARGETS, DataError, folder, plain_errors, preprocess, written_whole

WEIGHTS = dict.fromkeys(TARGETS, 0.01) | {"AuPPM": 0.04, "CuPPM": 0.35}  # of the targets in the score
WEIGHTS |= dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)


# ---- Yours to edit: the model ---------------------------------------------------------------------------
def fit(inputs, targets, holes, alphas, folds):
    """Ridge on the bins: for each target its own strength, its own measured rows.

    inputs: DataFrame (rows, bins). targets: DataFrame (rows, 49), NaN where not measured. holes: (rows,).
    Returns the model and the predictions of the cross-validation (rows, 49), NaN where there is none.
    """
    from sklearn.compose import TransformedTargetRegressor  # here and not above: main() reads the file meanwhile
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import FunctionTransformer

    x, y = inputs.to_numpy(), targets.to_numpy()
    coefficients, intercepts = np.zeros((y.shape[1], x.shape[1])), np.full(y.shape[1], np.nan)
    strengths, held_out = np.full(y.shape[1], alphas[0]), np.full(y.shape, np.nan)
    patterns, pattern_of = np.unique(~np.isnan(y), axis=1, return_inverse=True)
    for pattern, measured in enumerate(patterns.T):  # targets measured on the same rows are solved together
        columns = np.flatnonzero(pattern_of == pattern)
        if not measured.any():
            print("train: never measured, so not predicted:", *targets.columns[columns], flush=True)
            continue
        own_x, own_y = x[measured], y[measured][:, columns]
        strengths[columns], held_out[np.ix_(measured, columns)] = validate(own_x, own_y, holes[measured], alphas, folds)
        centre_x, centre_y = own_x.mean(axis=0), own_y.mean(axis=0)
        own_x, own_y, alpha = own_x - centre_x, own_y - centre_y, strengths[columns]
        solve = decompose(own_x)
        b = solve(own_x.T @ own_y, alpha)
        b += solve(own_x.T @ (own_y - own_x @ b) - alpha * b, alpha)  # what is left: all digits, on any machine
        coefficients[columns], intercepts[columns] = b.T, centre_y - centre_x @ b
    # The clip at zero is part of what is pickled. A fit to zeros gives the object its names and shapes.
    clip = FunctionTransformer(inverse_func=np.clip, inv_kw_args={"a_min": 0.0, "a_max": None})
    model = TransformedTargetRegressor(Ridge(), transformer=clip, check_inverse=False)
    model.fit(inputs[:1], np.zeros((1, y.shape[1]))).regressor_.set_params(alpha=strengths)
    model.regressor_.coef_, model.regressor_.intercept_ = coefficients, intercepts
    return model, np.clip(held_out, 0.0, None)


def decompose(x):
    """One eigen-decomposition of x'x, for x (rows, bins) centred, after which Ridge is cheap at any strength.

    Returns solve(right, alpha): (x'x + alpha)^-1 right, for right (bins, targets) and an alpha for each target,
    or, with alpha of shape (strengths, 1, 1), for all strengths at once: (strengths, bins, targets).
    """
    values, vectors = np.linalg.eigh(x.T @ x)
    return lambda right, alpha: vectors @ ((vectors.T @ right) / (values.clip(0.0)[:, None] + alpha))


def validate(x, y, holes, alphas, folds):
    """For each target the strength with the least squared error over the folds, and the predictions of those folds.

    A fold holds drill holes out whole: neighbours in a hole are alike, so rows of one hole would tell on each other.
    """
    from sklearn.model_selection import GroupKFold

    if len(np.unique(holes)) < 3:
        print("train: fewer than three drill holes to hold out, so folds by row: scores will flatter", flush=True)
        holes = np.arange(len(holes))
    folds = min(folds, len(np.unique(holes)))
    errors, held_out, solved = np.zeros((len(alphas), y.shape[1])), np.full(y.shape, np.nan), []
    for rest, fold in GroupKFold(folds).split(x, groups=holes) if folds > 1 else []:
        centre_x, centre_y = x[rest].mean(axis=0), y[rest].mean(axis=0)
        rest_x, held_x, held_y = x[rest] - centre_x, x[fold] - centre_x, y[fold] - centre_y
        solve, right = decompose(rest_x), rest_x.T @ (y[rest] - centre_y)
        b = solve(right, alphas[:, None, None])
        # sum of (held_y - held_x b)^2 for all strengths at once, from products whose size has no rows in it
        errors += (held_y**2).sum(axis=0) + ((held_x.T @ held_x @ b - 2 * held_x.T @ held_y) * b).sum(axis=1)
        solved.append((fold, held_x, centre_y, solve, right))
    best = alphas[errors.argmin(axis=0)]
    for fold, held_x, centre_y, solve, right in solved:
        held_out[fold] = held_x @ solve(right, best) + centre_y
    return best, held_out


# ---- The platform's: saving, loading, serving -----------------------------------------------------------
def save_model(model, model_dir):
    with written_whole(os.path.join(model_dir, "model.pkl")) as part, open(part, "wb") as file:
        pickle.dump(model, file)


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    """A request's CSV, as preprocess.py writes it, to a DataFrame of bins.

    With a header the columns may come in any order; without one they are the index and the bins, in order,
    and the DataFrame's columns have numbers instead of names.
    """
    if str(content_type).split(";")[0].strip().lower() != "text/csv":
        raise DataError(f"the request is {content_type!r}: send text/csv")
    body = input_data.encode() if isinstance(input_data, str) else bytes(input_data)
    with plain_errors("the request"):
        names = pa.csv.open_csv(io.BytesIO(body)).schema.names
    bins = [name for name in names if re.match(r"bin_\d+\.\d+_", name)]
    bins.sort(key=lambda name: float(name.split("_")[1]), reverse=True)
    columns = bins or [f"f{number}" for number in range(1, len(names))]  # pyarrow's names where there are none
    if not columns:
        raise DataError("the request holds no bins: send preprocess.py's CSV or lines of it")
    read = pa.csv.ReadOptions(autogenerate_column_names=not bins)
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.float64()), include_columns=columns)
    with plain_errors("the request", names):
        inputs = pa.csv.read_csv(io.BytesIO(body), read, convert_options=convert).to_pandas()
    return inputs if bins else inputs.set_axis(range(len(columns)), axis=1)


def predict_fn(inputs, model):
    """Predictions (rows, 49) for a DataFrame of bins; refuses bins that the model was not trained on."""
    came, trained = list(inputs.columns), list(getattr(model, "feature_names_in_", inputs.columns))
    if came not in (trained, list(range(len(trained)))):
        differing = " ".join(sorted(map(str, set(came) ^ set(trained)))[:3])
        raise DataError(f"not the bins that the model was trained on ({differing} ...): has the file other channels?")
    return model.predict(inputs.set_axis(trained, axis=1)) if len(inputs) else np.empty((0, len(TARGETS)))


def output_fn(prediction, accept):
    """The text that score.py reads, whatever `accept`: 49 numbers a line, empty for NaN, no header, no index."""
    table = pa.table([pa.array(column, from_pandas=True) for column in prediction.T], names=TARGETS)
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue().decode()


def main():
    parser = argparse.ArgumentParser(description="Step 1: fit the model and save it.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or folder("/opt/ml/input/data/training", "data/public")
    parser.add_argument("--model_dir", default=model_dir, help="folder for model.pkl (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder of public.csv.gz (%(default)s)")
    # Hyperparameters: arguments here, hyperparameters of the training job there
    parser.add_argument("--alpha_min", type=float, default=1e-5, help="weakest strength tried (%(default)s)")
    parser.add_argument("--alpha_max", type=float, default=1e5, help="strongest (%(default)s)")
    parser.add_argument("--alphas", type=int, default=50, help="how many, even in the logarithm (%(default)s)")
    parser.add_argument("--folds", type=int, default=5, help="folds of the cross-validation (%(default)s)")
    arguments, unknown = parser.parse_known_args()
    if not (0 < arguments.alpha_min <= arguments.alpha_max < np.inf and arguments.alphas > 0 and arguments.folds > 1):
        parser.error("0 < alpha_min <= alpha_max, alphas > 0 and folds > 1 are needed")
    data_file = os.path.join(arguments.data_dir, "public.csv.gz")
    with ThreadPoolExecutor() as beside:
        beside.submit(importlib.import_module, "sklearn.compose")
        inputs, targets, holes = preprocess(data_file, return_holes=True)
    if targets is None or targets.isna().all(axis=None):
        raise DataError(f"{data_file}: not one assay to learn from")
    if (infinite := np.isinf(targets).any()).any():
        raise DataError(f"{data_file}: column {infinite.idxmax()!r}: an infinite value")
    alphas = np.geomspace(arguments.alpha_max, arguments.alpha_min, arguments.alphas)
    model, held_out = fit(inputs, targets, holes, alphas, arguments.folds)
    from sklearn.metrics import r2_score

    score = 0.0
    for name, predicted in zip(TARGETS, held_out.T, strict=True):
        if (rows := targets[name].notna().to_numpy()).sum() > 1:
            r2 = r2_score(targets[name][rows], predicted[rows])
            score += WEIGHTS[name] * r2
            print(f"validation:{name}={r2:.6f}")
    # Found in the log by a metric definition of the training job such as Regex "validation:score=([-.0-9]+)"
    print(f"validation:score={score:.6f}")
    save_model(model, arguments.model_dir)
    ignored = f"ignored arguments: {unknown}"
    print(f"train: model of {len(inputs)} rows of {data_file} in {arguments.model_dir}; {ignored}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"train.py: {str(error) or 'interrupted'}")
