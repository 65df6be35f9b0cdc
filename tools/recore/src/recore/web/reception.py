"""Receive uploads, with limits on their number, total size and duration."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from recore.web.uploads import UnusableUploadError, format_size

PATIENCE = 10.0  # seconds that an upload may take in addition to the time for its bytes
MIN_SPEED = 50_000  # bytes per second
DISCARD_FACTOR = 10  # multiple of the limit up to which a larger upload is read, so that the client receives the error


class UnfinishedUpload:
    """The part of an upload that has arrived."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.deadline = asyncio.timeout(PATIENCE)

    @property
    def end(self) -> float:
        """The event loop's time at which the upload is aborted unless more of it arrives."""
        return self.deadline.when() or 0.0


class Reception:
    """The uploads in memory.

    max_unfinished: the maximum number being received; if there are more, the one with the least time left is aborted.
    max_complete: the maximum number waiting or being read; others are rejected. max_bytes: the limit on all uploads.
    """

    def __init__(self, max_unfinished: int, max_complete: int, max_bytes: int) -> None:
        self._max_unfinished, self._max_complete, self._max_bytes = max_unfinished, max_complete, max_bytes
        self._unfinished: list[UnfinishedUpload] = []  # in order of start time
        self._complete = self._bytes = 0

    @contextlib.asynccontextmanager
    async def receive(self, request: Request, max_size: int, noun: str) -> AsyncIterator[bytearray]:
        """Receive an upload; delete it on exit. noun: its name in errors. Raises UnusableUploadError."""
        upload = UnfinishedUpload()
        self._unfinished.append(upload)
        try:
            await self._read(request, upload, max_size, noun)
            if upload not in self._unfinished or self._complete >= self._max_complete:
                raise _too_many_error()
            self._unfinished.remove(upload)
            self._complete += 1
            try:
                yield upload.content
            finally:
                self._complete -= 1
        finally:
            self._forget(upload)

    async def _read(self, request: Request, upload: UnfinishedUpload, max_size: int, noun: str) -> None:
        size = 0
        try:
            async with upload.deadline:
                start = asyncio.get_running_loop().time()
                if len(self._unfinished) > self._max_unfinished:
                    self._end(min(self._unfinished, key=lambda other: other.end))
                async for part in request.stream():
                    size += len(part)
                    if size > DISCARD_FACTOR * max_size:
                        break
                    if size > max_size:
                        self._discard(upload)
                    elif upload in self._unfinished:
                        self._keep(upload, part, start)
        except TimeoutError:
            if upload not in self._unfinished:
                raise _too_many_error() from None
            raise UnusableUploadError(f"it was sent more slowly than {MIN_SPEED // 1000} KB per second", 408) from None
        except ClientDisconnect:
            raise UnusableUploadError("the upload was interrupted", 400) from None
        if size > max_size:
            raise UnusableUploadError(f"it is larger than {format_size(max_size)}, the maximum", 413)
        if not size:
            raise UnusableUploadError(f"the {noun} is empty")

    def _keep(self, upload: UnfinishedUpload, part: bytes, start: float) -> None:
        """Add a part to an upload. If all uploads together are too large, first abort the oldest unfinished ones."""
        while self._bytes + len(part) > self._max_bytes and self._unfinished:
            self._end(self._unfinished[0])
        if upload in self._unfinished:
            upload.content += part
            self._bytes += len(part)
            upload.deadline.reschedule(start + PATIENCE + len(upload.content) / MIN_SPEED)

    def _end(self, upload: UnfinishedUpload) -> None:
        self._forget(upload)
        upload.deadline.reschedule(asyncio.get_running_loop().time())

    def _forget(self, upload: UnfinishedUpload) -> None:
        if upload in self._unfinished:
            self._unfinished.remove(upload)
        self._discard(upload)

    def _discard(self, upload: UnfinishedUpload) -> None:
        self._bytes -= len(upload.content)
        upload.content = bytearray()  # clear() would fail if the traceback of an error has a view of the content


def _too_many_error() -> UnusableUploadError:
    return UnusableUploadError("there are too many uploads at the moment; try again later", 503)
