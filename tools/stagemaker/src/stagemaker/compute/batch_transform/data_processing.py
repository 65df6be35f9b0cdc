"""A transform job's DataProcessing: filter the input, join the model's response to the record, and filter the result.

A record is a CSV row or a JSON document. With JSON Lines, or SplitType Line, each line is a document. Otherwise, the
entire object is a document.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from stagemaker.compute.batch_transform.json_path import JsonPath, NoSelection, SelectionTooLarge
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.output_files import StopCheck, ignore
from stagemaker.text import reject_constant

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
MAX_PARTS = 2 << 20  # maximum columns in a row, or arrays and objects in a document; an object takes 200 bytes
CHECK_INTERVAL = 1000  # small steps of work between checks
NEEDS_QUOTES = re.compile('[",\r\n]')
OPERATORS = "$[]*. ,:-'"  # in the order of SageMaker's message
OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"  # keys of a joined JSON document
MISSING = object()  # replaces each record that is missing from the shorter body
encode_json = json.JSONEncoder(separators=(",", ":")).encode
csv.field_size_limit(1 << 27)  # a field may be as long as the largest request


class Ticker:
    """Counts small steps of work, and regularly calls `raise_if_stopping`."""

    def __init__(self, raise_if_stopping: StopCheck):
        self._raise_if_stopping, self._steps_left = raise_if_stopping, CHECK_INTERVAL

    def __call__(self) -> None:
        self._steps_left -= 1
        if not self._steps_left:
            self._steps_left = CHECK_INTERVAL
            self._raise_if_stopping()


def read_rows(body: bytes, tick: Ticker) -> Iterator[list[str]]:
    """Yield the rows of a CSV body, preserving invalid UTF-8. Raises ValueError if the CSV is invalid."""
    columns = 1  # number of columns in the row that is being read

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
    """Yield the JSON values in a body: one per line, or a single value. Raises ValueError or RecursionError."""
    for document in io.BytesIO(body) if by_line else [body]:
        tick()
        if document.strip():
            # parsers cannot be interrupted, and need many times a document's size in memory
            if document.count(b"[") + document.count(b"{") > MAX_PARTS:
                raise ValueError(f"a document has more than {MAX_PARTS:,} arrays and objects")
            yield json.loads(document, parse_float=_parse_number, parse_constant=reject_constant)


def format_row(cells: Iterable[str]) -> Iterator[str]:
    """Yield the parts of a row's CSV line.

    Unlike csv.writer, quote cells that contain a carriage return, because readers would end the row there. Quote an
    empty cell if it is the only one, because an empty line would be a row without columns.
    """
    is_empty = False
    for index, cell in enumerate(cells):
        if index:
            yield ","
        yield '"' + cell.replace('"', '""') + '"' if NEEDS_QUOTES.search(cell) else cell
        is_empty = not index and not cell
    yield '""\n' if is_empty else "\n"


def format_array(values: Iterable[Any]) -> Iterator[str]:
    yield "["
    for index, value in enumerate(values):
        yield ("," if index else "") + encode_json(value)
    yield "]"


def _parse_number(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):  # it would be written as Infinity, which is not JSON
        raise ValueError(f"the number {literal[:40]} is too large")
    return value


@dataclass(frozen=True)
class DataProcessing:
    """A transform job's filters and join, if any. Methods raise JobFailed if they cannot process a body.

    kind: CSV, JSON or JSON_LINES. by_line: whether each line of JSON is a record. Methods regularly call
    `raise_if_stopping`, because processing can take much longer than a body's size suggests.
    """

    input_filter: JsonPath = field(default_factory=lambda: JsonPath("$"))
    output_filter: JsonPath = field(default_factory=lambda: JsonPath("$"))
    join: bool = False
    kind: str = CSV
    by_line: bool = False

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "DataProcessing":
        """Return the DataProcessing of a CreateTransformJob request. Raises ValueError if SageMaker would reject it."""
        source, target = request["TransformInput"], request["TransformOutput"]
        options = request.get("DataProcessing", {})
        paths = []
        for member in ("InputFilter", "OutputFilter"):
            try:
                paths.append(JsonPath(options.get(member, "$")))
            except ValueError as error:
                raise ValueError(f"DataProcessing: {member}: {error}") from None
        input_filter, output_filter = paths
        join = options.get("JoinSource") == "Input"
        if input_filter.is_root and output_filter.is_root and not join:
            return cls()
        kind = _kind(source.get("ContentType", ""), target.get("Accept", ""))
        if kind == CSV and not (input_filter.applies_to_rows and output_filter.applies_to_rows):
            raise ValueError("DataProcessing: a CSV filter must select columns by number, as in $[0] or $[1:]")
        for member, path in zip(("InputFilter", "OutputFilter"), paths, strict=True):
            _check_characters(member, path.string, kind)
        by_line = source.get("SplitType", "None") == "Line"
        if join and by_line and target.get("AssembleWith", "None") != "Line":
            raise ValueError("DataProcessing: JoinSource Input with SplitType Line requires AssembleWith Line")
        return cls(input_filter, output_filter, join, kind, by_line or kind == JSON_LINES)

    def request_body(self, body: bytes, max_bytes: int, raise_if_stopping: StopCheck = ignore) -> bytes:
        """Return the model's request body for an input body. max_bytes: its maximum size after filtering."""
        if self.input_filter.is_root:
            return body
        tick = Ticker(raise_if_stopping)
        return self._format(self._records(body, "the input", tick), self.input_filter, "InputFilter", max_bytes, tick)

    def result(self, body: bytes, response: bytes, max_bytes: int, raise_if_stopping: StopCheck = ignore) -> bytes:
        """Return the output to store for an input body and the model's response. max_bytes: its maximum size."""
        if not self.join and self.output_filter.is_root:
            return response
        tick = Ticker(raise_if_stopping)
        results = self._records(response, "the response", tick)
        if self.join:
            results = self._join_records(self._records(body, "the input", tick), results)
        return self._format(results, self.output_filter, "OutputFilter", max_bytes, tick)

    def _records(self, body: bytes, subject: str, tick: Ticker) -> Iterator[Any]:
        try:
            yield from read_rows(body, tick) if self.kind == CSV else read_documents(body, self.by_line, tick)
        except (ValueError, RecursionError) as error:
            raise JobFailed(f"ClientError: DataProcessing: {subject} is not valid {self.kind}: {error}") from None

    def _join_records(self, records: Iterator[Any], results: Iterator[Any]) -> Iterator[Any]:
        """Yield each record with the model's result added as columns, or as a key of the document."""
        pairs: Iterator[tuple[Any, Any]] = zip_longest(records, results, fillvalue=MISSING)
        for count, (record, result) in enumerate(pairs):
            if record is MISSING or result is MISSING:
                counts = [count + 1 + sum(1 for _ in iterator) for iterator in (records, results)]
                counts[0 if record is MISSING else 1] = count
                reason = f"the input has {counts[0]} records, but the model's response has {counts[1]}"
                raise JobFailed(f"ClientError: Fail to join data: {reason}")  # SageMaker's wording
            if self.kind == CSV:
                yield record + result
            else:
                document = record if isinstance(record, dict) else {INPUT: record}
                yield document | {OUTPUT: result}

    def _format(self, records: Iterable[Any], path: JsonPath, member: str, max_bytes: int, tick: Ticker) -> bytes:
        output = bytearray()
        too_large_error = JobFailed(
            f"ClientError: DataProcessing: {member} '{path.string}' selects more than {max_bytes >> 20} MB"
        )
        try:
            for record in records:
                for part in self._parts(record, path, max_bytes, tick):
                    output += part.encode("utf-8", "surrogateescape")
                    if len(output) > max_bytes:
                        raise too_large_error
        except SelectionTooLarge:
            raise too_large_error from None
        except NoSelection as error:
            raise JobFailed(f"ClientError: DataProcessing: {member} '{path.string}': {error}") from None
        except RecursionError:
            raise JobFailed("ClientError: DataProcessing: a JSON document is nested too deeply") from None
        return bytes(output)

    def _parts(self, record: Any, path: JsonPath, max_bytes: int, tick: Ticker) -> Iterator[str]:
        # each value takes at least one byte, for its separator, and in JSON at least two
        values = path.values(record, max_bytes if self.kind == CSV else max_bytes // 2, tick)
        if self.kind == CSV:
            yield from format_row(record if path.is_root else values)
            return
        yield from [encode_json(next(values))] if path.selects_one else format_array(values)
        if self.by_line:
            yield "\n"


def _check_characters(member: str, expression: str, kind: str) -> None:
    """Raise ValueError, with SageMaker's message, if a name in an expression has a special character."""
    for character in expression:
        if not (character.isalnum() or character in OPERATORS):
            operators = ", ".join(f"'{operator}'" for operator in OPERATORS)
            problem = f'Unexpected "{character}" in JsonPath. Supported operators for "{kind}" are [{operators}]'
            raise ValueError(f'Invalid {member}: "{expression}". {problem}')


def _kind(content_type: str, accept: str) -> str:
    kinds = [value.partition(";")[0].strip().lower() for value in (content_type, accept)]
    for member, kind in zip(("TransformInput: ContentType", "TransformOutput: Accept"), kinds, strict=True):
        if kind not in (CSV, JSON, JSON_LINES):
            raise ValueError(f"{member} must be {CSV}, {JSON} or {JSON_LINES} with DataProcessing, not '{kind}'")
    if CSV in kinds and kinds[0] != kinds[1]:
        raise ValueError(f"DataProcessing: {kinds[0]} records cannot be combined with {kinds[1]} results")
    return kinds[0]
