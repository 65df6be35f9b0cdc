"""A transform job's DataProcessing: which part of a record the model gets, and what of it is stored with the response.

A record is a row of CSV or a JSON document: with SplitType Line or JSON Lines each line is one, otherwise the object.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from recore.simulator.jobs.failure import JobFailed
from recore.simulator.serving.json_path import JsonPath, NothingThere, TooMuch

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"  # keys of a joined JSON document
QUOTED = re.compile('[",\r\n]')
csv.field_size_limit(1 << 27)  # a field may be as long as the largest request


@dataclass(frozen=True)
class DataProcessing:
    """The filters and the join of a transform job, by default none. Its methods raise JobFailed.

    kind: CSV, JSON or JSON_LINES. by_line: whether each line of JSON is a record.
    """

    input_filter: JsonPath = field(default_factory=lambda: JsonPath("$"))
    output_filter: JsonPath = field(default_factory=lambda: JsonPath("$"))
    join: bool = False
    kind: str = CSV
    by_line: bool = False

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "DataProcessing":
        """What a CreateTransformJob request asks for. Raises ValueError if SageMaker would refuse it."""
        asked, source, target = request.get("DataProcessing", {}), request["TransformInput"], request["TransformOutput"]
        paths = []
        for member in ("InputFilter", "OutputFilter"):
            try:
                paths.append(JsonPath(asked.get(member, "$")))
            except ValueError as error:
                raise ValueError(f"DataProcessing: {member}: {error}") from None
        given, taken = paths
        join = asked.get("JoinSource") == "Input"
        if given.is_root and taken.is_root and not join:
            return cls()
        kind = _kind(source.get("ContentType", ""), target.get("Accept", ""))
        if kind == CSV and not (given.for_rows and taken.for_rows):
            raise ValueError("DataProcessing: a filter of CSV selects columns by number, as $[0] or $[1:]")
        by_line = source.get("SplitType", "None") == "Line"
        if join and by_line and target.get("AssembleWith", "None") != "Line":
            raise ValueError("DataProcessing: JoinSource Input with SplitType Line needs AssembleWith Line")
        return cls(given, taken, join, kind, by_line or kind == JSON_LINES)

    def request_body(self, body: bytes, largest: int) -> bytes:
        """The body that the model gets of one that was read. largest: bytes that it may have."""
        if self.input_filter.is_root:
            return body
        return self._text(self._records(body, "the input"), self.input_filter, "InputFilter", largest)

    def result(self, body: bytes, response: bytes, largest: int) -> bytes:
        """What is stored: of a body that was read, and of the model's response to it. largest: bytes that it may have.

        Without a filter and a join it is the response.
        """
        if not self.join and self.output_filter.is_root:
            return response
        results = self._records(response, "the response")
        if self.join:
            records = self._records(body, "the input")
            if len(records) != len(results):
                reason = f"the input has {len(records)} records, and the model's response {len(results)}"
                raise JobFailed(f"ClientError: Fail to join data: {reason}")
            results = [self._joined(record, result) for record, result in zip(records, results, strict=True)]
        return self._text(results, self.output_filter, "OutputFilter", largest)

    def _records(self, body: bytes, what: str) -> list[Any]:
        """The records of a body: arrays of text, or what JSON documents hold."""
        try:
            if self.kind == CSV:  # bytes that are not UTF-8 stay what they are
                return list(csv.reader(io.StringIO(body.decode("utf-8", "surrogateescape"), newline=""), strict=True))
            documents = body.split(b"\n") if self.by_line else [body]
            return [_parsed(document) for document in documents if document.strip()]
        except (csv.Error, ValueError, RecursionError) as error:
            raise JobFailed(f"ClientError: DataProcessing: {what} is not {self.kind}: {error}") from None

    def _joined(self, record: Any, result: Any) -> Any:
        """A record with the model's result for it: columns after its own, or a key of the document."""
        if self.kind == CSV:
            return record + result
        return record | {OUTPUT: result} if isinstance(record, dict) else {INPUT: record, OUTPUT: result}

    def _text(self, records: list[Any], path: JsonPath, member: str, largest: int) -> bytes:
        """What a filter selects of records, as a body. member: the filter's name.

        A filter can select a value many times, so nothing may exist as a whole before it is known to be small enough.
        """
        parts, size = list[str](), 0
        too_large = JobFailed(
            f"ClientError: DataProcessing: {member} '{path.text}' selects more than {largest >> 20} MB"
        )
        try:
            for record in records:
                for part in self._parts(path.select(record, largest)):  # each value takes at least a byte
                    parts.append(part)
                    size += len(part)  # at most its bytes
                    if size > largest:
                        raise too_large
        except TooMuch:
            raise too_large from None
        except NothingThere as error:
            raise JobFailed(f"ClientError: DataProcessing: {member} '{path.text}': {error}") from None
        except RecursionError:
            raise JobFailed("ClientError: DataProcessing: a JSON document is nested too deeply") from None
        text = "".join(parts).encode("utf-8", "surrogateescape")
        if len(text) > largest:
            raise too_large
        return text

    def _parts(self, selected: Any) -> Iterator[str]:
        """The text of a record after a filter, in parts none of which is longer than the record."""
        if self.kind == CSV:
            yield from _line(selected if isinstance(selected, list) else [selected])
            return
        if isinstance(selected, list):
            for number, value in enumerate(selected):
                yield ("," if number else "[") + _json(value)
            yield "]" if selected else "[]"
        else:
            yield _json(selected)
        if self.by_line:
            yield "\n"


def _kind(content_type: str, accept: str) -> str:
    """The format of records that both types are of. Raises ValueError if they are of none or of two."""
    kinds = [text.partition(";")[0].strip().lower() for text in (content_type, accept)]
    for member, kind in zip(("TransformInput: ContentType", "TransformOutput: Accept"), kinds, strict=True):
        if kind not in (CSV, JSON, JSON_LINES):
            raise ValueError(f"{member}: with DataProcessing it must be {CSV}, {JSON} or {JSON_LINES}, not '{kind}'")
    if CSV in kinds and kinds[0] != kinds[1]:
        raise ValueError(f"DataProcessing: records of {kinds[0]} have no place in results of {kinds[1]}")
    return kinds[0]


def _line(row: list[str]) -> Iterator[str]:
    """A row as a line of CSV. csv.writer does not quote a carriage return, which its reader then takes for an end."""
    if row == [""]:
        yield '""'  # an empty line would be a row without columns
    else:
        for number, cell in enumerate(row):
            text = '"' + cell.replace('"', '""') + '"' if QUOTED.search(cell) else cell
            yield f",{text}" if number else text
    yield "\n"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parsed(document: bytes) -> Any:
    return json.loads(document, parse_float=_number, parse_constant=_not_json)


def _not_json(word: str) -> NoReturn:
    """NaN and Infinity, which Python would read and write."""
    raise ValueError(f"{word} is not a value of JSON")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # it would be written as a word that is not JSON
        raise ValueError(f"the number {text[:40]} is too large")
    return number
