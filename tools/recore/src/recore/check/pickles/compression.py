"""Decompress files written by joblib. A compressed file is a single stream, whose first bytes identify the format."""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any

from recore.check.pickles.values import Budget, ScanError

CHUNK = 1 << 20
FORMATS: dict[bytes, Callable[[], Any]] = {
    b"\x78": zlib.decompressobj,
    b"\x1f\x8b": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lzma.LZMADecompressor,
    b"\x5d\x00": lzma.LZMADecompressor,
}
UNREADABLE_FORMATS = {
    b"\x04\x22\x4d\x18": "it is compressed with lz4",
    b"ZF": "it was written by joblib before version 0.10",
}


def open_decompressed(file: IO[bytes], budget: Budget) -> "io.BufferedReader[Any]":
    """Return a file's decompressed content for sequential reading. Raises ScanError if the format is not supported."""
    content: io.BufferedReader[Any] = io.BufferedReader(_UnclosedFile(file), CHUNK)
    start = content.peek(8)
    for prefix, reason in UNREADABLE_FORMATS.items():
        if start.startswith(prefix):
            raise ScanError(reason)
    for prefix, decompressor in FORMATS.items():
        if start.startswith(prefix):
            return io.BufferedReader(_Stream(content, decompressor(), budget), CHUNK)
    return content


class _UnclosedFile(io.RawIOBase):
    def __init__(self, file: IO[bytes]):
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Stream(io.RawIOBase):
    """The decompressed content of a file. Raises ScanError if other data follow the compressed stream."""

    def __init__(self, file: "io.BufferedReader[Any]", decompressor: Any, budget: Budget):
        self._file, self._decompressor, self._budget = file, decompressor, budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data and not self._decompressor.eof:
            data = self._decompressor.decompress(self._next(), len(buffer))
        if not data and (self._decompressor.unused_data or self._file.read(1)):
            raise ScanError("its compressed content is followed by other data")
        self._budget.consume("decompressed bytes", len(data))
        buffer[: len(data)] = data
        return len(data)

    def _next(self) -> bytes:
        """Return the next compressed bytes, or b"" if the decompressor does not need input yet."""
        if not getattr(self._decompressor, "needs_input", True):
            return b""
        data = getattr(self._decompressor, "unconsumed_tail", b"") or self._file.read1(CHUNK)
        if not data:
            raise ScanError("its compressed content ends early")
        return data
