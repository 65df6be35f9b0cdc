"""The uploads that the web page holds in memory: of unfinished ones the slowest give way, whole ones are limited."""

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

from recore.web import reading
from recore.web.reception import Reception
from recore.web.uploads import UnusableUploadError

LARGEST = 1000  # bytes


class Client:
    def __init__(self, reception: Reception) -> None:
        self._reception, self._parts = reception, asyncio.Queue[dict[str, Any]]()
        self.may_end = asyncio.Event()
        self.task = asyncio.create_task(self._upload())

    async def _upload(self) -> bytes:
        request = Request({"type": "http", "method": "POST", "headers": []}, self._parts.get)
        async with self._reception.receive(request, LARGEST, "file") as content:
            await self.may_end.wait()
            return bytes(content)

    async def send(self, content: bytes, is_last: bool = False) -> None:
        await self._parts.put({"type": "http.request", "body": content, "more_body": not is_last})
        for _ in range(10):  # until all tasks wait again
            await asyncio.sleep(0)

    async def refusal(self) -> tuple[int, str]:
        with pytest.raises(UnusableUploadError) as caught:
            await self.task
        return caught.value.status, str(caught.value)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_of_too_many_unfinished_uploads_the_one_that_has_sent_least_gives_way() -> None:
    async def scenario() -> None:
        reception = Reception(2, 5, 10 * LARGEST)
        busy, idle, late = Client(reception), Client(reception), None
        await busy.send(b"x" * 900)
        await idle.send(b"x")
        late = Client(reception)
        await late.send(b"late", is_last=True)
        assert (await idle.refusal())[0] == 503
        await busy.send(b"y", is_last=True)
        for client, content in ((busy, b"x" * 900 + b"y"), (late, b"late")):
            client.may_end.set()
            assert await client.task == content

    run(scenario())


def test_more_whole_uploads_are_refused_until_one_has_been_read() -> None:
    async def scenario() -> None:
        reception = Reception(5, 2, 10 * LARGEST)
        whole = [Client(reception) for _ in range(2)]
        for client in whole:
            await client.send(b"x", is_last=True)
        refused = Client(reception)
        await refused.send(b"x", is_last=True)
        assert await refused.refusal() == (503, "there are too many uploads at the moment: try again later")
        whole[0].may_end.set()
        await whole[0].task
        another = Client(reception)
        await another.send(b"x", is_last=True)
        another.may_end.set()
        assert await another.task == b"x"
        whole[1].task.cancel()

    run(scenario())


def test_bytes_of_all_uploads_are_limited_together() -> None:
    async def scenario() -> None:
        reception = Reception(5, 5, 2 * LARGEST)
        first, second, third = (Client(reception) for _ in range(3))
        for client in (first, second, third):
            await client.send(b"x" * 900)
        assert (await first.refusal())[0] == 503  # the oldest
        for client in (second, third):
            await client.send(b"y", is_last=True)
        full = Client(reception)
        await full.send(b"x" * 900, is_last=True)
        assert (await full.refusal())[0] == 503  # whole ones do not give way
        for client in (second, third):
            client.may_end.set()
            assert len(await client.task) == 901
        with contextlib.suppress(UnusableUploadError):
            await first.task
        last = Client(reception)
        await last.send(b"x" * 1000, is_last=True)
        last.may_end.set()
        assert len(await last.task) == 1000  # nothing counts twice

    run(scenario())


@pytest.mark.parametrize(
    ("parts", "status", "reason"),
    [([b""], 422, "the file is empty"), ([b"x" * 600] * 3, 413, "the largest that is read")],
)
def test_an_upload_that_cannot_be_used_is_refused(parts: list[bytes], status: int, reason: str) -> None:
    async def scenario() -> None:
        client = Client(Reception(1, 1, LARGEST))
        for number, part in enumerate(parts, 1):
            await client.send(part, is_last=number == len(parts))
        found = await client.refusal()
        assert found[0] == status
        assert reason in found[1]

    run(scenario())


def test_only_an_answer_that_is_too_long_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_MESSAGE", 1000)
    for size, error in ((2000, pytest.raises(UnusableUploadError, match="more than")), (900, pytest.raises(EOFError))):
        answers, end = multiprocessing.Pipe(duplex=False)
        os.write(end.fileno(), struct.pack("!i", size) + b"x")
        end.close()  # as if the process that reads was killed in the middle of its answer
        with answers, error:
            reading._receive(answers, time.monotonic() + 60)
