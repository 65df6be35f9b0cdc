"""CSV and libsvm as text, to what XGBoost computes with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import scipy.sparse
import xgboost as xgb

from .exceptions import UserError

Matrix = Any  # an array (rows, features) or a sparse matrix of that shape; what is absent is missing
EMPTY = ["", "nan", "NaN", "NA", "null", "NULL"]  # cells that are missing values
DELIMITERS = ",;\t |"
CSV = ("csv", "text/csv")
LIBSVM = ("libsvm", "text/libsvm", "text/x-libsvm")
PARQUET = ("parquet", "application/x-parquet")


@dataclass(frozen=True)
class LibsvmTable:
    """features: a sparse matrix. labels, weights: of its rows; None where the text has none."""

    features: Matrix
    labels: Any
    weights: Any


def parse_csv(content: bytes, name: str = "the request") -> Any:
    """Numbers as an array of float64 (rows, columns); empty cells are NaN.

    There is no header line. The delimiter is the first of `,;`, tab, space and `|` that the first line has. Raises
    UserError for what is not a number, and for lines of different lengths.
    """
    content = content.strip(b"\r\n") + b"\n"  # pyarrow does not read a single line without its end
    first = content.partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = next((mark for mark in DELIMITERS if mark in first), ",")
    types = {f"f{number}": pa.float64() for number in range(first.count(delimiter) + 1)}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            read_options=pa_csv.ReadOptions(autogenerate_column_names=True),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter),
            convert_options=pa_csv.ConvertOptions(column_types=types, null_values=EMPTY),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{name} is not CSV of numbers without a header line: {error}") from None
    return np.column_stack([column.to_numpy() for column in table.columns])


def parse_libsvm(text: str, labelled: bool, name: str = "the request", columns: int = 0) -> LibsvmTable:
    """Lines `label[:weight] index:value ...`, indices from 0. A request's lines may do without the label.

    columns: that the matrix has at least. Raises UserError, with the line, for anything else.
    """
    rows, indices, values, labels, weights = [0], [], [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            if labelled:
                label, colon, weight = words.pop(0).partition(":")
                labels.append(float(label))
                weights.extend([float(weight)] if colon else [])
            elif ":" not in words[0]:
                words.pop(0)
            for word in words:
                index, _, value = word.partition(":")
                indices.append(_index(index))
                values.append(float(value))
        except ValueError:
            form = "`label index:value ...`" if labelled else "`index:value ...`"
            raise UserError(f"{name}: line {number} is not libsvm, {form}: '{line[:80]}'") from None
        rows.append(len(indices))
    if weights and len(weights) < len(labels):
        raise UserError(f"{name}: either each line has a weight, `label:weight`, or none has")
    shape = len(rows) - 1, max([columns, *(index + 1 for index in indices)])
    features = scipy.sparse.csr_matrix((values, indices, rows), shape=shape, dtype=np.float32)
    return LibsvmTable(features, labels or None, weights or None)


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> xgb.DMatrix:
    """CSV without labels as a DMatrix. Raises UserError."""
    content = input.encode() if isinstance(input, str) else input
    return xgb.DMatrix(parse_csv(content).astype(dtype or float))


def libsvm_to_dmatrix(string_like: str | bytes) -> xgb.DMatrix:
    """libsvm as a DMatrix. Raises UserError."""
    text = string_like.decode("utf-8", "replace") if isinstance(string_like, bytes) else string_like
    return xgb.DMatrix(parse_libsvm(text, labelled=False).features)


def media_type(content_type: str) -> str:
    """A content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def decode(obj: str | bytes, content_type: str) -> xgb.DMatrix:
    """A request as a DMatrix. Raises UserError for a content type other than CSV and libsvm, by its name."""
    decoders: dict[str, Callable[[str | bytes], xgb.DMatrix]] = dict.fromkeys(CSV, csv_to_dmatrix)
    decoders |= dict.fromkeys(LIBSVM, libsvm_to_dmatrix)
    kind = media_type(content_type)
    if kind not in decoders:
        raise UserError(f"{kind} is not simulated: text/csv and text/libsvm are")
    return decoders[kind](obj)


def _index(text: str) -> int:
    """An index of a feature. Raises ValueError; `qid` of ranking data is no index."""
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(text)
    return int(text)
