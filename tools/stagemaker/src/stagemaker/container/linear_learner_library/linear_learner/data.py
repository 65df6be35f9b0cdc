"""Read tables of numbers: CSV with labels in a channel, and CSV, JSON or JSON Lines in a request."""

import io
import json
import logging
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CustomerError

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
log = logging.getLogger("linear-learner")
RECORDIO_MAGIC, GZIP_MAGIC = (0xCED7230A).to_bytes(4, "little"), b"\x1f\x8b"
MAX_FLOAT32 = np.finfo(np.float32).max  # AWS's data has 32 bits


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def label_size(content_type: str) -> int | None:
    """Return a content type's label_size parameter, or None if it is absent. Raises CustomerError if it is invalid."""
    for parameter in content_type.lower().split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name == "label_size":
            if value not in ("0", "1"):
                raise CustomerError(f"ContentType {content_type}: label_size must be 0 or 1")
            return int(value)
    return None


def read_channel(folder: Path, content_type: str | None) -> tuple[Any, Any]:
    """Read all files of a channel; return features (rows, features) and labels (rows,). Raises CustomerError."""
    name = folder.name
    if content_type is None:
        log.info(f"The {name} channel has no ContentType: its data is read as CSV. AWS would read it as RecordIO.")
    elif media_type(content_type) == "csv":
        log.info(f"The {name} channel has the ContentType {content_type}: AWS documents only {CSV}.")
    elif media_type(content_type) != CSV:
        raise CustomerError(f"The {name} channel has the ContentType {content_type}, which is not simulated: use {CSV}")
    if content_type and label_size(content_type) == 0:
        raise CustomerError(f"The {name} channel has the ContentType {content_type}: label_size must be 1")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if hidden_files := [path.name for path in files if path.name.startswith(".")]:
        raise CustomerError(f"The {name} channel has a hidden file, {hidden_files[0]}, which SageMaker rejects")
    tables = [_read_csv(content, path.name) for path in files if (content := path.read_bytes())]
    if not tables:
        raise CustomerError(f"The {name} channel has no data")
    if len(widths := sorted({table.shape[1] for table in tables})) > 1:
        raise CustomerError(f"The files of the {name} channel have different numbers of columns: {widths}")
    table = np.vstack(tables) if len(tables) > 1 else tables[0]
    if table.shape[1] < 2:
        raise CustomerError(f"The {name} channel has a label but no features")
    return table[:, 1:], table[:, 0]


def read_request(body: bytes | str, content_type: str, size: int) -> Any:
    """Return the features (rows, features) of a request. Raises CustomerError if it is invalid.

    size: the model's number of features, which sparse records must have.
    """
    kind = media_type(content_type)
    if kind == CSV:
        if label_size(content_type) == 1:
            raise CustomerError(f"ContentType {content_type}: requests must not contain labels")
        return _read_csv(body.encode() if isinstance(body, str) else body, "the request")
    try:
        if kind == JSON:
            records = json.loads(body)["instances"]
        else:
            records = [json.loads(line) for line in body.splitlines() if line.strip()]
        rows = [_read_record(record, size) for record in records]
        table = np.array(rows, dtype=np.float64)
        if table.ndim != 2 or not table.size:
            raise ValueError("there are no features")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        form = '{"features": [1.5, 16.0]}'
        form = f'{{"instances": [{form}]}}' if kind == JSON else f"{form} in each line"
        raise CustomerError(
            f"the request must have the form {form}, with equally long rows of numbers: {error}"
        ) from None
    return _finite(table, "the request")


def _read_record(record: Any, size: int) -> Any:
    """Return a record's features, expanded if sparse. An invalid record raises one of several built-in exceptions."""
    features = record["data"]["features"] if "data" in record else record["features"]
    if isinstance(features, list):
        return features
    values = features["values"]
    if features.get("keys") is None:
        return values
    keys, shape = np.array(features["keys"]), features["shape"]
    if shape not in (size, [size]):
        raise ValueError(f"the shape is {reprlib.repr(shape)}, but the model was trained with {size} features")
    if keys.size and (keys.dtype.kind != "i" or keys.min() < 0 or keys.max() >= size):
        raise ValueError(f"keys must be integers from 0 to {size - 1}")
    row = np.zeros(size)
    row[keys.astype(int)] = values
    return row


def _read_csv(content: bytes, name: str) -> Any:
    if not content:
        raise CustomerError(f"{name} is empty")
    if content.startswith(RECORDIO_MAGIC):
        raise CustomerError(f"{name} contains {RECORDIO}, which is not simulated: use {CSV}")
    if content.startswith(GZIP_MAGIC):
        raise CustomerError(f"{name} is gzipped: send it uncompressed")
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", "replace")  # without a byte order mark
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None, quotechar='"')
    except ValueError as error:
        reason = str(error).partition(";")[0]
        raise CustomerError(f"{name} must be CSV with only numbers and no header line: {reason}") from None
    if not table.size:
        raise CustomerError(f"{name} is empty")
    return _finite(table, name)


def _finite(table: Any, name: str) -> Any:
    if not (is_finite := np.abs(table) <= MAX_FLOAT32).all():  # false for NaN
        row, column = np.argwhere(~is_finite)[0] + 1
        raise CustomerError(f"{name}: column {column} of row {row} is not a finite 32-bit number")
    return table
