"""The program that writes the records of a spool to S3.

    python -P record_uploader.py FOLDER SECONDS

FOLDER holds files with names in ascending order. In each, a record is two lines: a JSON list of bucket and key, and the
object's content. A file is deleted when its records are written and a later file exists. The program reads on until
its standard input ends, that is until the server has closed the spool or was killed; then it writes what remains, for
at most SECONDS, and deletes the folder. It imports nothing of this package, so that it starts fast.
"""

import json
import os
import re
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

THREADS = 16  # most of their time they wait for S3
ROOM = 48  # records in memory, or MiB if they are larger
POLL = 0.1  # seconds between looks at a spool without new records
LONGEST_PAUSE = 10  # seconds between attempts to write a record
MOST_ATTEMPTS = 5  # to write a record that S3 refuses because of its content, or while it accepts others
REASONS = {
    "NoSuchBucket": "the bucket {bucket} does not exist: create it, or correct ML2P_S3_URL",
    "AccessDenied": "access to the bucket {bucket} is denied: grant the role s3:PutObject on it",
}
# errors that do not depend on the record: credentials, clocks, encryption keys, load
CODES_FOR_ALL = {
    *REASONS,
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "IllegalLocationConstraintException",
    "InvalidToken",
    "RequestTimeout",
    "TokenRefreshRequired",
}
ADDRESS = re.compile(r"(https?://[^/\s\"']+)[^\s\"']*")  # without what follows the host, which differs for each record
STATUSES_FOR_ALL = {401, 403, 407, 408, 409, 429}


class UploadDeadline:
    """When to give up: only some seconds after the server has ended."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._end: float | None = None
        self._begun = threading.Event()

    def begin(self) -> None:
        if self._end is None:
            self._end = time.monotonic() + self._seconds
            self._begun.set()

    @property
    def is_over(self) -> bool:
        return self._end is not None and time.monotonic() > self._end

    def wait(self, seconds: float) -> None:
        """Return early if the server ends meanwhile, so that an attempt is made at once."""
        if self._end is None:
            self._begun.wait(seconds)
        else:
            time.sleep(max(0.0, min(seconds, self._end - time.monotonic())))


class RecordWriter:
    """Writes records to S3, each until it is written or time is over."""

    def __init__(self, deadline: UploadDeadline):
        self._deadline = deadline
        self._lock = threading.Lock()
        self._client: Any = None
        self._last_reason = ""
        self._written = 0
        self.lost = 0

    def lose(self) -> None:
        with self._lock:
            self.lost += 1

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Write a record. Gives up if S3 refuses it repeatedly because of its content, or while it accepts others."""
        pause, refused, written = 0.5, 0, self._written
        while not self._deadline.is_over:
            try:
                self._s3().put_object(Bucket=bucket, Key=key, Body=body)
            except Exception as error:  # no error may lose a record without a message
                if is_about_the_record(error) or self._written > written:  # failures of an outage do not count
                    refused += 1
                written = self._written
                reason = reason_of(error, bucket)
                if isinstance(error, ParamValidationError) or refused >= MOST_ATTEMPTS:
                    say(f"s3://{bucket}/{key} is lost because it could not be written: {reason}")
                    return
                self._explain(reason)
            else:
                with self._lock:
                    self._last_reason, self._written = "", self._written + 1
                return
            self._deadline.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self.lose()

    def _explain(self, reason: str) -> None:
        with self._lock:
            if reason != self._last_reason:
                say(f"S3 does not accept them; they are kept and retried: {reason}")
            self._last_reason = reason

    def _s3(self) -> Any:
        with self._lock:
            if self._client is None:
                retries: Any = {"total_max_attempts": 2}
                settings = Config(max_pool_connections=THREADS, connect_timeout=5, read_timeout=20, retries=retries)
                self._client = boto3.client("s3", config=settings)
            return self._client


