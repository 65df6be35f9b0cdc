"""The hooks of step 3: save and load the model, read a request, predict, write the answer.

The serving container and predict.py call them as functions of train.py, which imports them from here. To change one,
define it in train.py.
"""

import io
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from challenge.files import DataError, atomic_output, readable_errors
from challenge.inputs import is_number, recorded_columns
from challenge.targets import TARGETS


@dataclass(frozen=True)
class TrainedModel:
    """A loaded model, and the columns that it was trained on."""

    model: Any
    trained_columns: Sequence[str]

    def predict(self, inputs: pd.DataFrame) -> np.ndarray:
        """Predict with the model."""
        return self.model.predict(inputs)


def save_model(model: Any, model_dir: str) -> None:
    """Write model.pkl."""
    with atomic_output(os.path.join(model_dir, "model.pkl")) as part, open(part, "wb") as file:
        pickle.dump(model, file)


def model_fn(model_dir: str) -> Any:
    """Load the model. Raises DataError if preprocess.py has changed since the model was trained."""
    columns = recorded_columns(model_dir)
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        model = pickle.load(file)
    return TrainedModel(model, columns) if columns else model


def input_fn(input_data: str | bytes, content_type: str) -> pd.DataFrame:
    """Read a request, CSV as preprocess.py writes it: the index, which is left out, and the inputs.

    With a header the columns may be in any order; the index is the one without a name, else the first. Without a header
    they are in the order of preprocess.py's file, and the DataFrame's columns have numbers instead of names.
    """
    if str(content_type).split(";")[0].strip().lower() != "text/csv":
        raise DataError(f"the request is {content_type!r}: send text/csv")
    body = input_data.encode() if isinstance(input_data, str) else bytes(input_data)
    if body and not body.endswith(b"\n"):
        body += b"\n"  # pyarrow ignores a single line that does not end
    with readable_errors("the request"):
        first = pa.csv.open_csv(io.BytesIO(body)).schema.names
    if len(first) < 2:
        raise DataError("the request holds no inputs: send preprocess.py's CSV or lines of it")
    cells = [cell for cell in first[1:] if cell]
    header = bool(cells) and not any(map(is_number, cells))
    if header and len(set(first)) < len(first):
        raise DataError(f"the request: the column {max(first, key=first.count)!r} appears more than once")
    names = first if header else [f"f{number}" for number in range(len(first))]  # pyarrow's own
    columns = [name for name in names if name != ("" if "" in names else names[0])]
    read = pa.csv.ReadOptions(autogenerate_column_names=not header)
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.float64()), include_columns=columns)
    with readable_errors("the request", first if header else range(1, len(first) + 1)):
        inputs = pa.csv.read_csv(io.BytesIO(body), read, convert_options=convert).to_pandas()
    return inputs if header else inputs.set_axis(range(len(columns)), axis=1)


def predict_fn(inputs: pd.DataFrame, model: Any) -> np.ndarray:
    """Predict (rows, 49) from inputs (rows, columns), whose columns may be in any order, or be numbered in order.

    Raises DataError for other columns than in training, and for empty cells.
    """
    trained = list(getattr(model, "trained_columns", getattr(model, "feature_names_in_", inputs.columns)))
    if list(inputs.columns) == list(range(len(trained))):
        inputs = inputs.set_axis(trained, axis=1)
    if differing := sorted(map(str, set(inputs.columns) ^ set(trained))):
        cause = "was preprocess.py changed after training, or does the file have other channels?"
        raise DataError(f"not the columns that the model was trained on ({' '.join(differing[:3])} ...): {cause}")
    if list(inputs.columns) != trained:
        inputs = inputs[trained]
    finite = np.isfinite(inputs.to_numpy(float))
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(f"row {row + 1}, {trained[column]}: empty or not finite")
    if not len(inputs):
        return np.empty((0, len(TARGETS)))
    return np.asarray(model.predict(inputs), dtype=float)


def output_fn(prediction: np.ndarray, accept: str) -> str:
    """Return the text that score.py reads, whatever `accept` says: 49 numbers a line, empty for NaN, no header."""
    table = pa.table([pa.array(column, from_pandas=True) for column in prediction.T], names=TARGETS)
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue().decode()
