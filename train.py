"""Step 1: fit the model. Step 3: load it and respond to requests.

The platform runs this file as `python train.py --hyperparameter value ...` on the public data, for at most an hour. The
serving container calls model_fn once, then input_fn, predict_fn and output_fn for each request.

Edit `fit`; the template's docs/your-model.md shows how. List your own modules that this file imports in setup.py.
"""

import argparse
import inspect
import io
import os
import pickle
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import preprocess
from estimators import MeanRegressor, MeasuredRowsRegressor, slopes

MAX_SECONDS = 50 * 60  # for all fits together, because a training job has an hour


def fit(
    inputs: pd.DataFrame,
    targets: pd.DataFrame,
    groups: np.ndarray,
    alpha_min: float = 1e-5,
    alpha_max: float = 1e5,
    alphas: int = 50,
    n_components: int = 300,
) -> Any:
    """Fit a model that predicts the targets.

    inputs: (rows, bins), as preprocess() returns them. targets: (rows, targets), NaN where not measured. groups:
    (rows,), the drill hole of each row. The rest are hyperparameters: `python train.py --alphas 11` passes alphas=11.

    Returns a model whose predict(inputs) returns (rows, targets), such as any multi-output regressor of scikit-learn.
    """
    rows, bins = inputs.shape
    alpha_grid = np.geomspace(alpha_min, alpha_max, alphas)
    ridge = MeasuredRowsRegressor(RidgeCV(alpha_grid, alpha_per_target=True, gcv_mode="svd"))
    # similarity to n_components training spectra (Williams and Seeger 2001), about 0.6 for two at mean distance
    kernel = Nystroem(gamma=0.25 / max(bins - 1, 1), n_components=min(n_components, rows), random_state=0)
    similarity = make_pipeline(FunctionTransformer(slopes, validate=True), StandardScaler(), kernel)
    lowest = -np.inf if (targets < 0).any(axis=None) else 0.0
    model = MeanRegressor([ridge, make_pipeline(similarity, ridge)], lowest)
    return model.fit(inputs, targets)


def save_model(model: Any, model_dir: str) -> None:
    """Write the model to model.pkl."""
    os.makedirs(model_dir, exist_ok=True)
    path = os.path.join(model_dir, "model.pkl")
    with open(f"{path}.part", "wb") as file:
        pickle.dump(model, file)
    os.replace(f"{path}.part", path)


def model_fn(model_dir: str) -> Any:
    """Load the model that save_model wrote."""
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data: str | bytes, content_type: str) -> pd.DataFrame:
    """Parse a request: CSV as preprocess.py writes it, with the index in the first column.

    The first line is a header if it has no number after the index. Without a header, the columns are numbered. Raises
    ValueError for invalid CSV or an empty cell.
    """
    if str(content_type).partition(";")[0].strip().lower() != "text/csv":
        raise ValueError(f"unsupported content type {content_type!r}: send text/csv")
    body = (input_data if isinstance(input_data, str) else bytes(input_data).decode()).removeprefix("\ufeff")
    first, _, rest = body.partition("\n")
    names = [cell.strip('" \r') for cell in first.split(",")[1:]]
    header = not any(map(is_number, names))
    if header and not rest.strip():
        raise ValueError("the request has no rows")
    settings: dict[str, Any] = {"delimiter": ",", "quotechar": '"', "comments": None, "skiprows": int(header)}
    try:  # for one row, a hundred times as fast as pandas; the converter accepts any index, which is not used
        values = np.loadtxt(io.StringIO(body), ndmin=2, converters={0: len}, **settings)[:, 1:]
    except ValueError as error:
        reason = "a cell is empty or not a number, or a line has more or fewer cells than the others"
        raise ValueError(f"the request could not be parsed: {reason} ({error}; rows are numbered from 0)") from None
    if header and values.shape[1] != len(names):
        raise ValueError(f"the header has {len(names)} inputs, but the rows have {values.shape[1]}")
    return pd.DataFrame(values, columns=names if header else None)


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def predict_fn(inputs: pd.DataFrame, model: Any) -> np.ndarray:
    """Return predictions (rows, targets) for inputs (rows, bins).

    Columns may be numbered or, if the model has stored their names, as scikit-learn's models do, named in any order.
    Raises ValueError if the columns differ from the training columns, or if a cell is empty.
    """
    trained_names = list(getattr(model, "feature_names_in_", inputs.columns))
    if inputs.columns.inferred_type == "integer" and inputs.shape[1] == len(trained_names):
        inputs = inputs.set_axis(trained_names, axis=1)
    if differing := sorted(map(str, set(inputs.columns) ^ set(trained_names))):
        cause = "check whether preprocess.py has changed, or the file has different channels"
        raise ValueError(f"the columns differ from those in training ({' '.join(differing[:3])} ...): {cause}")
    if list(inputs.columns) != trained_names:
        inputs = inputs[trained_names]
    finite = np.isfinite(inputs.to_numpy(float)).all(axis=1)
    if not finite.all():
        raise ValueError(f"row {finite.argmin() + 1}: a cell is empty or not finite")
    return np.asarray(model.predict(inputs), dtype=float)


