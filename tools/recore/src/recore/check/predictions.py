"""Reads predictions, which are text of an unknown program, and compares them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recore.check.left_by_jobs import Answer
from recore.listing import count
from recore.text import plain
from stagemaker import parse_float

Floats = np.ndarray[Any, np.dtype[np.float64]]

RELATIVE = 1e-9  # matrix products differ in their last bits with the number of rows
LARGEST = 256 << 20  # bytes
MOST_COLUMNS = 20_000  # of a transposed table there may be many


class NotPredictions(Exception):
    """A text is not a table of numbers; the message says where, and `line` from 1."""

    def __init__(self, message: str, line: int):
        super().__init__(message)
        self.line = line


def read_predictions(path: Path) -> Floats:
    """A CSV of numbers as an array (rows, columns); an empty cell is NaN. Raises NotPredictions."""
    if path.stat().st_size > LARGEST:
        raise NotPredictions(f"more than {LARGEST >> 20} MB", 1)
    rows: list[Floats] = []
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        for number, line in enumerate(file, 1):
            if line.count(",") > MOST_COLUMNS:
                raise NotPredictions(f"line {number} has more than {MOST_COLUMNS} cells", number)
            cells = line.rstrip("\r\n").split(",")
            if rows and len(cells) != len(rows[0]):
                raise NotPredictions(f"line {number} has {len(cells)} cells, but line 1 has {len(rows[0])}", number)
            rows.append(np.array([_number(cell, number) for cell in cells], dtype=np.float64))
    return np.array(rows) if rows else np.empty((0, 0))


def _number(cell: str, line: int) -> float:
    text = cell.strip().removeprefix('"').removesuffix('"')
    if not text:
        return np.nan
    value = parse_float(text)  # as pandas reads it
    if value is None:
        raise NotPredictions(f"line {line}: {text[:40]!r} is not a number", line)
    return value


def largest_difference(first: Floats, second: Floats) -> tuple[int, int] | None:
    """The row and the column in which two arrays of the same shape differ most, from 0; None if they agree.

    Two NaN agree. Values are compared with the larger of their size and a millionth of their column's largest value.
    """
    scale = np.nan_to_num(np.maximum(np.abs(first), np.abs(second)), posinf=1.0)
    floor = 1e-6 * scale.max(axis=0, initial=0.0)
    with np.errstate(invalid="ignore"):
        differences = np.abs(first - second) / np.maximum(np.maximum(scale, floor), np.finfo(float).tiny)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    differences = np.where(same, 0.0, np.where(np.isnan(differences), np.inf, differences))
    if not differences.size or differences.max() <= RELATIVE:
        return None
    row, column = np.unravel_index(differences.argmax(), differences.shape)
    return int(row), int(column)


def read_answer(answer: Answer) -> Floats:
    """The predictions of an answer. Raises NotPredictions also if it is an error."""
    if answer.body is None:
        raise NotPredictions(f"status {answer.status}: {first_line(answer.text)}", 0)
    return read_predictions(answer.body)


def compare(expected: Floats, targets: Sequence[str], *answers: Answer) -> str:
    """What is wrong with answers that should together hold these predictions (rows, targets); empty if nothing is."""
    try:
        tables = [read_answer(answer) for answer in answers]
    except NotPredictions as error:
        return f"the response does not contain valid predictions: {error}"
    if len({table.shape[1] for table in tables}) > 1:
        return f"there are {' and '.join(str(table.shape[1]) for table in tables)} columns"
    return describe_difference(expected, np.concatenate(tables), targets)


def compare_answers(first: Answer, second: Answer, targets: Sequence[str]) -> str:
    """How two answers to the same request differ; empty if they agree, or one is no predictions."""
    try:
        return describe_difference(read_answer(first), read_answer(second), targets)
    except NotPredictions:
        return ""


def describe_difference(expected: Floats, predicted: Floats, targets: Sequence[str]) -> str:
    """How predictions differ from the expected ones; empty if they agree."""
    if predicted.shape != expected.shape:
        (rows, columns), (needed, width) = predicted.shape, expected.shape
        return (
            f"the predictions have {count(rows, 'line')} of {count(columns, 'number')},"
            f" but there are {count(needed, 'row')} of {count(width, 'target')}"
        )
    place = largest_difference(expected, predicted)
    if place is None:
        return ""
    row, column = place
    return f"{targets[column]} of row {row + 1} is {predicted[place]:.10g} instead of {expected[place]:.10g}"


def r2(predicted: Floats, measured: Floats) -> float:
    """R2 over the rows that have both; 0 if the measured values do not differ."""
    both = np.isfinite(predicted) & np.isfinite(measured)
    actual, estimate = measured[both], predicted[both]
    total = ((actual - actual.mean()) ** 2).sum() if len(actual) > 1 else 0.0
    return float(1 - ((actual - estimate) ** 2).sum() / total) if total > 0 else 0.0


def first_line(text: str) -> str:
    """The first line of an error's text, which is its type and its message."""
    return plain(next((line for line in text.splitlines() if line.strip()), "no reason"), 300)
