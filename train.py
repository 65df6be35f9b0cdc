"""Step 1: fit the model and save it. Step 3: load it and answer requests.

Who calls this file: the platform, `python train.py --hyperparameter value ...`, with public data and for an hour
at most; the serving container, which calls model_fn once, then input_fn, predict_fn and output_fn for each
request; and predict.py.

Edit `fit` and its hyperparameters. What breaks if you do not keep to this:
  - the pickle holds scikit-learn and numpy objects only: a class of yours is not there where it is opened;
  - predictions are the 49 assays in order, never negative, a row for each row that came.
"""

import argparse
import io
import os
import pickle
import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

sys.path.append("/opt/ml/code")  # some serving containers leave this file's neighbours off the path
import ridge
from preprocess import TARGETS, DataError, folder, plain_errors, preprocess, written_whole

WEIGHTS = dict.fromkeys(TARGETS, 0.01) | {"AuPPM": 0.04, "CuPPM": 0.35}  # of the targets in the score
WEIGHTS |= dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)


# ---- Yours to edit: the model ---------------------------------------------------------------------------
BEYOND = 0.2  # of the range of a target's assays: so far beyond them predictions go, and no farther


def fit(inputs, targets, holes, alpha_min=1e-5, alpha_max=1e5, alphas=31, cv=5):
    """The model, and the predictions for what was held out (rows, 49), NaN where there is none."""
    features = ridge.SpectralFeatures()
    solver = ridge.GroupRidgeCV(np.geomspace(alpha_min, alpha_max, alphas), cv)
    assays = targets.to_numpy()
    solver.fit(features.fit_transform(inputs), assays, groups=holes)
    for name, target in targets.items():
        if target.isna().all():
            print("train: never measured, so not predicted:", name, flush=True)
    if len(np.unique(holes)) < 2:
        print("train: one drill hole alone, none to hold out: scores will flatter", flush=True)
    held_out = solver.held_out_.copy()
    for fold in range(solver.test_fold_.max() + 1):
        held = solver.test_fold_ == fold
        with np.errstate(invalid="ignore"):
            held_out[held] = np.clip(held_out[held], *bounds(assays[~held]))
    return assemble(features, solver, inputs, bounds(assays)), held_out


def bounds(assays):
    """The least and the most (targets,) that is predicted after assays (rows, targets), NaN where not measured."""
    low, high = np.fmin.reduce(assays), np.fmax.reduce(assays)
    beyond = BEYOND * (high - low)
    return np.maximum(low - beyond, 0.0), np.maximum(high + beyond, 0.0)


def assemble(features, solver, inputs, limits):
    """All in one object: features, ridge regression, limits."""
    clip = FunctionTransformer(inverse_func=np.clip, inv_kw_args=dict(zip(("a_min", "a_max"), limits, strict=True)))
    chain = make_pipeline(FrozenEstimator(features), FrozenEstimator(solver))
    model = TransformedTargetRegressor(chain, transformer=clip, check_inverse=False)
    return model.fit(inputs[:1], np.zeros((1, len(limits[0]))))


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
    if body and not body.endswith(b"\n"):
        body += b"\n"  # pyarrow sees no row in one line without an end
    with plain_errors("the request"):
        names = pa.csv.open_csv(io.BytesIO(body)).schema.names
    bins = [name for name in names if re.match(r"bin_\d+\.\d+_", name)]
    bins.sort(key=lambda name: float(name.split("_")[1]), reverse=True)
    columns = bins or [f"f{number}" for number in range(1, len(names))]  # pyarrow's names where there are none
    if not columns:
        raise DataError("the request holds no bins: send preprocess.py's CSV or lines of it")
    read = pa.csv.ReadOptions(autogenerate_column_names=not bins)
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.float64()), include_columns=columns)
    with plain_errors("the request", names if bins else range(1, len(names) + 1)):
        inputs = pa.csv.read_csv(io.BytesIO(body), read, convert_options=convert).to_pandas()
    return inputs if bins else inputs.set_axis(range(len(columns)), axis=1)


def predict_fn(inputs, model):
    """Predictions (rows, 49) for a DataFrame of bins; refuses other bins than those trained on, and empty ones."""
    came, trained = list(inputs.columns), list(getattr(model, "feature_names_in_", inputs.columns))
    if came not in (trained, list(range(len(trained)))):
        differing = " ".join(sorted(map(str, set(came) ^ set(trained)))[:3])
        raise DataError(f"not the bins that the model was trained on ({differing} ...): has the file other channels?")
    if not (finite := np.isfinite(inputs.to_numpy(float))).all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(f"row {row + 1}, {trained[column]}: empty or not finite")
    return model.predict(inputs.set_axis(trained, axis=1)) if len(inputs) else np.empty((0, len(TARGETS)))


def output_fn(prediction, accept):
    """The text that score.py reads, whatever `accept`: 49 numbers a line, empty for NaN, no header, no index."""
    table = pa.table([pa.array(column, from_pandas=True) for column in prediction.T], names=TARGETS)
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue().decode()


def parser():
    """The arguments of the command line; hyperparameters of the training job arrive as such."""
    made = argparse.ArgumentParser(description="Step 1: fit the model and save it.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or folder("/opt/ml/input/data/training", "data/public")
    made.add_argument("--model_dir", default=model_dir, help="folder for model.pkl (%(default)s)")
    made.add_argument("--data_dir", default=data_dir, help="folder of public.csv.gz (%(default)s)")
    made.add_argument("--alpha_min", type=float, default=1e-5, help="weakest strength tried (%(default)s)")
    made.add_argument("--alpha_max", type=float, default=1e5, help="strongest (%(default)s)")
    made.add_argument("--alphas", type=int, default=31, help="how many, even in the logarithm (%(default)s)")
    made.add_argument("--cv", type=int, default=5, help="folds of the cross-validation (%(default)s)")
    return made


def main():
    arguments, unknown = parser().parse_known_args()
    if not (0 < arguments.alpha_min <= arguments.alpha_max < np.inf and arguments.alphas > 0 and arguments.cv > 1):
        parser().error("0 < alpha_min <= alpha_max, alphas > 0 and cv > 1 are needed")
    data_file = os.path.join(arguments.data_dir, "public.csv.gz")
    inputs, targets, holes = preprocess(data_file, return_holes=True)
    if targets is None or targets.isna().all(axis=None):
        raise DataError(f"{data_file}: not one assay to learn from")
    if (huge := (targets.abs() > 1e100).any()).any():  # its square, summed over rows, would overflow
        raise DataError(f"{data_file}: column {huge.idxmax()!r}: an infinite value, or one beyond 1e100")
    hyperparameters = arguments.alpha_min, arguments.alpha_max, arguments.alphas, arguments.cv
    model, held_out = fit(inputs, targets, holes, *hyperparameters)
    score = 0.0
    for name, predicted in zip(TARGETS, held_out.T, strict=True):
        if (rows := targets[name].notna().to_numpy() & ~np.isnan(predicted)).sum() > 1:
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
