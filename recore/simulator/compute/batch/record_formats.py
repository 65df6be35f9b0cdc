"""Reads and writes the records of a transform job's bodies: rows of CSV, and JSON documents.

They are read one after the other, as a body of many small ones would take many times its size as a list.
"""

import csv
import io
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NoReturn

from recore.simulator.compute.files.output_files import Check

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
MOST_PARTS = 2 << 20  # columns of a row; arrays and objects of a document. Python has 200 bytes for an object
EVERY = 1000  # small steps of work from one check to the next
QUOTED = re.compile('[",\r\n]')
csv.field_size_limit(1 << 27)  # a field may be as long as the largest request


class Pace:
    """Counts small steps of work and calls `check` now and then, which raises if the job must end."""

    def __init__(self, check: Check):
        self._check, self._left = check, EVERY

    def __call__(self) -> None:
        self._left -= 1
        if not self._left:
            self._left = EVERY
            self._check()


def read_rows(body: bytes, pace: Pace) -> Iterator[list[str]]:
    """The rows of CSV. Bytes that are not UTF-8 stay what they are. Raises ValueError."""
    columns = 1  # of the row that is being read

    def lines() -> Iterator[str]:
        nonlocal columns
        for line in io.TextIOWrapper(io.BytesIO(body), "utf-8", "surrogateescape", newline=""):
            columns += line.count(",")
            if columns > MOST_PARTS:
                raise ValueError(f"a row has more than {MOST_PARTS:,} columns")
            yield line

    try:
        for row in csv.reader(lines(), strict=True):
            columns = 1
            pace()
            yield row
    except csv.Error as error:
        raise ValueError(error) from None


def read_documents(body: bytes, by_line: bool, pace: Pace) -> Iterator[Any]:
    """The values of JSON documents: one a line, or the whole body. Raises ValueError and RecursionError."""
    decoder = _decoder(pace)
    for document in io.BytesIO(body) if by_line else [body]:
        pace()
        if document.strip():
            # the parser is not interrupted, unless by numbers
            if document.count(b"[") + document.count(b"{") > MOST_PARTS:
                raise ValueError(f"a document has more than {MOST_PARTS:,} arrays and objects")
            yield decoder.decode(document.decode(json.detect_encoding(document), "surrogatepass"))


def row_text(cells: Iterable[str]) -> Iterator[str]:
    """A row as a line of CSV, in parts. csv.writer does not quote a carriage return, which ends a row for its reader.

    A single cell that is empty is quoted: an empty line would be a row without columns.
    """
    is_empty = False
    for number, cell in enumerate(cells):
        if number:
            yield ","
        yield '"' + cell.replace('"', '""') + '"' if QUOTED.search(cell) else cell
        is_empty = not number and not cell
    yield '""\n' if is_empty else "\n"


def array_text(values: Iterable[Any], pace: Pace) -> Iterator[str]:
    """An array as JSON, in parts."""
    yield "["
    yield from _items_text(values, pace)
    yield "]"


def json_text(value: Any, pace: Pace) -> Iterator[str]:
    """A value as JSON, in parts: Python's encoder is not interrupted, and gets a limited number of values at a time."""
    pace()
    if isinstance(value, list) and not _is_small(value):
        yield "["
        for start in range(0, len(value), EVERY):
            if start:
                yield ","
            part = value[start : start + EVERY]
            if _is_small(part):
                pace()
                yield encoded(part)[1:-1]
            else:
                yield from _items_text(part, pace)
        yield "]"
    elif isinstance(value, dict) and not _is_small(value.values()):
        yield "{"
        for number, (name, item) in enumerate(value.items()):
            yield ("," if number else "") + encoded(name) + ":"
            yield from json_text(item, pace)
        yield "}"
    else:
        yield encoded(value)


def _items_text(values: Iterable[Any], pace: Pace) -> Iterator[str]:
    for number, value in enumerate(values):
        if number:
            yield ","
        yield from json_text(value, pace)


encoded = json.JSONEncoder(separators=(",", ":")).encode


def _is_small(values: Collection[Any]) -> bool:
    """Whether the values are few, and neither arrays nor objects."""
    return len(values) <= EVERY and not any(isinstance(value, list | dict) for value in values)


def _decoder(pace: Pace) -> json.JSONDecoder:
    def number(text: str) -> float:
        pace()
        value = float(text)
        if math.isinf(value):  # it would be written as a word that is not JSON
            raise ValueError(f"the number {text[:40]} is too large")
        return value

    def integer(text: str) -> int:
        pace()
        return int(text)

    return json.JSONDecoder(parse_float=number, parse_int=integer, parse_constant=_not_json)


def _not_json(word: str) -> NoReturn:
    """NaN and Infinity, which Python would read and write."""
    raise ValueError(f"{word} is not valid JSON")
