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
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.csv
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale
from threadpoolctl import threadpool_limits

sys.path.append("/opt/ml/code")  # some serving containers leave this file's neighbours off the path
from preprocess import TARGETS, DataError, folder, plain_errors, preprocess, written_whole

WEIGHTS = dict.fromkeys(TARGETS, 0.01) | {"AuPPM": 0.04, "CuPPM": 0.35}  # of the targets in the score
WEIGHTS |= dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)


# ---- Yours to edit: the model ---------------------------------------------------------------------------
LANDMARKS = 200  # rows with which all rows are compared
BEYOND = 0.2  # of the range of a target's assays: so far beyond them predictions go, and no farther


@threadpool_limits.wrap(limits=1, user_api="blas")  # folds have a thread each: BLAS's own would wait for each other
def fit(inputs, targets, holes, alphas, folds):
    """Ridge on the `features` of the bins: for each target its own strength, its own measured rows.

    inputs: DataFrame (rows, bins). targets: DataFrame (rows, 49), NaN where not measured. holes: (rows,).
    A strength is judged by its squared errors for holes held out and for rows held out, in sum: the first tell of
    other holes, but holes are few; the second are steadier, but tell of these holes.
    Returns the model and the predictions for the held out (rows, 49), NaN where there is none.
    """
    transform, x = features(inputs)
    x, y = np.column_stack([x, np.ones(len(x))]), targets.to_numpy()  # the last column is the intercept's
    ways = [side_by_side(lambda rows: (rows, x[rows].T @ x[rows]), way) for way in split(holes, folds)]
    everything = sum(xx for _, xx in ways[-1]) if ways else x.T @ x
    coefficients, strengths = np.full((x.shape[1], y.shape[1]), np.nan), np.full(y.shape[1], alphas[0])
    held_out = np.full(y.shape, np.nan)
    patterns, pattern_of = np.unique(~np.isnan(y), axis=1, return_inverse=True)
    for pattern, measured in enumerate(patterns.T):  # targets measured on the same rows are solved together
        columns = np.flatnonzero(pattern_of == pattern)
        if not measured.any():
            print("train: never measured, so not predicted:", *targets.columns[columns], flush=True)
            continue
        level = y[measured][:, columns].mean(axis=0)
        own_y = np.where(measured[:, None], y[:, columns] - level, 0.0)
        tried = [validate(x, own_y, measured, way, alphas) for way in ways]
        if tried:
            strengths[columns] = alphas[sum(errors for errors, _ in tried).argmin(axis=0)]
        for rows, solve, right in tried[0][1] if tried else []:
            predicted = level + x[rows] @ solve(right, strengths[columns])
            held_out[np.ix_(rows, columns)] = np.clip(predicted, *bounds(y[~rows][:, columns]))
        solve = decompose(products(x, measured, True, everything))
        b = solve(x.T @ own_y, strengths[columns])
        left = x.T @ np.where(measured[:, None], own_y - x @ b, 0.0)
        left[:-1] -= strengths[columns] * b[:-1]
        coefficients[:, columns] = b + solve(left, strengths[columns])  # all digits, on any machine
        coefficients[-1, columns] += level
    return assemble(transform, inputs, coefficients, strengths, bounds(y)), held_out


def features(inputs):
    """The transformer that makes of bins what Ridge gets, and the result (rows, bins + landmarks).

    The bins themselves, for what is linear and goes on beyond the known; and beside them how alike a spectrum is to
    each landmark in the slopes of its standard normal variate (Barnes et al. 1989), by Nystroem's map (Williams and
    Seeger 2001) of a Gaussian kernel as wide as spectra lie apart on average: bends, but only near the known. Both
    parts have a variance of one in total, so that one strength suits both, in any number of bins.
    """
    slopes = make_pipeline(
        FunctionTransformer(scale, kw_args={"axis": 1}),
        FunctionTransformer(np.diff, kw_args={"axis": 1, "prepend": 0.0}),
        StandardScaler(),
    )
    gaussian = Nystroem(gamma=0.25 / inputs.shape[1], n_components=min(LANDMARKS, len(inputs)), random_state=0)
    parts = FeatureUnion([("bins", StandardScaler(with_std=False)), ("likeness", make_pipeline(slopes, gaussian))])
    x = parts.fit_transform(inputs)
    for name, part in (("bins", x[:, : inputs.shape[1]]), ("likeness", x[:, inputs.shape[1] :])):
        weight = 1 / np.sqrt(part.var(axis=0).sum() or 1.0)
        part *= weight
        parts.set_params(transformer_weights=(parts.transformer_weights or {}) | {name: weight})
    return parts, x


def split(holes, folds):
    """Two ways to hold each row out once: in whole holes, and by row. Each is a list of masks (rows,), a fold each.

    Neighbours in a hole are alike, so that rows of one hole tell on each other: where there is but one hole, or
    one row, a way is left out, and said to be.
    """
    ways = []
    for name, groups in (("drill hole", holes), ("row", np.arange(len(holes)))):
        if (count := len(np.unique(groups))) > 1:
            each = GroupKFold(min(folds, count)).split(holes, groups=groups)
            ways.append([np.isin(np.arange(len(holes)), held) for _, held in each])
        else:
            print(f"train: one {name} alone, none to hold out: scores will flatter", flush=True)
    return ways