class SpoolReader:
    """Reads the records of a folder's files in order, and deletes the files that are done."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._path: Path | None = None
        self._offset = 0

    def open_segment(self) -> bool:
        """Turn to the first file. Returns whether a later one exists, that is whether this one is complete."""
        try:
            segments = sorted(path for path in self._folder.iterdir() if path.name.isdecimal())
        except FileNotFoundError:  # something has removed it; the server makes it again with its next record
            segments = []
        if segments and segments[0] != self._path:
            self._path, self._offset = segments[0], 0
        return len(segments) > 1

    def read(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield the records of the file that were not yet read: bucket, key and content."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            # a record that is still being written, or was cut off, lacks the end of its line
            while (head := file.readline()).endswith(b"\n") and (body := file.readline()).endswith(b"\n"):
                self._offset += len(head) + len(body)
                try:
                    bucket, key = json.loads(head)
                except ValueError:
                    say(f"{self._path.name}: an entry is damaged, and its record is lost")
                    continue
                yield bucket, key, body[:-1]

    def delete_segment(self) -> None:
        assert self._path  # noqa: S101
        self._path.unlink(missing_ok=True)
        self._path = None


class Uploading:
    """Writes all records of a folder until the server has ended and nothing is left, or time is over."""

    def __init__(self, folder: Path, deadline: UploadDeadline, writer: RecordWriter):
        self._reader, self._deadline, self._writer = SpoolReader(folder), deadline, writer
        self._room = threading.Semaphore(ROOM)
        self._unwritten: set[Future[None]] = set()

    def run(self) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            while True:
                # in this order, so that nothing is added to what is read once it counts as complete
                ended = self._server_ended(0)
                complete = self._reader.open_segment()
                if self._hand_over_new(pool):
                    continue
                if complete:
                    self._wait_until_written()
                    self._reader.delete_segment()
                elif ended:
                    return
                else:
                    self._server_ended(POLL)

    def _hand_over_new(self, pool: ThreadPoolExecutor) -> bool:
        any_new = False
        for bucket, key, body in self._reader.read():
            self._hand_over(pool, bucket, key, body)
            any_new = True
        return any_new

    def _hand_over(self, pool: ThreadPoolExecutor, bucket: str, key: str, body: bytes) -> None:
        if self._deadline.is_over:
            self._writer.lose()
            return
        weight = min(ROOM, 1 + len(body) // 2**20)
        for _ in range(weight):
            while not self._room.acquire(timeout=POLL):
                self._server_ended(0)
        self._unwritten = {future for future in self._unwritten if not future.done()}
        self._unwritten.add(pool.submit(self._write, bucket, key, body, weight))

    def _write(self, bucket: str, key: str, body: bytes, weight: int) -> None:
        try:
            self._writer.write(bucket, key, body)
        finally:
            self._room.release(weight)

    def _wait_until_written(self) -> None:
        while futures.wait(self._unwritten, POLL).not_done:
            self._server_ended(0)

    def _server_ended(self, seconds: float) -> bool:
        """From the server's end on, time is limited."""
        ended = bool(select.select([0], [], [], seconds)[0])  # its end, or the byte that it writes before it
        if ended:
            self._deadline.begin()
        return ended


def is_about_the_record(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    for_all = code in CODES_FOR_ALL or code.startswith("KMS.") or status in STATUSES_FOR_ALL
    return 400 <= status < 500 and not for_all


def reason_of(error: Exception, bucket: str) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in REASONS:
        return REASONS[code].format(bucket=bucket)
    return f"{type(error).__name__}: {ADDRESS.sub(r'\1', str(error))}"


def say(text: str) -> None:
    print(f"records: {text}", file=sys.stderr, flush=True)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are meant for the server, and this program ends after it
    os.nice(5)  # the server's requests have priority
    folder, deadline = Path(sys.argv[1]), UploadDeadline(float(sys.argv[2]))
    writer = RecordWriter(deadline)
    Uploading(folder, deadline, writer).run()
    if writer.lost:
        say(f"{writer.lost} were not written before the server ended and are lost")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
