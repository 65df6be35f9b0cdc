"""Decode CSV and libsvm into XGBoost's matrices, and define the content types of the formats."""

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import scipy.sparse
import xgboost as xgb
from sagemaker_inference.errors import UnsupportedFormatError

from .exceptions import UserError, message_of

EMPTY_CELLS = ["", "nan", "NaN", "NA", "null", "NULL"]  # cells that are read as missing values
DELIMITERS = ",;\t |"
FORMATS = {
    **dict.fromkeys(("csv", "text/csv"), "csv"),
    **dict.fromkeys(("libsvm", "text/libsvm", "text/x-libsvm"), "libsvm"),
    **dict.fromkeys(("parquet", "application/x-parquet"), "parquet"),
}
RECORDIO = ("recordio-protobuf", "application/x-recordio-protobuf")
MAX_FLOAT32 = float(np.finfo(np.float32).max)  # XGBoost computes with 32-bit numbers
BLOCK_SIZE = 8 << 20  # bytes of CSV that are parsed at a time


@dataclass(frozen=True)
class LibsvmTable:
    """A sparse matrix of features, and the labels, weights and query IDs of its rows (None if absent)."""

    features: Any
    labels: list[float] | None
    weights: list[float] | None
    queries: list[int] | None


def parse_csv(content: bytes, name: str = "the request", skip_empty_lines: bool = True) -> Any:
    """Parse CSV numbers without a header line into a float32 array (rows, columns). Empty cells become NaN.

    The delimiter is the first of `,`, `;`, tab, space and `|` in the first line. Without `skip_empty_lines`, an empty
    line between other lines is a missing value, allowed only in a single column. Raises UserError if any other cell
    is not a finite number, or if lines have different lengths.
    """
    content = content.lstrip(b"\r\n") if skip_empty_lines else content.strip()
    if not content:
        raise UserError(f"{name} is empty")
    if not content.endswith(b"\n"):
        content += b"\n"  # pyarrow does not read a single line without a newline
    first_line = content.partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = next((mark for mark in DELIMITERS if mark in first_line), ",")
    if not skip_empty_lines and delimiter in first_line and re.search(rb"\n\r?\n", content):
        raise UserError(f"{name} has an empty line, but the other lines have more than one column")
    max_length = max(map(len, io.BytesIO(content)))
    types = {f"f{column}": pa.float32() for column in range(first_line.count(delimiter) + 1)}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            read_options=pa_csv.ReadOptions(autogenerate_column_names=True, block_size=max(BLOCK_SIZE, max_length)),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=skip_empty_lines),
            convert_options=pa_csv.ConvertOptions(column_types=types, null_values=EMPTY_CELLS),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{name} must be CSV with only numbers and no header line: {error}") from None
    values = np.empty(table.shape, dtype=np.float32)
    for number, column in enumerate(table.columns):
        values[:, number] = column.to_numpy()
    check_finite(values, name)
    return values


def make_matrix(features: Any, **members: Any) -> xgb.DMatrix:
    """Create a DMatrix. Raises UserError, with XGBoost's message, if the data is invalid."""
    try:
        return xgb.DMatrix(features, **members)
    except (xgb.core.XGBoostError, ValueError) as error:
        raise UserError(f"XGBoost cannot use this data: {message_of(error)}") from None


def check_finite(values: Any, name: str) -> None:
    """Raise UserError, with the position, if a number is infinite. NaN is allowed."""
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0] + 1
        raise UserError(f"{name}: column {column} of row {row} is infinite, or too large for a 32-bit number")


def parse_libsvm(content: str, has_labels: bool, name: str = "the request") -> LibsvmTable:
    """Parse lines such as `label[:weight] [qid:query] index:value ...`, with indices starting at 0.

    Without has_labels, as in a request, labels are ignored, queries are not allowed, and an empty line between others
    is a row without features. Raises UserError, with the line number, if a line is invalid.
    """
    rows, columns, values, labels, weights, queries = [0], [], [], [], [], []
    for line_number, line in enumerate((content if has_labels else content.strip()).split("\n"), 1):
        words = line.partition("#")[0].split()
        if has_labels and not words:
            continue
        try:
            if has_labels:
                label, colon, weight = words.pop(0).partition(":")
                labels.append(_parse_number(label))
                weights.extend([_parse_number(weight)] if colon else [])
                if words and words[0].startswith("qid:"):
                    queries.append(_parse_index(words.pop(0)[4:]))
            elif words and ":" not in words[0]:
                _parse_number(words.pop(0))
            for word in words:
                column, _, value = word.partition(":")
                columns.append(_parse_index(column))
                values.append(_parse_number(value))
        except ValueError:
            form = "`label index:value ...`" if has_labels else "`index:value ...`"
            reason = f"is not valid libsvm ({form} with finite numbers)"
            raise UserError(f"{name}: line {line_number} {reason}: '{line[:80]}'") from None
        rows.append(len(columns))
    for members, form in ((weights, "a weight (`label:weight`)"), (queries, "a query (`qid:number`)")):
        if members and len(members) < len(labels):
            raise UserError(f"{name}: either all lines or none must have {form}")
    shape = len(rows) - 1, max(columns, default=-1) + 1
    features = scipy.sparse.csr_matrix((values, columns, rows), shape=shape, dtype=np.float32)
    return LibsvmTable(features, labels or None, weights or None, queries or None)


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> xgb.DMatrix:
    """Decode CSV without labels. Raises UserError for invalid data."""
    content = input.encode() if isinstance(input, str) else input
    return make_matrix(parse_csv(content, skip_empty_lines=False).astype(dtype or np.float32, copy=False))


def libsvm_to_dmatrix(string_like: str | bytes) -> xgb.DMatrix:
    """Decode libsvm, ignoring labels. Raises UserError for invalid data."""
    content = string_like.decode("utf-8", "replace") if isinstance(string_like, bytes) else string_like
    features = parse_libsvm(content, has_labels=False).features
    if not features.shape[1]:
        raise UserError("the request has no features")
    return make_matrix(features)


def check_simulated(kind: str) -> None:
    """Raise UserError for the only format that AWS's container can read and this module cannot."""
    if kind in RECORDIO:
        raise UserError(f"the content type {kind} is not simulated: use text/csv or text/libsvm")


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def decode(obj: str | bytes, content_type: str) -> xgb.DMatrix:
    """Decode a request. Raises UserError for invalid data, and UnsupportedFormatError for an unknown content type."""
    kind = media_type(content_type)
    if FORMATS.get(kind) == "csv":
        return csv_to_dmatrix(obj)
    if FORMATS.get(kind) == "libsvm":
        return libsvm_to_dmatrix(obj)
    check_simulated(kind)
    raise UnsupportedFormatError(kind)


def _parse_number(word: str) -> float:
    number = float(word)
    if abs(number) > MAX_FLOAT32:
        raise ValueError(word)
    return number


def _parse_index(word: str) -> int:
    if not word.isdecimal() or len(word) > 9:
        raise ValueError(word)
    return int(word)
