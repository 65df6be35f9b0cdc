"""Receives uploads: those in memory are limited in number and bytes together, and slow ones are ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from recore.web.uploads import UnusableUploadError, describe_size

PATIENCE = 10.0  # seconds that an upload may take besides those for its bytes
SLOWEST = 50_000  # bytes per second
DISCARDED = 10  # times the limit: so much of a larger upload is read, so that the client learns why it is refused


class UnfinishedUpload:
    """What has arrived of an upload."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.deadline = asyncio.timeout(PATIENCE)

    @property
    def end(self) -> float:
        """When the upload ends unless more of it arrives, in the time of the event loop."""
        return self.deadline.when() or 0.0


class Reception:
    """The uploads in memory.

    most_unfinished: uploads that are being received; of more, the one with the least time left gives way. most_whole:
    uploads that wait or are read; more are refused. most_bytes: of all together.
    """

    def __init__(self, most_unfinished: int, most_whole: int, most_bytes: int) -> None:
        self._most_unfinished, self._most_whole, self._most_bytes = most_unfinished, most_whole, most_bytes
        self._unfinished: list[UnfinishedUpload] = []  # in the order of their beginnings
        self._whole = self._bytes = 0

    @contextlib.asynccontextmanager
    async def receive(self, request: Request, largest: int, noun: str) -> AsyncIterator[bytearray]:
        """Receive an upload, which counts while the context is open. Raises UnusableUploadError. noun: what it is."""
        upload = UnfinishedUpload()
        self._unfinished.append(upload)
        try:
            await self._read(request, upload, largest, noun)
            if upload not in self._unfinished or self._whole >= self._most_whole:
                raise _too_many()
            self._unfinished.remove(upload)
            self._whole += 1
            try:
                yield upload.content
            finally:
                self._whole -= 1
        finally:
            self._forget(upload)

    async def _read(self, request: Request, upload: UnfinishedUpload, largest: int, noun: str) -> None:
        size = 0
        try:
            async with upload.deadline:
                start = asyncio.get_running_loop().time()
                if len(self._unfinished) > self._most_unfinished:
                    self._end(min(self._unfinished, key=lambda other: other.end))
                async for part in request.stream():
                    size += len(part)
                    if size > DISCARDED * largest:
                        break
                    if size > largest:
                        self._discard(upload)
                    elif upload in self._unfinished:
                        self._keep(upload, part, start)
        except TimeoutError:
            if upload not in self._unfinished:
                raise _too_many() from None
            raise UnusableUploadError(f"it was sent more slowly than {SLOWEST // 1000} KB per second", 408) from None
        except ClientDisconnect:
            raise UnusableUploadError("the upload was interrupted", 400) from None
        if size > largest:
            raise UnusableUploadError(f"it is larger than {describe_size(largest)}, the largest that is read", 413)
        if not size:
            raise UnusableUploadError(f"the {noun} is empty")

    def _keep(self, upload: UnfinishedUpload, part: bytes, start: float) -> None:
        """Keep a part; if there are too many bytes, uploads that began first give way."""
        while self._bytes + len(part) > self._most_bytes and self._unfinished:
            self._end(self._unfinished[0])
        if upload in self._unfinished:
            upload.content += part
            self._bytes += len(part)
            upload.deadline.reschedule(start + PATIENCE + len(upload.content) / SLOWEST)

    def _end(self, upload: UnfinishedUpload) -> None:
        self._forget(upload)
        upload.deadline.reschedule(asyncio.get_running_loop().time())

    def _forget(self, upload: UnfinishedUpload) -> None:
        if upload in self._unfinished:
            self._unfinished.remove(upload)
        self._discard(upload)

    def _discard(self, upload: UnfinishedUpload) -> None:
        self._bytes -= len(upload.content)
        upload.content.clear()


def _too_many() -> UnusableUploadError:
    return UnusableUploadError("there are too many uploads at the moment: try again later", 503)
