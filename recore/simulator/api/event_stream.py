"""The encoding of a response that comes in events: AWS's event stream, as botocore reads it."""

import struct
from zlib import crc32

EVENT_STREAM = "application/vnd.amazon.eventstream"
LARGEST = 8 << 20  # bytes of an event: botocore takes 24 MiB
TEXT = 7  # the type of a header's value
HEADERS = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


def event_stream(body: bytes) -> bytes:
    """A body as PayloadPart events: one, or as many as its size needs."""
    starts = range(0, max(len(body), 1), LARGEST)
    return b"".join(_message(body[start : start + LARGEST]) for start in starts)


def _message(payload: bytes) -> bytes:
    """Lengths of all and of the headers, their checksum, the headers, the payload, and the checksum of all."""
    headers = b"".join(_header(name, value) for name, value in HEADERS.items())
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    start = lengths + struct.pack("!I", crc32(lengths)) + headers
    return start + payload + struct.pack("!I", crc32(payload, crc32(start)))


def _header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", TEXT, len(value)) + value.encode()
