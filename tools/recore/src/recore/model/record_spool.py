"""Records on disk, on their way from a model's server to S3.

The server appends each record to a file, which takes microseconds, and `record_uploader.py`, a process of its own,
writes them to S3. So S3 neither delays nor fails an answer, and a server that is killed leaves its records to the
uploader. The spool has a limit: if S3 does not take records for long, further ones are dropped, and the log says so.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .predictor import ModelPredictor, check_recordable

UPLOADER = Path(__file__).with_name("record_uploader.py")
LIMIT = 256 * 2**20  # bytes on disk
SEGMENT = 2**20  # bytes of one file
# The time to write the last records after the server has stopped, and further time for the uploader to end. Requests in
# progress have 10 seconds before that, and SageMaker kills a server after 30.
DRAIN_SECONDS = 14
EXIT_SECONDS = 5
LOOK = 0.2  # seconds between two measurements of a full spool
RESTART = 1  # seconds until an uploader that ended is started again

logger = logging.getLogger(__name__)


class RecordSpool:
    """Takes records until it is closed. Safe to use from several threads, but not from a process that was forked later.

    limit, segment: bytes of the spool and of one of its files. drain_seconds: for the last records. parent: of the
    spool's folder. uploader: the program that writes the records.
    """

    def __init__(
        self,
        limit: int = LIMIT,
        segment: int = SEGMENT,
        drain_seconds: float = DRAIN_SECONDS,
        parent: Path | None = None,
        uploader: Path = UPLOADER,
    ):
        self.folder = Path(tempfile.mkdtemp(prefix="recore-records-", dir=parent))
        self._limit, self._segment, self._drain_seconds, self._uploader = limit, segment, drain_seconds, uploader
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._number = self._dropped = 0
        self._file: int | None = None
        self._size = self._used = 0  # bytes in this segment; in all of them, or more if some were uploaded since
        self._next_look = 0.0
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="record-spool")
        self._watcher.start()

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Take a record of one line. It is dropped, and the log says so, if the spool or the disk is full."""
        entry = b"%s\n%s\n" % (json.dumps([bucket, key]).encode(), body)
        with self._lock:
            try:
                stored = not self._closing.is_set() and self._append(entry)
            except OSError as error:
                self._end_segment()  # an entry that was cut off must be the last one of its file
                self._drop(f"the spool could not be written: {error}")
                return
            if not stored:
                self._drop(
                    "the server has stopped" if self._closing.is_set() else f"the spool is full ({self._limit} bytes)"
                )

    def close(self) -> None:
        """Write the remaining records to S3. Returns when they are written, or after about `drain_seconds` at most."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            self._end_segment()
        self._drain()
        self._watcher.join()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._dropped:
            logger.error("records: %d were dropped in total", self._dropped)

    def _drain(self) -> None:
        """If the uploader ends early, another one has the rest of the time."""
        end = time.monotonic() + self._drain_seconds
        try:
            if self._process.poll() is not None:
                self._process = self._start()
            code = self._finish(end)
            if code and time.monotonic() < end:
                logger.error("records: the uploader ended with exit code %d; it is being restarted", code)
                self._process = self._start(end - time.monotonic())
                code = self._finish(end)
        except subprocess.TimeoutExpired:
            logger.error("records: the uploader did not end; records may be lost")
            self._process.kill()
            self._process.wait()
        except OSError as error:
            logger.error("records: the uploader could not be started: %s; records may be lost", error)
        else:
            if code:
                logger.error("records: the uploader ended with exit code %d; records may be lost", code)

    def _finish(self, end: float) -> int:
        # a byte, as the pipe does not end while a process that the model forked holds it open
        self._process.communicate(b"\n", max(0, end - time.monotonic()) + EXIT_SECONDS)
        return self._process.returncode

    def _append(self, entry: bytes) -> bool:
        if not self._has_room(len(entry)):
            return False
        is_gone = self._file is not None and not os.fstat(self._file).st_nlink  # something has removed the folder
        if self._file is None or is_gone or (self._size and self._size + len(entry) > self._segment):
            self._file = self._begin_segment()
        if os.write(self._file, entry) < len(entry):
            raise OSError("the disk is full")
        self._size += len(entry)
        self._used += len(entry)
        return True

    def _has_room(self, size: int) -> bool:
        if self._used + size > self._limit and time.monotonic() >= self._next_look:
            self._used, self._next_look = self._bytes_on_disk(), time.monotonic() + LOOK
        return self._used + size <= self._limit

    def _begin_segment(self) -> int:
        self._end_segment()
        self._number += 1
        self.folder.mkdir(0o700, exist_ok=True)
        path = self.folder / f"{self._number:012}"
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)

    def _end_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._size = None, 0

    def _bytes_on_disk(self) -> int:
        total = 0
        for entry in os.scandir(self.folder) if self.folder.exists() else ():
            try:
                total += entry.stat().st_size
            except FileNotFoundError:  # uploaded meanwhile
                continue
        return total

    def _drop(self, reason: str) -> None:
        self._dropped += 1
        if self._dropped == 1 or self._dropped % 1000 == 0:
            logger.error("records: dropped (%d so far): %s", self._dropped, reason)

    def _start(self, seconds: float | None = None) -> "subprocess.Popen[bytes]":
        """Start the uploader. seconds: those that it has when the server ends, by default all. Raises OSError."""
        limit = self._drain_seconds if seconds is None else seconds
        command = [sys.executable, "-P", str(self._uploader), str(self.folder), str(limit)]
        return subprocess.Popen(command, stdin=subprocess.PIPE)

    def _watch(self) -> None:
        while not self._closing.is_set():
            code = self._process.wait()
            if self._closing.wait(RESTART):
                return
            with self._lock:
                if not self._closing.is_set():
                    logger.error("records: the uploader ended with exit code %d; it is being restarted", code)
                    try:
                        self._process = self._start()
                    except OSError as error:
                        logger.error("records: the uploader could not be started: %s", error)


@contextmanager
def records_kept(predictor: ModelPredictor) -> Iterator[None]:
    """Have the predictor's records written in the background, if it keeps any; at the end write those that remain.

    Raises ConfigError if the environment does not say where records belong.
    """
    if not predictor.env.record_invokes:
        yield
        return
    check_recordable(predictor.env)
    spool = RecordSpool()
    predictor.record_in_background(spool)
    try:
        yield
    finally:
        spool.close()
