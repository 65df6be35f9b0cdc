"""Pages of a list that stay right when records come or go between two requests."""

import base64
import datetime
import json
import operator
import struct
from typing import Any

from recore.simulator.protocol.errors import ValidationException
from recore.simulator.state.records import Record

LONGEST = 512  # characters of a text that count when it is sorted
Place = tuple[str, str]  # where a record stands in a list: by the text of what is sorted, then by another text


def page(request: Record, member: str, placed: list[tuple[Place, Record]], descending: bool) -> Record:
    """The page that a request asks for, as a member of the answer, and NextToken where more follow.

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
    """Text that is in the order of the values, which are all text, all numbers or all times.

    Of a text, the beginning counts alone: a NextToken holds it, and has at most 8,192 characters.
    """
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, int | float):
        [bits] = struct.unpack(">q", struct.pack(">d", value))
        ordered = bits if bits >= 0 else -(2**63) - bits  # the bits of negative numbers are in the opposite order
        return f"{ordered + 2**63:020}"
    return str(value)[:LONGEST]


def _read_token(token: str) -> Place:
    try:
        value, other = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, TypeError, RecursionError):
        value = other = None
    if not isinstance(value, str) or not isinstance(other, str):
        raise ValidationException("Invalid NextToken")
    return value, other
