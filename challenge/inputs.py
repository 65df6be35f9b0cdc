"""Calls preprocess() of preprocess.py, checks what it returns, and notices when it changes after training."""

import ast
import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from challenge.files import DataError, atomic_output
from challenge.targets import TARGETS

RECORD = "preprocess.json"  # beside the model: the columns and the fingerprint that it was trained with


def read_inputs(data_file: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return inputs (rows, columns) and targets (rows, 49) of a data file, the latter None where it has no assay.

    Targets that preprocess() does not return are NaN. Raises DataError if preprocess() raises an exception of that name
    or returns anything else.
    """
    import preprocess

    try:
        returned = preprocess.preprocess(data_file)
    except getattr(preprocess, "DataError", ()) as error:  # the template's has an exception of its own
        raise DataError(str(error)) from error
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise DataError(f"preprocess() must return a pair, inputs and targets; it returned {type(returned).__name__}")
    inputs, targets = returned
    for name, table in {"inputs": inputs, "targets": targets}.items():
        if not isinstance(table, pd.DataFrame) and (name == "inputs" or table is not None):
            raise DataError(f"preprocess() returned {type(table).__name__} for the {name}; a DataFrame is needed")
    check_columns(list(inputs.columns))
    if targets is None:
        return inputs, None
    if len(targets) != len(inputs):
        raise DataError(f"preprocess() returned targets of the shape {targets.shape} for {len(inputs)} rows of inputs")
    if unknown := [name for name in targets if name not in TARGETS]:
        raise DataError(f"preprocess() returned a column {unknown[0]!r} among the targets, which is no target")
    return inputs, targets.reindex(columns=TARGETS)


def check_columns(columns: Sequence[Any]) -> None:
    """Raise DataError unless the names are texts, each another one, and none is a number."""
    for name in columns:
        if not isinstance(name, str) or not name or is_number(name):
            raise DataError(
                f"preprocess() names a column {name!r}; a name such as 'bin_{name}' is needed: the server takes a line "
                "of numbers for data, not for a header"
            )
    if not columns or len(set(columns)) < len(columns):
        raise DataError(f"preprocess() must return one column or more, each with a name of its own: {columns[:9]}")


def is_number(cell: str) -> bool:
    """Whether a cell of a CSV is a number; nan and inf are."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def fingerprint() -> str:
    """Return a digest of preprocess.py's code without comments and docstrings. Raises DataError without that file."""
    found = importlib.util.find_spec("preprocess")
    if found is None or found.origin is None:
        raise DataError("there is no preprocess.py beside train.py")
    with open(found.origin, "rb") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def record_inputs(model_dir: str, columns: Sequence[str]) -> None:
    """Write beside the model which columns it was trained on, and the fingerprint of preprocess.py."""
    with atomic_output(os.path.join(model_dir, RECORD)) as part, open(part, "w") as file:
        json.dump({"sha256": fingerprint(), "columns": list(columns)}, file)


def recorded_columns(model_dir: str) -> list[str] | None:
    """Return the columns that the model in a folder was trained on, None if they were not recorded.

    Raises DataError if preprocess.py has changed since.
    """
    record = os.path.join(model_dir, RECORD)
    if not os.path.exists(record):
        return None
    with open(record) as file:
        recorded = json.load(file)
    if recorded["sha256"] != fingerprint():
        raise DataError("preprocess.py was changed after the model was trained: run train.py again")
    return recorded["columns"]
