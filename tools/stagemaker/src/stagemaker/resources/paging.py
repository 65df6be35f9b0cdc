"""Pages of a list that stay correct if records are added or deleted between requests."""

import base64
import contextlib
import datetime
import json
import operator
import struct
from typing import Any

from stagemaker.protocol.errors import ValidationException
from stagemaker.state.records import Record

MAX_SORT_LENGTH = 512  # characters; only the beginning of a string is used for sorting
Position = tuple[str, str]  # a record's position in a list: its sort key, then a string that orders equal keys


def make_page(request: Record, member: str, entries: list[tuple[Position, Record]], descending: bool) -> Record:
    """Return a response with the requested page, and with NextToken if more pages follow.

    member: the response's member for the page. Raises ServiceError if the request's NextToken is invalid.
    """
    entries = sorted(entries, key=operator.itemgetter(0), reverse=descending)
    if "NextToken" in request:
        last_position = _read_token(request["NextToken"])
        entries = [
            (position, record)
            for position, record in entries
            if (position < last_position if descending else position > last_position)
        ]
    page_entries = entries[: request.get("MaxResults", 10)]
    response: Record = {member: [record for _, record in page_entries]}
    if len(page_entries) < len(entries):
        response["NextToken"] = base64.b64encode(json.dumps(page_entries[-1][0]).encode()).decode()
    return response


def sort_key(value: Any) -> str:
    """Return a string that sorts like the value among values of its type (strings, numbers or times).

    Only a string's beginning is used, because NextToken contains the result and must not exceed 8,192 characters.
    """
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, int | float):
        [bits] = struct.unpack(">q", struct.pack(">d", value))
        sort_number = bits if bits >= 0 else -(2**63) - bits  # the bits of negative numbers have the opposite order
        return f"{sort_number + 2**63:020}"
    return str(value)[:MAX_SORT_LENGTH]


def _read_token(token: str) -> Position:
    with contextlib.suppress(ValueError, RecursionError):
        match json.loads(base64.b64decode(token, validate=True)):
            case [str(value), str(tie_breaker)]:
                return value, tie_breaker
    raise ValidationException("Invalid NextToken")
