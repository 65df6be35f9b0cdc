"""Records in memory, on their way from a model's server to S3.

Threads write them, so that S3 neither delays nor fails an answer. A server that stops waits for the last ones; one that
is killed loses them.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from .predictor import ModelPredictor, check_recordable
from .uploads import S3Uploader

LIMIT = 64 * 2**20  # bytes in memory
DRAIN_SECONDS = 14  # after up to 10 for requests in progress; SageMaker kills a server after 30
THREADS = 8  # most of their time they wait for S3
PAUSES = (0.5, 1, 2, 4, 8, 16, 30)  # seconds between the attempts to write a record

logger = logging.getLogger(__name__)


class RecordQueue:
    """Takes records until it is closed.

    put: writes an object; takes its bucket, key and content. limit: bytes of records in memory. drain_seconds: how long
    closing may take. pauses: seconds between the attempts to write a record.
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
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._size = self._waiting = self._lost = 0  # bytes; records
        self._is_failing = False
        self._threads = [threading.Thread(target=self._work, daemon=True, name="records") for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Take a record. It is lost, and the log says so, if the queue is full or closed."""
        with self._lock:
            if self._closing.is_set():
                self._lose("the server has stopped")
            elif self._size + len(body) > self._limit:
                self._lose(f"{self._limit} bytes of records wait for S3, which is the limit")
            else:
                self._size += len(body)
                self._waiting += 1
                self._records.put((bucket, key, body))

    def close(self) -> None:
        """Write the remaining records to S3, now without pauses between attempts, for at most drain_seconds."""
        with self._lock:
            self._closing.set()
        for _ in self._threads:
            self._records.put(None)
        end = time.monotonic() + self._drain_seconds
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
        if lost := self._lost + self._waiting:
            logger.error("records: %d were lost in total", lost)

    def _work(self) -> None:
        while (record := self._records.get()) is not None:
            reason = self._write(*record)
            with self._lock:
                self._size -= len(record[2])
                self._waiting -= 1
                if reason:
                    self._lose(reason)

    def _write(self, bucket: str, key: str, body: bytes) -> str | None:
        """Write a record. Returns why S3 does not accept it if all attempts fail."""
        reason = None
        for pause in (*self._pauses, 0):
            try:
                self._put(bucket, key, body)
            except Exception as error:  # no error may lose a record without a message
                reason = str(error)
                if not self._is_failing:
                    logger.error("records: S3 does not accept them; they are retried: %s", reason)
                self._is_failing = True
                self._closing.wait(pause)
            else:
                self._is_failing = False
                return None
        return reason

    def _lose(self, reason: str) -> None:
        self._lost += 1
        if self._lost == 1 or self._lost % 1000 == 0:
            logger.error("records: lost (%d so far): %s", self._lost, reason)


@contextmanager
def records_kept(predictor: ModelPredictor) -> Iterator[None]:
    """Have the predictor's records written in the background, if it keeps any; at the end write those that remain.

    Raises ConfigError if the environment does not say where records belong.
    """
    if not predictor.env.record_invokes:
        yield
        return
    check_recordable(predictor.env)
    records = RecordQueue(S3Uploader(lambda: predictor.s3_client).put)
    predictor.record_in_background(records)
    try:
        yield
    finally:
        records.close()
