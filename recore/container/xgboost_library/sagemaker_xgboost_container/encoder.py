"""Decodes CSV and libsvm to XGBoost's matrices."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import scipy.sparse
import xgboost as xgb

from .exceptions import UserError, words_of

Matrix = Any  # an array (rows, features) or a sparse matrix of that shape; what is absent is missing
EMPTY = ["", "nan", "NaN", "NA", "null", "NULL"]  # cells that are missing values
DELIMITERS = ",;\t |"
CSV = ("csv", "text/csv")
LIBSVM = ("libsvm", "text/libsvm", "text/x-libsvm")
PARQUET = ("parquet", "application/x-parquet")
LARGEST = float(np.finfo(np.float32).max)  # XGBoost computes with 32 bits
BLOCK = 8 << 20  # bytes of CSV that are read at a time


@dataclass(frozen=True)
class LibsvmTable:
    """features: a sparse matrix. labels, weights, queries (`qid`): of its rows; None where the text has none."""

    features: Matrix
    labels: list[float] | None
    weights: list[float] | None
    queries: list[int] | None


def parse_csv(content: bytes, name: str = "the request", skip_empty_lines: bool = True) -> Any:
    """Numbers as an array of float32 (rows, columns); empty cells are NaN.

    There is no header line. The delimiter is the first of `,;`, tab, space and `|` that the first line has. Empty lines
    at the beginning and the end are skipped. Those among others are skipped as well, or are missing values, if there is
    one column. Raises UserError for what is not a finite number, and for lines of different lengths.
    """
    content = content.lstrip(b"\r\n") if skip_empty_lines else content.strip()
    if not content:
        raise UserError(f"{name} is empty")
    if not content.endswith(b"\n"):
        content += b"\n"  # pyarrow does not read a single line without its end
    first = content.partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = next((mark for mark in DELIMITERS if mark in first), ",")
    if not skip_empty_lines and delimiter in first and re.search(rb"\n\r?\n", content):
        raise UserError(f"{name} has an empty line, and the others have several columns")
    types = {f"f{number}": pa.float32() for number in range(first.count(delimiter) + 1)}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            # a block must hold the longest line
            read_options=pa_csv.ReadOptions(
                autogenerate_column_names=True, block_size=max(BLOCK, max(map(len, io.BytesIO(content))))
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=skip_empty_lines),
            convert_options=pa_csv.ConvertOptions(column_types=types, null_values=EMPTY),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{name} is not CSV of numbers without a header line: {error}") from None
    values = np.empty(table.shape, dtype=np.float32)
    for number, column in enumerate(table.columns):
        values[:, number] = column.to_numpy()
    check_finite(values, name)
    return values


def make_matrix(features: Any, **members: Any) -> xgb.DMatrix:
    """Create a DMatrix. Raises UserError with XGBoost's message."""
    try:
        return xgb.DMatrix(features, **members)
    except (xgb.core.XGBoostError, ValueError) as error:
        raise UserError(f"XGBoost cannot use these data: {words_of(error)}") from None


def check_finite(values: Any, name: str) -> None:
    """Raise UserError, with its place, if one of an array's numbers (rows, columns) is infinite; NaN is allowed."""
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0] + 1
        raise UserError(f"{name}: column {column} of row {row} is infinite, or too large for a number of 32 bits")


def parse_libsvm(text: str, labelled: bool, name: str = "the request") -> LibsvmTable:
    """Lines `label[:weight] [qid:query] index:value ...`, indices from 0.

    A request's lines may do without the label, have no queries, and an empty one among them is a row without features.
    Raises UserError, with the line, for anything else.
    """
    rows, indices, values, labels, weights, queries = [0], [], [], [], [], []
    for number, line in enumerate((text if labelled else text.strip()).split("\n"), 1):
        words = line.partition("#")[0].split()
        if labelled and not words:
            continue
        try:
            if labelled:
                label, colon, weight = words.pop(0).partition(":")
                labels.append(_number(label))
                weights.extend([_number(weight)] if colon else [])
                if words and words[0].startswith("qid:"):
                    queries.append(_index(words.pop(0)[4:]))
            elif words and ":" not in words[0]:
                _number(words.pop(0))
            for word in words:
                index, _, value = word.partition(":")
                indices.append(_index(index))
                values.append(_number(value))
        except ValueError:
            form = "`label index:value ...`" if labelled else "`index:value ...`"
            raise UserError(f"{name}: line {number} is not libsvm, {form} of finite numbers: '{line[:80]}'") from None
        rows.append(len(indices))
    for found, form in ((weights, "a weight, `label:weight`"), (queries, "a query, `qid:number`")):
        if found and len(found) < len(labels):
            raise UserError(f"{name}: either every line or no line must have {form}")
    shape = len(rows) - 1, max(indices, default=-1) + 1
    features = scipy.sparse.csr_matrix((values, indices, rows), shape=shape, dtype=np.float32)
    return LibsvmTable(features, labels or None, weights or None, queries or None)


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> xgb.DMatrix:
    """Decode CSV without labels to a DMatrix. Raises UserError."""
    content = input.encode() if isinstance(input, str) else input
    return make_matrix(parse_csv(content, skip_empty_lines=False).astype(dtype or np.float32, copy=False))


def libsvm_to_dmatrix(string_like: str | bytes) -> xgb.DMatrix:
    """Decode libsvm to a DMatrix. Raises UserError."""
    text = string_like.decode("utf-8", "replace") if isinstance(string_like, bytes) else string_like
    features = parse_libsvm(text, labelled=False).features
    if not features.shape[1]:
        raise UserError("the request has no features")
    return make_matrix(features)


def media_type(content_type: str) -> str:
    """Return a content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def decode(obj: str | bytes, content_type: str) -> xgb.DMatrix:
    """Decode a request to a DMatrix. Raises UserError for content types other than CSV and libsvm."""
    decoders: dict[str, Callable[[str | bytes], xgb.DMatrix]] = dict.fromkeys(CSV, csv_to_dmatrix)
    decoders |= dict.fromkeys(LIBSVM, libsvm_to_dmatrix)
    kind = media_type(content_type)
    if kind not in decoders:
        raise UserError(f"{kind} is not simulated: text/csv and text/libsvm are")
    return decoders[kind](obj)


def _number(text: str) -> float:
    """Parse a 32-bit number or NaN. Raises ValueError."""
    number = float(text)
    if abs(number) > LARGEST:
        raise ValueError(text)
    return number


def _index(text: str) -> int:
    """Parse a feature's index or a query's number. Raises ValueError."""
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(text)
    return int(text)