def output_fn(prediction: np.ndarray, accept: str) -> str:
    """Return CSV in the format that score.py reads, with a line for each row. `accept` is ignored."""
    return pd.DataFrame(prediction).to_csv(header=False, index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Step 1: fit the model and save it.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or default_folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or default_folder("/opt/ml/input/data/training", "data/public")
    parser.add_argument("--model_dir", default=model_dir, help="folder to write model.pkl to (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder that contains public.csv.gz (%(default)s)")
    parser.add_argument(
        "--folds", type=int, default=5, help="folds of groups (drill holes) for validation; 0 skips it (%(default)s)"
    )
    defaults = {name: each.default for name, each in [*inspect.signature(fit).parameters.items()][3:]}
    for name, default in defaults.items():
        if isinstance(default, int | float | str):
            kind = true_or_false if isinstance(default, bool) else type(default)
            parser.add_argument(f"--{name}", type=kind, default=default, help="hyperparameter (%(default)s)")
    arguments, unknown = parser.parse_known_args()
    values = {name: value for name, value in vars(arguments).items() if name in defaults}

    inputs, targets, groups = read(os.path.join(arguments.data_dir, "public.csv.gz"))
    start = time.monotonic()
    model = fit(inputs, targets, groups, **values)
    seconds = time.monotonic() - start
    if model is None:
        sys.exit("train.py: fit() returned None: end it with `return` and the model")
    shape, expected = np.shape(predict_fn(inputs[:2], model)), targets[:2].shape
    if shape != expected:
        rule = "predict_fn must return a row for each row of inputs and a column for each target"
        sys.exit(f"train.py: {rule}; the shape is {shape} instead of {expected}")
    save_model(model, arguments.model_dir)
    ignored = f"; ignored arguments: {' '.join(unknown)}" if unknown else ""
    print(f"train: fitted {len(inputs)} rows; saved the model in {arguments.model_dir}{ignored}", flush=True)
    held_out = os.path.join(arguments.model_dir, "held_out.csv")
    if os.path.exists(held_out):  # of an earlier model
        os.remove(held_out)
    folds = min(arguments.folds, len(inputs))
    if folds < 2 or seconds * (folds + 1) > MAX_SECONDS:
        print(f"train: skipped validation: {folds} folds, {seconds:.0f} s per fit", flush=True)
        return
    predicted = hold_out(inputs, targets, groups, folds, values)
    predicted.to_csv(held_out, index_label="index")
    print_r2(targets, predicted)


def hold_out(
    inputs: pd.DataFrame, targets: pd.DataFrame, groups: np.ndarray, folds: int, hyperparameters: dict[str, Any]
) -> pd.DataFrame:
    """Return predictions (rows, targets), each from a model fitted without the row's group; NaN in folds that fail."""
    predicted = pd.DataFrame(np.nan, inputs.index, targets.columns)
    blocks = groups if len(set(groups)) > 1 else np.arange(len(groups))  # with a single group, rows are held out
    splits = GroupKFold(min(folds, len(set(blocks)))).split(inputs, groups=blocks)
    for number, (fitted, held_out) in enumerate(splits, 1):
        print(f"train: fitting without fold {number}", flush=True)
        try:
            model = fit(inputs.iloc[fitted], targets.iloc[fitted], groups[fitted], **hyperparameters)
            predicted.iloc[held_out] = predict_fn(inputs.iloc[held_out], model)
        except Exception as error:  # the model is already saved, so the job should not fail
            print(f"train: fold {number} could not be predicted: {type(error).__name__}: {error}", flush=True)
    return predicted


def read(data_file: str) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return a data file's inputs (rows, bins), targets (rows, targets) and, as strings, groups (rows,).

    Targets are in the order of preprocess.TARGETS or, if it is undefined, in preprocess()'s order.
    """
    group = getattr(preprocess, "GROUP", None)
    if group is None:
        sys.exit("train.py: preprocess.py lacks GROUP, the ID whose rows are held out together: copy it from score.py")
    try:
        inputs, targets = preprocess.preprocess(data_file)
        ids = pd.read_csv(data_file, usecols=lambda name: name == group, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")
    if group not in ids:
        sys.exit(f"train.py: {data_file}: the column {group!r}, by which rows are held out, is missing")
    if len(inputs) != len(ids):
        sys.exit(f"train.py: preprocess() returned {len(inputs)} of {len(ids)} rows: keep every row, in order")
    if pd.to_numeric(inputs.columns.astype(str), errors="coerce").notna().any():
        sys.exit(
            "train.py: preprocess() uses numbers as column names, which a server reads as a row: use bin_4000, not 4000"
        )
    if targets is None or targets.isna().all(axis=None):
        sys.exit(f"train.py: {data_file}: there are no assays to train on")
    names = getattr(preprocess, "TARGETS", targets.columns)
    return inputs, targets.reindex(columns=names), ids[group].to_numpy()


def print_r2(targets: pd.DataFrame, predicted: pd.DataFrame) -> None:
    """Print the R2 of held-out predictions for each target, and the mean over targets.

    Metric definitions of a training job can match these lines; "validation:r2=([-.0-9]+)" matches the mean.
    """
    known = targets.notna() & predicted.notna()
    names = [name for name in targets if known[name].sum() > 1]
    r2 = {name: r2_score(targets.loc[known[name], name], predicted.loc[known[name], name]) for name in names}
    for name, value in (r2 | {"r2": np.mean([*r2.values()])} if r2 else {}).items():
        print(f"validation:{name}={value:.6f}", flush=True)


def true_or_false(argument: str) -> bool:
    """Convert a boolean argument; bool("False") would be True."""
    if argument.lower() not in ("true", "false"):
        raise ValueError(argument)
    return argument.lower() == "true"


def default_folder(on_platform: str, local: str) -> str:
    """Return the platform's folder if it exists, otherwise `local`, relative to this file's folder."""
    next_to_script = os.path.join(os.path.dirname(os.path.abspath(__file__)), local)
    return on_platform if os.path.isdir(on_platform) else next_to_script


if __name__ == "__main__":
    import train  # so that this file's classes are pickled as train.X, which the server can import, not __main__.X

    train.main()
