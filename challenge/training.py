"""`python train.py`: reads the public data, fits the model, saves it, and the held-out predictions beside it."""

import argparse
import os
import pickle
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from challenge import serving
from challenge.files import DataError, atomic_output, default_folder, note_ignored, readable_errors
from challenge.fitting import FitError, add_arguments, fit_model, hyperparameters
from challenge.inputs import read_inputs, record_inputs
from challenge.validation import hold_out, report_validation

HOLE = "SiteID"  # the column with the drill hole


def main() -> None:
    """Train with fit() of train.py, and with its save_model() if it has one.

    train.py is imported, although it is running: so its classes are pickled as train.X, which the server finds, and not
    as __main__.X. Invalid data, files and hyperparameters end the program with one line; exceptions of fit() itself are
    not caught.
    """
    import train

    try:
        run(train)
    except (DataError, FitError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"train.py: {str(error) or 'interrupted'}")


def run(train: ModuleType) -> None:
    """Do the work of main(), without its error handling."""
    parser = argparse.ArgumentParser(description="Step 1: fit the model and save it.", allow_abbrev=False)
    model_dir = os.environ.get("SM_MODEL_DIR") or default_folder("/opt/ml/model", "model")
    data_dir = os.environ.get("SM_CHANNEL_TRAINING") or default_folder("/opt/ml/input/data/training", "data/public")
    parser.add_argument("--model_dir", default=model_dir, help="folder for model.pkl (%(default)s)")
    parser.add_argument("--data_dir", default=data_dir, help="folder of public.csv.gz (%(default)s)")
    parser.add_argument("--folds", type=int, default=5, help="of holes to validate with; 0 skips that (%(default)s)")
    add_arguments(parser, train.fit)
    arguments, unknown = parser.parse_known_args()
    if arguments.folds not in (0, *range(2, 1000)):
        parser.error("--folds must be 0, or between 2 and 999")
    data_file = os.path.join(arguments.data_dir, "public.csv.gz")
    inputs, targets, holes = read(data_file)
    known = hyperparameters(train.fit)
    values = {name: value for name, value in vars(arguments).items() if name in known}
    start = time.monotonic()
    model, held_out = fit_model(train.fit, inputs, targets, holes, values)
    seconds = time.monotonic() - start
    try:
        getattr(train, "save_model", serving.save_model)(model, arguments.model_dir)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        remedy = "define its functions and classes at the top level of train.py or of a module of your own"
        raise FitError(f"the model cannot be pickled: {error}: {remedy}") from error
    record_inputs(arguments.model_dir, list(inputs.columns))
    print(
        f"train: model of {len(inputs)} rows of {data_file} in {arguments.model_dir}{note_ignored(unknown)}", flush=True
    )
    if held_out is None:
        held_out = hold_out(train.fit, inputs, targets, holes, values, arguments.folds, seconds)
    with atomic_output(os.path.join(arguments.model_dir, "held_out.csv")) as part:
        columns = pa.array(targets.index), *(pa.array(each, from_pandas=True) for each in held_out.T)
        pa.csv.write_csv(pa.table(columns, names=["index", *targets]), part)
    report_validation(targets, holes, held_out)


def read(data_file: str) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return inputs (rows, columns), targets (rows, 49) and holes (rows,) of a data file with assays.

    Raises DataError if the file, or what preprocess() makes of it, is invalid.
    """
    with ThreadPoolExecutor() as pool:  # the file is parsed twice: side by side
        reading = pool.submit(read_holes, data_file)
        inputs, targets = read_inputs(data_file)
        holes = reading.result()
    if len(inputs) != len(holes):
        raise DataError(f"preprocess() returned {len(inputs)} rows for the {len(holes)} of {data_file}")
    if (holes == "").all():
        raise DataError(f"{data_file}: the column {HOLE!r}, the drill hole, is empty")
    if targets is None or targets.isna().all(axis=None):
        raise DataError(f"{data_file}: there are no assays to train on")
    huge = (targets.abs() > 1e100).any()  # its square, summed over rows, would overflow
    if huge.any():
        raise DataError(f"{data_file}: column {huge.idxmax()!r}: an infinite value, or one beyond 1e100")
    return inputs, targets, holes


def read_holes(data_file: str) -> np.ndarray:
    """Return the drill hole of each row of a data file, an array (rows,) of text. Raises DataError."""
    convert = pa.csv.ConvertOptions(include_columns=[HOLE], column_types={HOLE: pa.string()})
    with readable_errors(data_file):
        header = pa.csv.open_csv(data_file).schema.names
    if HOLE not in header:
        raise DataError(f"{data_file}: no column {HOLE!r}, the drill hole, to make folds by")
    with readable_errors(data_file, header):
        table = pa.csv.read_csv(data_file, pa.csv.ReadOptions(block_size=1 << 22), convert_options=convert)
    return table[HOLE].to_numpy()