def products(x, measured, rows, of_rows):
    """x'x over those of some rows that are measured: of_rows, theirs and the others', less the others', if few."""
    kept, others = measured & rows, ~measured & rows
    few = kept.sum() < others.sum()
    own = x[kept if few else others]
    return own.T @ own if few else of_rows - own.T @ own


def decompose(xx):
    """Ridge with an intercept, cheap at any strength after one eigen-decomposition of x'x (features + 1, features + 1).

    Returns solve(xy, alpha): coefficients (features + 1, targets), the intercept last, for x'y and an alpha for each
    target; or, with alpha of shape (strengths, 1, 1), for all strengths at once: (strengths, features + 1, targets).
    """
    mean = xx[-1, :-1] / xx[-1, -1]
    values, vectors = np.linalg.eigh(xx[:-1, :-1] - xx[-1, -1] * np.outer(mean, mean))

    def solve(xy, alpha):
        level = xy[-1:] / xx[-1, -1]
        b = vectors @ ((vectors.T @ (xy[:-1] - np.outer(mean, xy[-1]))) / (values.clip(0.0)[:, None] + alpha))
        return np.concatenate([b, level - (mean @ b)[..., None, :]], axis=-2)

    return solve


def validate(x, y, measured, folds, alphas):
    """Squared errors (strengths, targets) over folds held out; for each its rows, and solve and x'y of the rest.

    y is zero where it was not measured. Errors come from products alone, whose size has no rows in it.
    """
    parts = side_by_side(lambda fold: (products(x, measured, *fold), x[fold[0]].T @ y[fold[0]]), folds)
    whole_xx, whole_xy = sum(xx for xx, _ in parts), sum(xy for _, xy in parts)

    def hold_out(fold, part):
        (rows, _), (xx, xy) = fold, part
        if whole_xx[-1, -1] - xx[-1, -1] < 0.5:  # no row is left to learn from
            return np.zeros((len(alphas), y.shape[1])), None
        solve, right = decompose(whole_xx - xx), whole_xy - xy
        b = solve(right, alphas[:, None, None])
        return (y[rows] ** 2).sum(axis=0) + ((xx @ b - 2 * xy) * b).sum(axis=1), (rows, solve, right)

    errors, solved = zip(*side_by_side(hold_out, folds, parts), strict=True)
    return sum(errors), [each for each in solved if each]


def side_by_side(function, *items):
    """A list of function(item, ...), one a core at a time: numpy lets other threads run while it works."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, *items))


def bounds(assays):
    """The least and the most (targets,) that is predicted after assays (rows, targets), NaN where not measured."""
    low, high = np.fmin.reduce(assays), np.fmax.reduce(assays)
    beyond = BEYOND * (high - low)
    return np.maximum(low - beyond, 0.0), np.maximum(high + beyond, 0.0)


def assemble(transform, inputs, coefficients, strengths, limits):
    """All in one object, which needs nothing of this file: features, Ridge, limits."""
    clip = FunctionTransformer(inverse_func=np.clip, inv_kw_args=dict(zip(("a_min", "a_max"), limits, strict=True)))
    ridge = make_pipeline(FrozenEstimator(transform), Ridge())
    model = TransformedTargetRegressor(ridge, transformer=clip, check_inverse=False)
    model.fit(inputs[:1], np.zeros((1, len(strengths))))  # gives the object its names and shapes, and nothing else
    fitted = model.regressor_[-1].set_params(alpha=strengths)
    fitted.coef_, fitted.intercept_ = coefficients[:-1].T, coefficients[-1]
    return model


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
    made.add_argument("--folds", type=int, default=5, help="folds of the cross-validation (%(default)s)")
    return made


def main():
    arguments, unknown = parser().parse_known_args()
    if not (0 < arguments.alpha_min <= arguments.alpha_max < np.inf and arguments.alphas > 0 and arguments.folds > 1):
        parser().error("0 < alpha_min <= alpha_max, alphas > 0 and folds > 1 are needed")
    data_file = os.path.join(arguments.data_dir, "public.csv.gz")
    inputs, targets, holes = preprocess(data_file, return_holes=True)
    if targets is None or targets.isna().all(axis=None):
        raise DataError(f"{data_file}: not one assay to learn from")
    if (huge := (targets.abs() > 1e100).any()).any():  # its square, summed over rows, would overflow
        raise DataError(f"{data_file}: column {huge.idxmax()!r}: an infinite value, or one beyond 1e100")
    alphas = np.geomspace(arguments.alpha_max, arguments.alpha_min, arguments.alphas)
    model, held_out = fit(inputs, targets, holes, alphas, arguments.folds)
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
