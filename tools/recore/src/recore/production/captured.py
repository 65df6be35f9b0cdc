"""Reads the events of an endpoint's data capture from S3: invocations, with what was sent and returned.

Each event is a line of JSON in an object below DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/.
"""

import base64
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from recore.schema import DEPTHS, HOLE, TARGETS
from stagemaker import parse_number

SampleKey = tuple[str, float, float]  # the drill hole, and where the sample starts and ends, m

DIGITS = 4  # of depths: a tenth of a millimetre
LARGEST = 1e30  # of assays and predictions: a power of their squares must be a number, too


@dataclass(frozen=True)
class Body:
    """The body of a request or of a response. content_type: "" if unknown."""

    content: bytes
    content_type: str

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        return self.media_type.endswith("json") or (not self.media_type and self.content.lstrip()[:1] == b"{")


@dataclass(frozen=True)
class CaptureEvent:
    """A captured invocation. inference_id: "" if it had none. input: may be empty."""

    variant: str
    event_id: str
    inference_id: str
    time: datetime
    input: Body
    output: Body


def read_events(
    s3: Any, destination: str, endpoint: str, variants: Iterable[str], since: datetime, left_out: Counter[str]
) -> Iterator[CaptureEvent]:
    """Yield the events of variants of an endpoint since a time, one object on S3 at a time.

    destination: of the data capture. left_out: counts the lines that cannot be read, by the reason.
    """
    parts = urlsplit(destination)
    since = since.astimezone(UTC).replace(microsecond=0)  # captured times are whole seconds
    for variant in variants:
        folder = f"{parts.path.strip('/')}/{endpoint}/{variant}/".lstrip("/")
        listing = {"Bucket": parts.netloc, "Prefix": folder, "StartAfter": f"{folder}{since:%Y/%m/%d/%H}"}
        for page in s3.get_paginator("list_objects_v2").paginate(**listing):
            for item in page.get("Contents", []):
                content = s3.get_object(Bucket=parts.netloc, Key=item["Key"])["Body"].read()
                for line in content.splitlines():
                    try:
                        event = _parse_line(variant, line)
                    except ValueError as error:
                        left_out[str(error)] += 1
                        continue
                    if event.time >= since:
                        yield event


def read_samples(body: Body) -> list[SampleKey | None]:
    """The sample of each row of a request, CSV with a header or JSON; None without a valid hole and depths.

    The list is empty for anything else.
    """
    try:
        if body.is_json:
            content = json.loads(body.content)
            return [
                make_key(*(each.get(name) for name in (HOLE, *DEPTHS))) for each in content.get("instances", [content])
            ]
        header, *rows = csv.reader(io.StringIO(body.content.decode("utf-8-sig"), newline=""))
        places = [header.index(name) for name in (HOLE, *DEPTHS)]
        return [make_key(*(row[place] for place in places)) for row in rows if row]
    except (ArithmeticError, AttributeError, IndexError, RecursionError, TypeError, ValueError, csv.Error):
        return []


def read_predictions(body: Body) -> NDArray[np.float64]:
    """The predictions (rows, 49) of a response, a CSV of numbers or JSON with the assays by name; NaN for empty ones.

    Raises ValueError for any other response.
    """
    try:
        if body.is_json:
            predictions = [each["assays"] for each in json.loads(body.content)["predictions"]]
            rows = [[assays[name]["value"] for name in TARGETS] for assays in predictions]
        else:
            rows = [row for row in csv.reader(io.StringIO(body.content.decode(), newline="")) if row]
        numbers = [[math.nan if cell in ("", None) else _read_number(cell) for cell in row] for row in rows]
        table = np.array(numbers, dtype=float).reshape(len(rows), len(TARGETS))
        if (abs(table) > LARGEST).any():
            raise ValueError
        return table
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError, csv.Error):
        raise ValueError(f"the response is not {len(TARGETS)} numbers for each sample") from None


def _read_number(value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if (number := parse_number(value)) is None:
        raise ValueError(value)
    return number


def is_header(text: str) -> bool:
    """Whether a text can be the value of a header of HTTP."""
    return text.isascii() and text.isprintable()


def make_key(hole: Any, depth_from: Any, depth_to: Any) -> SampleKey | None:
    """The key of a sample; None if any of the three is missing or invalid."""
    try:
        start, end = (round(_read_number(depth), DIGITS) for depth in (depth_from, depth_to))
    except (ValueError, TypeError, OverflowError):
        return None
    name = "" if hole is None else str(hole).strip()
    return (name, start, end) if name and math.isfinite(start) and math.isfinite(end) else None


def _parse_line(variant: str, line: bytes) -> CaptureEvent:
    try:
        content = json.loads(line)
        metadata, data = content["eventMetadata"], content["captureData"]
        time = datetime.fromisoformat(metadata["inferenceTime"])
        input_body, output = (_decode(data.get(f"endpoint{mode}")) for mode in ("Input", "Output"))
        identity = str(metadata["eventId"]), str(metadata.get("inferenceId") or "")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise ValueError("the line is not an event of data capture, or is truncated") from None
    if "endpointOutput" not in data:
        raise ValueError("the output was not captured")
    return CaptureEvent(variant, *identity, time if time.tzinfo else time.replace(tzinfo=UTC), input_body, output)


def _decode(part: dict[str, str] | None) -> Body:
    if part is None:
        return Body(b"", "")
    data = part["data"]
    content = base64.b64decode(data, validate=True) if part["encoding"] == "BASE64" else data.encode()
    content_type = str(part.get("observedContentType") or "")
    return Body(content, content_type if is_header(content_type) else "")
