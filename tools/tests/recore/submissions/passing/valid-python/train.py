"""Steps 1 and 3: training and prediction."""

import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


type Row = list[float]


def first[T](rows: list[T]) -> T:
    match rows:
        case [row, *_]:
            return row
    raise ValueError(f"{len(rows)} rows, {", ".join(map(str, rows))}")
