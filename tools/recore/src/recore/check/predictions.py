"""Read and compare predictions, which are the output of an untrusted program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recore.check.job_results import ServedResponse
from recore.listing import count
from recore.text import plain
from recore.validation import r2_by_target
from stagemaker import parse_float

Floats = np.ndarray[Any, np.dtype[np.float64]]

TOLERANCE = 1e-9  # the last bits of matrix products depend on the number of rows
MAX_BYTES = 256 << 20
MAX_COLUMNS = 20_000  # a transposed table may have many


class InvalidPredictions(Exception):
    """A CSV is not a table of numbers. line: the line with the error, counted from 1."""

    def __init__(self, message: str, line: int):
        super().__init__(message)
        self.line = line


def read_predictions(path: Path) -> Floats:
    """Read a CSV of numbers (rows, columns); empty cells are NaN. Raises InvalidPredictions if the file is invalid."""
    if path.stat().st_size > MAX_BYTES:
        raise InvalidPredictions(f"the file is larger than {MAX_BYTES >> 20} MB", 1)
    rows: list[Floats] = []
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        for number, line in enumerate(file, 1):
            if line.count(",") > MAX_COLUMNS:
                raise InvalidPredictions(f"line {number} has more than {MAX_COLUMNS} cells", number)
            cells = line.rstrip("\r\n").split(",")
            if rows and len(cells) != len(rows[0]):
                raise InvalidPredictions(f"line {number} has {len(cells)} cells, but line 1 has {len(rows[0])}", number)
            rows.append(np.array([_parse_cell(cell, number) for cell in cells], dtype=np.float64))
    return np.array(rows) if rows else np.empty((0, 0))


def _parse_cell(cell: str, line: int) -> float:
    cell = cell.strip().removeprefix('"').removesuffix('"')
    if not cell:
        return np.nan
    value = parse_float(cell)  # as pandas does
    if value is None:
        raise InvalidPredictions(f"line {line}: {cell[:40]!r} is not a number", line)
    return value


def find_max_difference(first: Floats, second: Floats) -> tuple[int, int] | None:
    """Return the row and column (from 0) in which two arrays of the same shape differ most, or None if they agree.

    NaN equals NaN. Differences are relative to the value, or to a millionth of its column's maximum if this is larger.
    """
    scale = np.nan_to_num(np.maximum(np.abs(first), np.abs(second)), posinf=1.0)
    floor = 1e-6 * scale.max(axis=0, initial=0.0)
    with np.errstate(invalid="ignore"):
        differences = np.abs(first - second) / np.maximum(np.maximum(scale, floor), np.finfo(float).tiny)
    is_equal = (first == second) | (np.isnan(first) & np.isnan(second))
    differences = np.where(is_equal, 0.0, np.where(np.isnan(differences), np.inf, differences))
    if not differences.size or differences.max() <= TOLERANCE:
        return None
    row, column = np.unravel_index(differences.argmax(), differences.shape)
    return int(row), int(column)


def read_response(response: ServedResponse) -> Floats:
    """Return the predictions in a response. Raises InvalidPredictions if the response is an error or invalid."""
    if response.body is None:
        raise InvalidPredictions(f"status {response.status}: {first_line(response.error)}", 0)
    return read_predictions(response.body)


def compare(expected: Floats, targets: Sequence[str], *responses: ServedResponse) -> str:
    """Return how concatenated responses differ from the expected predictions (rows, targets), or "" if they agree."""
    try:
        tables = [read_response(response) for response in responses]
    except InvalidPredictions as error:
        return f"the response does not contain valid predictions: {error}"
    if len({table.shape[1] for table in tables}) > 1:
        return f"the responses have {' and '.join(str(table.shape[1]) for table in tables)} columns"
    return format_difference(expected, np.concatenate(tables), targets)


def compare_responses(first: ServedResponse, second: ServedResponse, targets: Sequence[str]) -> str:
    """Return how two responses to the same request differ, or "" if they agree or one is invalid."""
    try:
        return format_difference(read_response(first), read_response(second), targets)
    except InvalidPredictions:
        return ""


def format_difference(expected: Floats, predicted: Floats, targets: Sequence[str]) -> str:
    """Return how predictions differ from the expected ones, or "" if they agree."""
    if predicted.shape != expected.shape:
        (rows, columns), (needed, width) = predicted.shape, expected.shape
        return (
            f"the predictions have {count(rows, 'line')} of {count(columns, 'number')},"
            f" but {count(needed, 'row')} of {count(width, 'target')} are expected"
        )
    position = find_max_difference(expected, predicted)
    if position is None:
        return ""
    row, column = position
    return f"{targets[column]} in row {row + 1} is {predicted[position]:.10g} instead of {expected[position]:.10g}"


def r2(predicted: Floats, measured: Floats) -> float:
    """Return R2, computed from the rows with both values, or 0 if there are fewer than two."""
    return float(np.nan_to_num(r2_by_target(measured[:, None], predicted[:, None]))[0])


def first_line(message: str) -> str:
    """Return the first line of an error message, which contains the error's type and reason."""
    return plain(next((line for line in message.splitlines() if line.strip()), "no reason"), 300)
