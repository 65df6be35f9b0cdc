"""The requests that the server gets besides those of Batch Transform, made of lines of step 2's CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

CSV = "text/csv"
OTHER_TYPE = "application/json"  # which input_fn need not accept
LONGEST_LINE = 16 << 20  # bytes
MALFORMED = ("text_in_a_cell", "cell_missing", "not_text")


@dataclass(frozen=True)
class Request:
    """A request. name: by which its answer is found."""

    name: str
    body: bytes
    content_type: str = CSV


def plan_requests(inputs: Path, rows: Sequence[int]) -> list[Request]:
    """The requests in order. inputs: step 2's CSV. rows: the numbers of the rows that they are about, from 0."""
    with open(inputs, "rb") as file:
        header = file.readline(LONGEST_LINE)
        chosen = set(rows)
        lines = [line for number, line in enumerate(islice(file, max(rows) + 1)) if number in chosen]
    lines = [line if line.endswith(b"\n") else line + b"\n" for line in lines] or [b"\n"]  # there may be no row
    half = len(lines) // 2
    few = header + b"".join(lines)
    requests = [
        Request("few", few),
        Request("again", few),
        Request("first_lines", header + b"".join(lines[:half])),
        Request("next_lines", b"".join(lines[half:])),
        Request("single_with_header", header + lines[half]),
        Request("single", lines[half]),
        Request("charset", few, "text/csv; charset=utf-8"),
        Request("wrong_type", b'{"instances": [[1.0, 2.0]]}', OTHER_TYPE),
        *(Request(name, header + spoil(name, lines)) for name in MALFORMED),
    ]
    return [*requests, Request("afterwards", few)]


def spoil(name: str, lines: list[bytes]) -> bytes:
    """Lines of which one is not valid any more."""
    first, *others = lines
    cells = first.rstrip(b"\r\n").split(b",")
    last = {
        "text_in_a_cell": [*cells[:-1], b"abc"],
        "cell_missing": cells[:-1],
        "not_text": [*cells[:-1], b"\xff\xfe\x00"],
    }
    return b"".join([*others, b",".join(last[name]) + b"\n"])
