"""What the first container tells the second about each row: its place in the domain, or why it has no inputs.

The note is the last cell of a line, as JSON. A bad row costs the others nothing: they are computed without it.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, unquote

COLUMN = "domain:"  # the header of the notes, and what each begins with
LAST_CELL = re.compile(r'("[^"]*")|,domain:([^,"\r\n]*)$', re.MULTILINE)  # or a cell in quotation marks before it
SAFE = " :[]{}"  # characters that a cell without quotation marks may have
LONGEST_PROBLEM = 600  # characters
BAD_ROWS_EMPTY = "bad-rows=empty"  # parameter of a request's content type: its other rows are answered all the same

Row = TypeVar("Row")
Result = TypeVar("Result")


class RowProblem(str):
    """Why there is nothing for a row, in one line."""

    __slots__ = ()


Note = dict[str, Any] | RowProblem | None  # a description of Domain.describe(); None if the spectrum cannot be compared


def has_parameter(content_type: str, parameter: str) -> bool:
    """Whether a content type has a parameter, such as details=yes in "text/csv; details=yes"."""
    return parameter in (each.strip().lower() for each in content_type.split(";")[1:])


def compute_apart(
    rows: Sequence[Row], compute: Callable[[Sequence[Row]], Sequence[Result]]
) -> list[Result | RowProblem]:
    """Return the result of each row. If `compute` fails, it gets each half of the rows, and so on."""
    if not rows:
        return []
    try:
        return list(compute(rows))
    except Exception as error:
        if len(rows) == 1:
            return [RowProblem(" ".join(str(error).split())[:LONGEST_PROBLEM] or type(error).__name__)]
    middle = len(rows) // 2
    return [*compute_apart(rows[:middle], compute), *compute_apart(rows[middle:], compute)]


def write_note(note: Note) -> str:
    return COLUMN + quote(json.dumps(note), safe=SAFE)


def take_notes(text: str) -> tuple[str, list[Note]]:
    """Return a CSV without the notes' column, and the notes in it."""
    cells = [match[2] for match in LAST_CELL.finditer(text) if match[1] is None]
    return LAST_CELL.sub(r"\1", text), [read_note(cell) for cell in cells[1:]]


def read_note(cell: str) -> Note:
    note: dict[str, Any] | str | None = json.loads(unquote(cell))
    return RowProblem(note) if isinstance(note, str) else note
