"""Pass notes on rows from the first container to the second: a row's position in the domain, or why it has no inputs.

A note is URL-encoded JSON in the last cell of a line. A bad row does not affect other rows.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, unquote

NOTE_PREFIX = "domain:"  # the header of the column of notes, and the prefix of each note
LAST_CELL = re.compile(r'("[^"]*")|,domain:([^,"\r\n]*)$', re.MULTILINE)  # or a quoted cell before it
SAFE_CHARACTERS = " :[]{}"  # characters that an unquoted cell may contain
MAX_PROBLEM_LENGTH = 600  # characters
BAD_ROWS_EMPTY = "bad-rows=empty"  # parameter of a request's content type: bad rows do not fail the request

Row = TypeVar("Row")
Result = TypeVar("Result")


class RowProblem(str):
    """The reason why a row has no result, in one line."""

    __slots__ = ()


Note = dict[str, Any] | RowProblem | None  # from Domain.describe(); None if the spectrum cannot be compared


def has_parameter(content_type: str, parameter: str) -> bool:
    """Return whether a content type has a parameter such as details=yes."""
    return parameter in (each.strip().lower() for each in content_type.split(";")[1:])


def compute_by_row(
    rows: Sequence[Row], compute: Callable[[Sequence[Row]], Sequence[Result]]
) -> list[Result | RowProblem]:
    """Return each row's result or RowProblem. If `compute` fails for several rows, retry with each half."""
    if not rows:
        return []
    try:
        return list(compute(rows))
    except Exception as error:
        if len(rows) == 1:
            return [RowProblem(" ".join(str(error).split())[:MAX_PROBLEM_LENGTH] or type(error).__name__)]
    middle = len(rows) // 2
    return [*compute_by_row(rows[:middle], compute), *compute_by_row(rows[middle:], compute)]


def write_note(note: Note) -> str:
    return NOTE_PREFIX + quote(json.dumps(note), safe=SAFE_CHARACTERS)


def take_notes(csv: str) -> tuple[str, list[Note]]:
    """Return a CSV without its column of notes, and the notes."""
    cells = [match[2] for match in LAST_CELL.finditer(csv) if match[1] is None]
    return LAST_CELL.sub(r"\1", csv), [read_note(cell) for cell in cells[1:]]


def read_note(cell: str) -> Note:
    note: dict[str, Any] | str | None = json.loads(unquote(cell))
    return RowProblem(note) if isinstance(note, str) else note
