"""How Batch Transform feeds a server: requests combine lines up to the size limit, and responses keep their order."""

import gzip
import itertools
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagemaker.compute.batch_transform.data_processing import DataProcessing
from stagemaker.compute.batch_transform.feeder import Feeder
from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.servers.response import Response


def stop_when(condition: Callable[[], bool]) -> Callable[[], None]:
    def raise_if_stopping() -> None:
        if condition():
            raise JobStopped

    return raise_if_stopping


class Feeding:
    """A server that echoes requests, and a method that feeds it. bodies: the bodies of the requests."""

    def __init__(self, folder: Path):
        self.folder, self.bodies, self._lock = folder, list[bytes](), threading.Lock()

    def invoke(self, body: bytes, headers: dict[str, str], deadline: Deadline, largest: int) -> Response:
        with self._lock:
            self.bodies.append(body)
        return Response(200, {}, body)

    def feed(self, content: bytes, raise_if_stopping: Callable[[], None] = lambda: None, **settings: Any) -> bytes:
        source, output = self.folder / "in", self.folder / "out"
        source.write_bytes(content)
        Feeder(**settings).feed(self, source, output, raise_if_stopping)
        return output.read_bytes()


@pytest.fixture
def feeding(tmp_path: Path) -> Feeding:
    return Feeding(tmp_path)


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    "content", [b"", b"a", b"a\n", b"a\nb", b"\n\n", b"a\r\nb\r\n", b"x" * 2_000_000 + b"\n" + b"y" * 10]
)
def test_lines_are_returned_unchanged(content: bytes, concurrency: int, tmp_path: Path) -> None:
    settings = {"split": "Line", "max_megabytes": 2, "concurrency": concurrency, "assemble": "Line"}
    for strategy in ("MultiRecord", "SingleRecord"):
        feeding = Feeding(tmp_path)
        assert feeding.feed(content, strategy=strategy, **settings).rstrip(b"\n") == content.rstrip(b"\n")
        assert all(len(body) <= 2 << 20 for body in feeding.bodies)
        if strategy == "SingleRecord":
            assert all(body.count(b"\n") <= 1 for body in feeding.bodies)


def test_a_record_over_the_limit_is_rejected_before_it_is_sent(feeding: Feeding) -> None:
    with pytest.raises(JobFailed, match="larger than the MaxPayloadInMB of 1"):
        feeding.feed(b"a\n" + b"x" * (1 << 20) + b"\n", split="Line", max_megabytes=1)
    assert all(len(body) < 1 << 20 for body in feeding.bodies)


def test_a_job_can_be_stopped_while_its_filter_runs(feeding: Feeding) -> None:
    types = {"ContentType": "application/json", "Accept": "application/json"}
    request = {"TransformInput": types, "TransformOutput": types}
    processing = DataProcessing.from_request(request | {"DataProcessing": {"OutputFilter": "$" + "[0,0,0]" * 8}})
    with pytest.raises(JobStopped):
        feeding.feed(b"[" * 8 + b"0,0" + b"]" * 8, stop_when(lambda: bool(feeding.bodies)), processing=processing)
    assert len(feeding.bodies) == 1


@pytest.mark.parametrize(
    ("content", "settings", "count"),
    [(b"\n" * (1 << 20), {"split": "Line"}, 5), (gzip.compress(b"", mtime=0) * 100_000, {"is_compressed": True}, 3)],
    ids=["split", "empty gzip members"],
)
def test_a_job_can_be_stopped_in_a_read(content: bytes, settings: dict[str, Any], count: int, feeding: Feeding) -> None:
    checks = itertools.count()
    with pytest.raises(JobStopped):
        feeding.feed(content, stop_when(lambda: next(checks) == count), **settings)
    assert next(checks) == count + 1


def test_short_lines_take_little_memory(feeding: Feeding) -> None:
    content = b"a\n" * (1 << 17)
    tracemalloc.start()
    try:
        feeding.feed(content, split="Line")
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


GZIP_ERROR = "An object is not a gzip file or is corrupted: "
TOO_LARGE = "larger than the MaxPayloadInMB of 6"


@pytest.mark.parametrize(
    ("content", "split", "error"),
    [
        (b"1,2\n", "Line", f"{GZIP_ERROR}Not a gzipped file"),
        (gzip.compress(b"1,2\n" * 10_000)[:-20], "Line", f"{GZIP_ERROR}Compressed file ended before"),
        (gzip.compress(b"1,2\n")[:-8] + b"\0" * 8, "Line", f"{GZIP_ERROR}CRC check failed"),
        (gzip.compress(b"1,2\n" * 999)[:20] + b"\xff" * 20, "Line", f"{GZIP_ERROR}Error -3"),
        (gzip.compress(b"0" * (1 << 26)), "Line", TOO_LARGE),
        (gzip.compress(b"0" * (1 << 26)), "None", TOO_LARGE),
    ],
    ids=["plain", "short", "checksum", "damaged", "long line", "large"],
)
def test_compressed_objects_that_are_broken_or_too_large_are_rejected(
    content: bytes, split: str, error: str, feeding: Feeding
) -> None:
    with pytest.raises(JobFailed, match=error):
        feeding.feed(content, split=split, is_compressed=True)
