"""How Batch Transform feeds a server: lines become requests within the size limit, and responses keep their order."""

import gzip
import itertools
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from stagemaker.compute.batch.data_processing import DataProcessing
from stagemaker.compute.batch.feeding import Feeder
from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.servers.response import Response


def do_not_stop() -> None:
    """Do nothing: this check never stops the job."""


def stop_when(condition: Callable[[], bool]) -> Callable[[], None]:
    def check() -> None:
        if condition():
            raise JobStopped

    return check


class Echo:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()

    def invoke(self, body: bytes, headers: dict[str, str], deadline: Deadline, largest: int) -> Response:
        with self.lock:
            self.bodies.append(body)
        return Response(200, {}, body)


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    "text", [b"", b"a", b"a\n", b"a\nb", b"\n\n", b"a\r\nb\r\n", b"x" * 2_000_000 + b"\n" + b"y" * 10]
)
def test_lines_are_returned_unchanged(text: bytes, concurrency: int, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(text)
    for strategy in ("MultiRecord", "SingleRecord"):
        echo = Echo()
        feeder = Feeder(split="Line", strategy=strategy, max_megabytes=2, concurrency=concurrency, assemble="Line")
        feeder.feed(echo, tmp_path / "in", tmp_path / "out", do_not_stop)
        assert (tmp_path / "out").read_bytes().rstrip(b"\n") == text.rstrip(b"\n")
        assert all(len(body) <= 2 << 20 for body in echo.bodies)
        if strategy == "SingleRecord":
            assert all(body.count(b"\n") <= 1 for body in echo.bodies)


def test_a_record_over_the_limit_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a\n" + b"x" * (1 << 20) + b"\n")
    echo = Echo()
    with pytest.raises(JobFailed, match="larger than the MaxPayloadInMB of 1"):
        Feeder(split="Line", max_megabytes=1).feed(echo, tmp_path / "in", tmp_path / "out", do_not_stop)
    assert all(len(body) < 1 << 20 for body in echo.bodies)


def test_a_job_can_be_stopped_while_its_filter_runs(tmp_path: Path) -> None:
    content_types = {"ContentType": "application/json", "Accept": "application/json"}
    request = {
        "TransformInput": content_types,
        "TransformOutput": content_types,
        "DataProcessing": {"OutputFilter": "$" + "[:,:,:]" * 8},
    }
    feeder, echo = Feeder(processing=DataProcessing.of(request)), Echo()
    (tmp_path / "in").write_bytes(b"[" * 8 + b"0,0" + b"]" * 8)
    with pytest.raises(JobStopped):
        feeder.feed(echo, tmp_path / "in", tmp_path / "out", stop_when(lambda: bool(echo.bodies)))
    assert len(echo.bodies) == 1


def test_a_job_can_be_stopped_while_an_object_is_split(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\n" * (1 << 20))
    checks = itertools.count()
    with pytest.raises(JobStopped):
        Feeder(split="Line").feed(Echo(), tmp_path / "in", tmp_path / "out", stop_when(lambda: next(checks) == 5))
    assert next(checks) == 6


def test_short_lines_take_little_memory(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a\n" * (1 << 17))
    tracemalloc.start()
    try:
        Feeder(split="Line").feed(Echo(), tmp_path / "in", tmp_path / "out", do_not_stop)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_a_job_can_be_stopped_while_it_reads_empty_gzip_members(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(b"", mtime=0) * 100_000)
    checks = itertools.count()
    with pytest.raises(JobStopped):
        Feeder(is_compressed=True).feed(Echo(), tmp_path / "in", tmp_path / "out", stop_when(lambda: next(checks) > 3))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"1,2\n", "Not a gzipped file"),
        (gzip.compress(b"1,2\n" * 10_000)[:-20], "Compressed file ended before"),
        (gzip.compress(b"1,2\n")[:-8] + b"\0" * 8, "CRC check failed"),
        (gzip.compress(b"1,2\n" * 999)[:20] + b"\xff" * 20, "Error -3"),
    ],
    ids=["plain", "short", "checksum", "damaged"],
)
def test_broken_compressed_objects_are_refused(content: bytes, error: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(JobFailed, match=f"An object is not a gzip file, or is corrupted: {error}"):
        Feeder(split="Line", is_compressed=True).feed(Echo(), tmp_path / "in", tmp_path / "out", do_not_stop)


@pytest.mark.parametrize("split", ["None", "Line"])
def test_a_compressed_object_larger_than_a_request_is_refused(split: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(b"0" * (1 << 26)))  # one line
    with pytest.raises(JobFailed, match="larger than the MaxPayloadInMB of 6"):
        Feeder(split=split, is_compressed=True).feed(Echo(), tmp_path / "in", tmp_path / "out", do_not_stop)
