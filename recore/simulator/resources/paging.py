"""Pages of a list that stay correct if records are added or deleted between two requests."""

import base64
import contextlib
import datetime
import json
import operator
import struct
from typing import Any

from recore.simulator.protocol.errors import ValidationException
from recore.simulator.state.records import Record

LONGEST = 512  # characters; only the beginning of a string is used for sorting
Position = tuple[str, str]  # a record's position in a list: its sort key as text, then a string that orders equal keys


def page(request: Record, member: str, placed: list[tuple[Position, Record]], descending: bool) -> Record:
    """Return the page that a request asks for, as a member of the response, and NextToken if more pages follow.

    Raises ServiceError if the request's NextToken is invalid.
    """
    placed = sorted(placed, key=operator.itemgetter(0), reverse=descending)
    if "NextToken" in request:
        last = _read_token(request["NextToken"])
        placed = [(place, record) for place, record in placed if (place < last if descending else place > last)]
    shown = placed[: request.get("MaxResults", 10)]
    answer: Record = {member: [record for _, record in shown]}
    if len(shown) < len(placed):
        answer["NextToken"] = base64.b64encode(json.dumps(shown[-1][0]).encode()).decode()
    return answer


def sortable(value: Any) -> str:
    """Return a string that sorts like the value, among values that are all text, all numbers or all times.

    Only the beginning of a string is used, because it is part of a NextToken, which has at most 8,192 characters.
    """
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, int | float):
        [bits] = struct.unpack(">q", struct.pack(">d", value))
        ordered = bits if bits >= 0 else -(2**63) - bits  # the bits of negative numbers are in the opposite order
        return f"{ordered + 2**63:020}"
    return str(value)[:LONGEST]


def _read_token(token: str) -> Position:
    with contextlib.suppress(ValueError, RecursionError):
        match json.loads(base64.b64decode(token, validate=True)):
            case [str(value), str(other)]:
                return value, other
    raise ValidationException("Invalid NextToken")
