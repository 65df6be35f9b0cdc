"""The requests that the server gets besides those of Batch Transform, made of lines of step 2's CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

CSV = "text/csv"
LONGEST_LINE = 16 << 20  # bytes


@dataclass(frozen=True)
class Request:
    """A request. name: by which its answer is found."""

    name: str
    body: bytes
    content_type: str = CSV


def plan_requests(inputs: Path, rows: Sequence[int]) -> list[Request]:
    """The requests in order. inputs: step 2's CSV. rows: the numbers of the rows that they are about, from 0."""
    header, *lines = read_lines(inputs, rows)
    lines = lines or [b"\n"]  # there may be no row
    half = len(lines) // 2
    few = header + b"".join(lines)
    mixed = header + b"".join(lines[number] for number in mixed_order(len(lines)))
    return [
        Request("few", few),
        Request("again", few),
        Request("mixed", mixed),
        Request("first_lines", header + b"".join(lines[:half])),
        Request("next_lines", b"".join(lines[half:])),
        Request("single_with_header", header + lines[half]),
        Request("single", lines[half]),
        Request("charset", few, "text/csv; charset=utf-8"),
    ]


def mixed_order(count: int) -> list[int]:
    """The rows of the request `mixed`: unsorted, with the first of them repeated at the end."""
    order = [*range(1, count, 2), *range(0, count, 2)]
    return [*order, order[0]]


def read_lines(inputs: Path, rows: Sequence[int]) -> list[bytes]:
    """The header of step 2's CSV, and the lines of these rows, whose numbers rise from 0."""
    with open(inputs, "rb") as file:
        header = file.readline(LONGEST_LINE)
        chosen = set(rows)
        lines = [line for number, line in enumerate(islice(file, max(rows) + 1)) if number in chosen]
    return [line if line.endswith(b"\n") else line + b"\n" for line in [header, *lines]]
