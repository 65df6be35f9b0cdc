"""A queue in a model server's memory for records that are to be written to S3.

Threads write them, so that S3 does not delay responses. A server that stops first writes the remaining records; a
killed server loses them.
"""

import functools
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from botocore.config import Config

from .predictor import ModelPredictor, require_s3_url
from .uploads import S3Uploader, make_s3_client

LIMIT = 64 * 2**20  # bytes in memory
DRAIN_SECONDS = 14  # after up to 10 for requests in progress; SageMaker kills a server after 30
THREADS = 8  # they mostly wait for S3
PAUSES = (0.5, 1, 2, 4, 8, 16, 30)  # seconds between the attempts to write a record
CLOSING_PAUSE = 0.5  # the maximum when the queue is closed
# an unresponsive S3 must not use up the time for the last records
S3_CONFIG = Config(connect_timeout=5, read_timeout=20, max_pool_connections=THREADS, retries={"total_max_attempts": 2})

logger = logging.getLogger(__name__)


class RecordQueue:
    """A queue that accepts records from several threads until closed. Do not fork the process after creating one.

    put: a function that writes an object, given bucket, key and content. limit: the maximum bytes in memory, which a
    single record may exceed. drain_seconds: the maximum duration of close(). pauses: the seconds between attempts to
    write a record, which is lost if all fail.
    """

    def __init__(
        self,
        put: Callable[[str, str, bytes], None],
        limit: int = LIMIT,
        drain_seconds: float = DRAIN_SECONDS,
        pauses: Sequence[float] = PAUSES,
    ):
        self._put, self._limit, self._drain_seconds, self._pauses = put, limit, drain_seconds, pauses
        self._records: queue.SimpleQueue[tuple[str, str, bytes] | None] = queue.SimpleQueue()
        self._lock, self._closing, self._deadline = threading.Lock(), threading.Event(), math.inf
        self._size = self._n_waiting = self._n_lost = 0  # bytes; records
        self._problem = ""  # the last logged problem, until a record is written
        self._threads = [threading.Thread(target=self._work, daemon=True, name="records") for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Add a record. If the queue is full or closed, the record is lost and an error is logged."""
        with self._lock:
            if self._closing.is_set():
                self._drop("the server has stopped")
            elif self._size and self._size + len(body) > self._limit:
                self._drop(f"the limit of {self._limit} bytes of records waiting for S3 is reached")
            else:
                self._size += len(body)
                self._n_waiting += 1
                self._records.put((bucket, key, body))

    def close(self) -> None:
        """Write the remaining records to S3, for at most drain_seconds."""
        self._deadline = time.monotonic() + self._drain_seconds
        with self._lock:
            self._closing.set()
        for _ in self._threads:
            self._records.put(None)
        for thread in self._threads:
            thread.join(max(0, self._deadline - time.monotonic()))
        if lost := self._n_lost + self._n_waiting:
            logger.error("records: %d were lost in total", lost)

    def _work(self) -> None:
        while (record := self._records.get()) is not None:
            error = self._write(*record)
            with self._lock:
                self._size -= len(record[2])
                self._n_waiting -= 1
                if error:
                    self._n_lost += 1
                    if time.monotonic() < self._deadline:  # afterwards it is counted by `close`
                        logger.error("records: lost: %s", error)

    def _write(self, bucket: str, key: str, body: bytes) -> Exception | None:
        """Write a record; return the last error if all attempts fail."""
        for pause in (*self._pauses, None):
            try:
                self._put(bucket, key, body)
                break
            except Exception as error:  # no error may lose a record without a message
                if pause is None or time.monotonic() > self._deadline:
                    return error
                self._log(error)
                if self._closing.wait(pause):
                    time.sleep(min(pause, CLOSING_PAUSE))
        self._problem = ""
        return None

    def _log(self, error: Exception) -> None:
        cause = error.__cause__ or error  # its message does not contain the record's key, unless S3 rejects the key
        if self._problem != str(cause):
            self._problem = str(cause)
            logger.error("records: writing to S3 failed and will be retried: %s", error)

    def _drop(self, reason: str) -> None:
        self._n_lost += 1
        if self._n_lost == 1 or self._n_lost % 1000 == 0:
            logger.error("records: lost (%d so far): %s", self._n_lost, reason)


@contextmanager
def background_recording(predictor: ModelPredictor) -> Iterator[None]:
    """If recording is enabled, write the predictor's records in the background, and the rest on exit.

    Raises ConfigError if recording is enabled but the S3 URL or the model's version is not set.
    """
    if not predictor.env.record_invokes:
        yield
        return
    require_s3_url(predictor.env)
    client = functools.cache(lambda: make_s3_client(predictor.env.session, config=S3_CONFIG))
    records = RecordQueue(S3Uploader(client).put)
    predictor.record_in_background(records)
    try:
        yield
    finally:
        records.close()
