"""The hooks of step 3: save and load the model, read a request, predict, write the answer.

The serving container and predict.py call them as functions of train.py, which imports them from here. To change one,
define it in train.py.
"""

import io
import os
import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from preprocess import BIN_NAME, TARGETS, DataError, atomic_output, fingerprint, readable_errors


def save_model(model: Any, model_dir: str) -> None:
    """Write model.pkl, and beside it the fingerprint of the preprocess.py with which the model was trained."""
    with atomic_output(os.path.join(model_dir, "model.pkl")) as part, open(part, "wb") as file:
        pickle.dump(model, file)
    with atomic_output(os.path.join(model_dir, "preprocess.sha256")) as part, open(part, "w") as file:
        file.write(fingerprint())


def model_fn(model_dir: str) -> Any:
    """Load the model. Raises DataError if preprocess.py has changed since the model was trained."""
    trained_with = os.path.join(model_dir, "preprocess.sha256")
    if os.path.exists(trained_with):
        with open(trained_with) as file:
            if file.read() != fingerprint():
                raise DataError("preprocess.py was changed after the model was trained: run train.py again")
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data: str | bytes, content_type: str) -> pd.DataFrame:
    """Read a request, CSV as preprocess.py writes it, as a DataFrame of bins.

    With a header the columns may be in any order. Without one they are the index and the bins, in order, and the
    DataFrame's columns have numbers instead of names.
    """
    if str(content_type).split(";")[0].strip().lower() != "text/csv":
        raise DataError(f"the request is {content_type!r}: send text/csv")
    body = input_data.encode() if isinstance(input_data, str) else bytes(input_data)
    if body and not body.endswith(b"\n"):
        body += b"\n"  # pyarrow ignores a single line that does not end
    with readable_errors("the request"):
        names = pa.csv.open_csv(io.BytesIO(body)).schema.names
    bins = [name for name in names if re.match(BIN_NAME, name)]
    bins.sort(key=lambda name: float(name.split("_")[1]), reverse=True)
    columns = bins or [f"f{number}" for number in range(1, len(names))]  # pyarrow's names where there are none
    if not columns:
        raise DataError("the request holds no bins: send preprocess.py's CSV or lines of it")
    read = pa.csv.ReadOptions(autogenerate_column_names=not bins)
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.float64()), include_columns=columns)
    with readable_errors("the request", names if bins else range(1, len(names) + 1)):
        inputs = pa.csv.read_csv(io.BytesIO(body), read, convert_options=convert).to_pandas()
    return inputs if bins else inputs.set_axis(range(len(columns)), axis=1)


def predict_fn(inputs: pd.DataFrame, model: Any) -> np.ndarray:
    """Predict (rows, 49) from a DataFrame of bins. Raises DataError for other bins than in training, or empty ones."""
    received, trained = list(inputs.columns), list(getattr(model, "feature_names_in_", inputs.columns))
    if received not in (trained, list(range(len(trained)))):
        differing = " ".join(sorted(map(str, set(received) ^ set(trained)))[:3])
        cause = "was preprocess.py changed after training, or has the file other channels?"
        raise DataError(f"not the bins that the model was trained on ({differing} ...): {cause}")
    finite = np.isfinite(inputs.to_numpy(float))
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(f"row {row + 1}, {trained[column]}: empty or not finite")
    if not len(inputs):
        return np.empty((0, len(TARGETS)))
    return np.asarray(model.predict(inputs.set_axis(trained, axis=1)), dtype=float)


def output_fn(prediction: np.ndarray, accept: str) -> str:
    """Return the text that score.py reads, whatever `accept` says: 49 numbers a line, empty for NaN, no header."""
    table = pa.table([pa.array(column, from_pandas=True) for column in prediction.T], names=TARGETS)
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue().decode()
