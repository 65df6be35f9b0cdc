"""Read the files of a channel into a DMatrix: libsvm, or CSV or Parquet with the label in the first column."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import scipy.sparse
import xgboost as xgb

from .encoder import (
    FORMATS,
    LibsvmTable,
    check_finite,
    check_simulated,
    make_matrix,
    media_type,
    parse_csv,
    parse_libsvm,
)
from .exceptions import UserError

# in the order of AWS's message
AWS_CONTENT_TYPES = "csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, "
AWS_CONTENT_TYPES += "application/x-parquet, application/x-recordio-protobuf"


def get_content_type(content_type_cfg_val: str | None) -> str:
    """Return the format of a ContentType: csv, libsvm (the default) or parquet. Raises UserError for any other."""
    if content_type_cfg_val is None:
        return "libsvm"
    check_simulated(media_type(content_type_cfg_val))
    kind = FORMATS.get(media_type(content_type_cfg_val))
    if kind is None:  # the messages are AWS's
        raise UserError(f"{content_type_cfg_val.lower()} is not an accepted ContentType: {AWS_CONTENT_TYPES}.")
    for parameter in content_type_cfg_val.lower().split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if kind == "csv" and name == "label_size" and value != "1":
            reason = "Optional parameter label_size must be equal to 1"
            raise UserError(f"{content_type_cfg_val} is not an accepted csv ContentType. {reason}")
    return kind


def get_dmatrix(
    data_path: str | list[str],
    content_type: str,
    csv_weights: int = 0,
    is_pipe: bool = False,
    combine_train_val: bool = False,
) -> xgb.DMatrix | None:
    """Read all files below one or more paths into a DMatrix, or return None if there are no files.

    csv_weights: 1 if the second column of CSV contains the rows' weights. Raises UserError for invalid files.
    """
    if is_pipe:
        raise UserError("Pipe mode is not simulated: use File mode")
    paths = data_path if isinstance(data_path, list) else [data_path]
    files = [file for path in paths for file in data_files(Path(path))]
    return read_dmatrix(files, get_content_type(content_type), csv_weights) if files else None


def data_files(path: Path) -> list[Path]:
    """Return the file, or all files below a folder, except files whose names begin with `.` or `_`."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in files if not file.name.startswith((".", "_"))]


def read_dmatrix(files: list[Path], kind: str, csv_weights: int = 0) -> xgb.DMatrix:
    """Read files of one format into a DMatrix. Raises UserError if they cannot be read."""
    if kind == "libsvm":
        return _read_libsvm(files)
    tables = [_read_table(file, kind) for file in files]
    if len(widths := {table.shape[1] for table in tables}) > 1:
        raise UserError(f"the files of a channel have different numbers of columns: {sorted(widths)}")
    table = tables[0] if len(tables) == 1 else np.vstack(tables)
    if not len(table):
        raise UserError(f"{files[0].name} is empty")
    first_feature = 2 if csv_weights and kind == "csv" else 1
    if table.shape[1] <= first_feature:
        raise UserError(f"{files[0].name} has a label but no features")
    for file, rows in zip(files, tables, strict=True):
        _check_labels_and_weights(rows[:, :first_feature], file.name)
    weights = table[:, 1] if first_feature == 2 else None
    return make_matrix(table[:, first_feature:], label=table[:, 0], weight=weights)


def _check_labels_and_weights(columns: Any, file: str) -> None:
    is_missing, is_negative = np.isnan(columns).any(axis=1), (columns[:, 1:] < 0).any(axis=1)
    for invalid_rows, problem in (
        (is_missing, "no label" if columns.shape[1] == 1 else "no label or weight"),
        (is_negative, "a negative weight: with csv_weights 1, column 2 contains the weights"),
    ):
        if invalid_rows.any():
            raise UserError(f"{file}: row {int(np.argmax(invalid_rows)) + 1} has {problem}")


def looks_like_csv(file: Path) -> bool:
    with open(file, encoding="utf-8", errors="replace") as lines:
        first_line = lines.readline(1 << 16)
    return ":" not in first_line and any(mark in first_line for mark in ",;\t")


def _read_table(file: Path, kind: str) -> Any:
    if kind == "parquet":
        try:
            with np.errstate(over="ignore"):  # values too large for 32 bits become infinite
                values = pq.read_table(file).to_pandas().to_numpy(dtype=np.float32)
        except (ValueError, TypeError, OSError) as error:
            raise UserError(f"{file.name} is not a Parquet file with only numeric columns: {error}") from None
        check_finite(values, file.name)
        return values
    return parse_csv(file.read_bytes(), file.name)


def _read_libsvm(files: list[Path]) -> xgb.DMatrix:
    tables = [parse_libsvm(file.read_text("utf-8", "replace"), True, file.name) for file in files]
    tables = [table for table in tables if table.labels]
    if not tables:
        raise UserError(f"{files[0].name} is empty")
    columns = max(table.features.shape[1] for table in tables)
    for table in tables:
        table.features.resize(table.features.shape[0], columns)
    queries = _join_rows(tables, "queries")
    return make_matrix(
        scipy.sparse.vstack([table.features for table in tables]),
        label=_join_rows(tables, "labels"),
        weight=_join_rows(tables, "weights"),
        group=[len(list(rows)) for _, rows in itertools.groupby(queries)] if queries else None,
    )


def _join_rows(tables: list[LibsvmTable], name: str) -> list[Any] | None:
    parts = [part for table in tables if (part := getattr(table, name)) is not None]
    if parts and len(parts) < len(tables):
        raise UserError(f"either all files of a channel or none of them must have {name}")
    return list(itertools.chain.from_iterable(parts)) or None
