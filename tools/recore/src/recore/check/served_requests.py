"""The requests that the check sends to an endpoint, built from lines of step 2's CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

CSV = "text/csv"
MAX_LINE_LENGTH = 16 << 20  # bytes


@dataclass(frozen=True)
class Request:
    """A request. name: the key under which its response is stored."""

    name: str
    body: bytes
    content_type: str = CSV


def plan_requests(inputs: Path, rows: Sequence[int]) -> list[Request]:
    """Return the requests in sending order. inputs: step 2's CSV. rows: the rows to send, counted from 0."""
    header, *lines = read_lines(inputs, rows)
    lines = lines or [b"\n"]  # if there are no rows
    half = len(lines) // 2
    subset = header + b"".join(lines)
    mixed = header + b"".join(lines[number] for number in make_mixed_order(len(lines)))
    return [
        Request("few", subset),
        Request("again", subset),
        Request("mixed", mixed),
        Request("first_lines", header + b"".join(lines[:half])),
        Request("next_lines", b"".join(lines[half:])),
        Request("single_with_header", header + lines[half]),
        Request("single", lines[half]),
        Request("charset", subset, "text/csv; charset=utf-8"),
    ]


def make_mixed_order(count: int) -> list[int]:
    """Return the rows of the request `mixed`: unsorted, with the first one repeated at the end."""
    order = [*range(1, count, 2), *range(0, count, 2)]
    return [*order, order[0]]


def read_lines(inputs: Path, rows: Sequence[int]) -> list[bytes]:
    """Return the header of step 2's CSV and these rows' lines, in the file's order. rows: row numbers, from 0."""
    with open(inputs, "rb") as file:
        header = file.readline(MAX_LINE_LENGTH)
        row_set = set(rows)
        lines = [line for number, line in enumerate(islice(file, max(rows) + 1)) if number in row_set]
    return [line if line.endswith(b"\n") else line + b"\n" for line in [header, *lines]]
