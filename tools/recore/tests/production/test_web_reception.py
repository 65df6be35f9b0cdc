"""Limits on uploads: if too many are unfinished, the slowest is cancelled; if too many are complete, new ones fail."""

import asyncio
import contextlib
import multiprocessing
import os
import struct
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from starlette.requests import Request

from recore.web import process_reader
from recore.web.reception import Reception
from recore.web.uploads import UnusableUploadError

MAX_SIZE = 1000  # bytes


class Client:
    def __init__(self, reception: Reception) -> None:
        self._reception, self._parts = reception, asyncio.Queue[dict[str, Any]]()
        self.may_end = asyncio.Event()
        self.task = asyncio.create_task(self._upload())

    async def _upload(self) -> bytes:
        request = Request({"type": "http", "method": "POST", "headers": []}, self._parts.get)
        async with self._reception.receive(request, MAX_SIZE, "file") as content:
            await self.may_end.wait()
            return bytes(content)

    async def send(self, content: bytes, is_last: bool = False) -> None:
        await self._parts.put({"type": "http.request", "body": content, "more_body": not is_last})
        for _ in range(10):  # until all tasks wait again
            await asyncio.sleep(0)

    async def error(self) -> tuple[int, str]:
        with pytest.raises(UnusableUploadError) as caught:
            await self.task
        return caught.value.status, str(caught.value)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def test_of_too_many_unfinished_uploads_the_slowest_is_ended() -> None:
    async def scenario() -> None:
        reception = Reception(2, 5, 10 * MAX_SIZE)
        busy, idle, late = Client(reception), Client(reception), None
        await busy.send(b"x" * 900)
        await idle.send(b"x")
        late = Client(reception)
        await late.send(b"late", is_last=True)
        assert (await idle.error())[0] == 503
        await busy.send(b"y", is_last=True)
        for client, content in ((busy, b"x" * 900 + b"y"), (late, b"late")):
            client.may_end.set()
            assert await client.task == content

    run(scenario())


def test_too_many_complete_uploads_are_rejected_until_one_has_been_read() -> None:
    async def scenario() -> None:
        reception = Reception(5, 2, 10 * MAX_SIZE)
        complete = [Client(reception) for _ in range(2)]
        for client in complete:
            await client.send(b"x", is_last=True)
        rejected = Client(reception)
        await rejected.send(b"x", is_last=True)
        assert await rejected.error() == (503, "there are too many uploads at the moment; try again later")
        complete[0].may_end.set()
        await complete[0].task
        another = Client(reception)
        await another.send(b"x", is_last=True)
        another.may_end.set()
        assert await another.task == b"x"
        complete[1].task.cancel()

    run(scenario())


def test_bytes_of_all_uploads_are_limited_together() -> None:
    async def scenario() -> None:
        reception = Reception(5, 5, 2 * MAX_SIZE)
        first, second, third = (Client(reception) for _ in range(3))
        for client in (first, second, third):
            await client.send(b"x" * 900)
        assert (await first.error())[0] == 503  # the oldest upload
        for client in (second, third):
            await client.send(b"y", is_last=True)
        full = Client(reception)
        await full.send(b"x" * 900, is_last=True)
        assert (await full.error())[0] == 503  # complete uploads are never cancelled
        for client in (second, third):
            client.may_end.set()
            assert len(await client.task) == 901
        with contextlib.suppress(UnusableUploadError):
            await first.task
        last = Client(reception)
        await last.send(b"x" * 1000, is_last=True)
        last.may_end.set()
        assert len(await last.task) == 1000  # no upload counts twice

    run(scenario())


@pytest.mark.parametrize(
    ("parts", "status", "reason"), [([b""], 422, "the file is empty"), ([b"x" * 600] * 3, 413, "MB, the maximum")]
)
def test_an_unusable_upload_is_rejected(parts: list[bytes], status: int, reason: str) -> None:
    async def scenario() -> None:
        client = Client(Reception(1, 1, MAX_SIZE))
        for number, part in enumerate(parts, 1):
            await client.send(part, is_last=number == len(parts))
        error = await client.error()
        assert error[0] == status
        assert reason in error[1]

    run(scenario())


def test_only_a_response_that_is_too_long_contains_too_much_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_reader, "MAX_MESSAGE", 1000)
    for size, error in ((2000, pytest.raises(UnusableUploadError, match="too large")), (900, pytest.raises(EOFError))):
        responses, end = multiprocessing.Pipe(duplex=False)
        os.write(end.fileno(), struct.pack("!i", size) + b"x")
        end.close()  # as if the reading process was killed while sending
        with responses, error:
            process_reader._receive(responses, time.monotonic() + 60)
