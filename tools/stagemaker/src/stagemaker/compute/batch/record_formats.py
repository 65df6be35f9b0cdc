"""Reads and writes records, CSV rows and JSON documents, one at a time: a list would take many times the memory."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from stagemaker.compute.files.output_files import Check
from stagemaker.text import refuse_constant

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
MAX_PARTS = 2 << 20  # maximum columns in a row, or arrays and objects in a document; an object takes 200 bytes
CHECK_INTERVAL = 1000  # small steps of work between two checks
NEEDS_QUOTES = re.compile('[",\r\n]')
encode_json = json.JSONEncoder(separators=(",", ":")).encode
csv.field_size_limit(1 << 27)  # a field may be as long as the largest request


class Ticker:
    """Counts small steps of work and calls `check` regularly, which raises if the job must end."""

    def __init__(self, check: Check):
        self._check, self._steps_left = check, CHECK_INTERVAL

    def __call__(self) -> None:
        self._steps_left -= 1
        if not self._steps_left:
            self._steps_left = CHECK_INTERVAL
            self._check()


def read_rows(body: bytes, tick: Ticker) -> Iterator[list[str]]:
    """Yield the rows of a CSV body. Bytes that are not UTF-8 are kept. Raises ValueError."""
    columns = 1  # in the row that is being read

    def lines() -> Iterator[str]:
        nonlocal columns
        for line in io.TextIOWrapper(io.BytesIO(body), "utf-8", "surrogateescape", newline=""):
            columns += line.count(",")
            if columns > MAX_PARTS:
                raise ValueError(f"a row has more than {MAX_PARTS:,} columns")
            yield line

    try:
        for row in csv.reader(lines(), strict=True):
            columns = 1
            tick()
            yield row
    except csv.Error as error:
        raise ValueError(error) from None


def read_documents(body: bytes, by_line: bool, tick: Ticker) -> Iterator[Any]:
    """Yield the values of JSON documents: one per line, or the whole body. Raises ValueError or RecursionError."""
    for document in io.BytesIO(body) if by_line else [body]:
        tick()
        if document.strip():
            # parsers cannot be interrupted, and need many times a document's size in memory
            if document.count(b"[") + document.count(b"{") > MAX_PARTS:
                raise ValueError(f"a document has more than {MAX_PARTS:,} arrays and objects")
            yield json.loads(document, parse_float=_parse_number, parse_constant=refuse_constant)


def row_text(cells: Iterable[str]) -> Iterator[str]:
    """Yield a row as a line of CSV, in parts.

    csv.writer would not quote a carriage return, at which readers would end the row. An empty only cell is quoted: an
    empty line would be a row without columns.
    """
    is_empty = False
    for number, cell in enumerate(cells):
        if number:
            yield ","
        yield '"' + cell.replace('"', '""') + '"' if NEEDS_QUOTES.search(cell) else cell
        is_empty = not number and not cell
    yield '""\n' if is_empty else "\n"


def array_text(values: Iterable[Any]) -> Iterator[str]:
    yield "["
    for number, value in enumerate(values):
        yield ("," if number else "") + encode_json(value)
    yield "]"


def _parse_number(text: str) -> float:
    value = float(text)
    if math.isinf(value):  # it would be written as Infinity, which is not JSON
        raise ValueError(f"the number {text[:40]} is too large")
    return value
