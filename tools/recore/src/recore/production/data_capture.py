"""Read the events that data capture wrote to S3 for an endpoint: invocations with their requests and responses.

Each event is a line of a JSON Lines object below DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/.
"""

import base64
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.evaluation import list_objects
from recore.schema import DEPTHS
from stagemaker import parse_number

SampleKey = tuple[str | float, ...]  # the cells of the challenge's sample_ids: drill hole, start and end in m

DIGITS = 4  # decimals of depths in m: a tenth of a millimetre
MAX_VALUE = 1e30  # of an assay or a prediction; its fourth power does not overflow


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
    """A captured invocation. inference_id: "" if none was sent. input: empty if not captured."""

    variant: str
    event_id: str
    inference_id: str
    time: datetime
    input: Body
    output: Body


def read_events(
    s3: Any, destination: str, endpoint: str, variants: Iterable[str], since: datetime, left_out: Counter[str]
) -> Iterator[CaptureEvent]:
    """Yield the events captured for an endpoint's variants since a point in time, reading one S3 object at a time.

    destination: the DestinationS3Uri of the data capture. left_out: a counter of unreadable lines by reason.
    """
    parts = urlsplit(destination)
    since = since.astimezone(UTC).replace(microsecond=0)  # captured times have no fractions of seconds
    for variant in variants:
        folder = f"{parts.path.strip('/')}/{endpoint}/{variant}/".lstrip("/")
        for item in list_objects(s3, parts.netloc, folder, StartAfter=f"{folder}{since:%Y/%m/%d/%H}"):
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
    """Return the key of each sample in a request, or None for a sample without valid IDs.

    The list is empty unless the request is JSON, or a CSV with a header.
    """
    ids = challenge().sample_ids
    try:
        if body.is_json:
            content = json.loads(body.content)
            return [make_key([each.get(name) for name in ids]) for each in content.get("instances", [content])]
        header, *rows = csv.reader(io.StringIO(body.content.decode("utf-8-sig"), newline=""))
        positions = [header.index(name) for name in ids]
        return [make_key([row[position] for position in positions]) for row in rows if row]
    except (ArithmeticError, AttributeError, IndexError, RecursionError, TypeError, ValueError, csv.Error):
        return []


def read_predictions(body: Body) -> NDArray[np.float64]:
    """Return the predictions in a response, (rows, targets), with NaN for empty values.

    Raises ValueError unless the response is CSV, or JSON with assays by name.
    """
    targets = challenge().targets
    try:
        if body.is_json:
            predictions = [each["assays"] for each in json.loads(body.content)["predictions"]]
            rows = [[assays[name]["value"] for name in targets] for assays in predictions]
        else:
            rows = [row for row in csv.reader(io.StringIO(body.content.decode(), newline="")) if row]
        numbers = [[math.nan if cell in ("", None) else _read_number(cell) for cell in row] for row in rows]
        table = np.array(numbers, dtype=float).reshape(len(rows), len(targets))
        if (abs(table) > MAX_VALUE).any():
            raise ValueError
        return table
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError, csv.Error):
        raise ValueError(f"the response does not contain {len(targets)} numbers for each sample") from None


def _read_number(value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if (number := parse_number(value)) is None:
        raise ValueError(value)
    return number


def is_header_value(value: str) -> bool:
    """Return whether a string can be the value of an HTTP header."""
    return value.isascii() and value.isprintable()


def make_key(cells: Sequence[Any]) -> SampleKey | None:
    """Return a sample's key from its IDs: depths become numbers, other IDs strings.

    Return None if an ID is missing or invalid, or if the drill hole is the only ID.
    """
    names = challenge().sample_ids
    key = [_read_id(name, cell) for name, cell in zip(names, cells, strict=True)]
    return None if len(names) == 1 or None in key else tuple(each for each in key if each is not None)


def _read_id(name: str, cell: Any) -> str | float | None:
    if name not in DEPTHS:
        return ("" if cell is None else str(cell).strip()) or None
    try:
        depth = round(_read_number(cell), DIGITS)
    except (ValueError, TypeError, OverflowError):
        return None
    return depth if math.isfinite(depth) else None


def _parse_line(variant: str, line: bytes) -> CaptureEvent:
    try:
        content = json.loads(line)
        metadata, data = content["eventMetadata"], content["captureData"]
        time = datetime.fromisoformat(metadata["inferenceTime"])
        input_body, output = (_decode(data.get(f"endpoint{mode}")) for mode in ("Input", "Output"))
        event_ids = str(metadata["eventId"]), str(metadata.get("inferenceId") or "")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise ValueError("the line is truncated, or not a data capture event") from None
    if "endpointOutput" not in data:
        raise ValueError("the output was not captured")
    return CaptureEvent(variant, *event_ids, time if time.tzinfo else time.replace(tzinfo=UTC), input_body, output)


def _decode(part: dict[str, str] | None) -> Body:
    if part is None:
        return Body(b"", "")
    data = part["data"]
    content = base64.b64decode(data, validate=True) if part["encoding"] == "BASE64" else data.encode()
    content_type = str(part.get("observedContentType") or "")
    return Body(content, content_type if is_header_value(content_type) else "")
