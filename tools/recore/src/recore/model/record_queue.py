"""Records in memory, on their way from a model's server to S3.

Threads write them, so that S3 neither delays nor fails an answer. A server that stops waits for the last ones; one that
is killed loses them.
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

from .predictor import ModelPredictor, check_recordable
from .uploads import S3Uploader, make_s3_client

LIMIT = 64 * 2**20  # bytes in memory
DRAIN_SECONDS = 14  # after up to 10 for requests in progress; SageMaker kills a server after 30
THREADS = 8  # most of their time they wait for S3
PAUSES = (0.5, 1, 2, 4, 8, 16, 30)  # seconds between the attempts to write a record
CLOSING_PAUSE = 0.5  # the longest when the queue is closed
# an S3 that does not respond must not use up the time for the last records
S3_CONFIG = Config(connect_timeout=5, read_timeout=20, max_pool_connections=THREADS, retries={"total_max_attempts": 2})

logger = logging.getLogger(__name__)


class RecordQueue:
    """Takes records from several threads until it is closed; not in a process that is forked later.

    put: writes an object: bucket, key, content. limit: bytes in memory, which a single record may exceed.
    drain_seconds: how long closing may take. pauses: seconds between attempts; after the last one a record is lost.
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
        self._lock, self._closing, self._end = threading.Lock(), threading.Event(), math.inf
        self._size = self._waiting = self._lost = 0  # bytes; records
        self._problem = ""  # the last one that was logged, until a record is written
        self._threads = [threading.Thread(target=self._work, daemon=True, name="records") for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Take a record. It is lost, and the log says so, if the queue is full or closed."""
        with self._lock:
            if self._closing.is_set():
                self._lose("the server has stopped")
            elif self._size and self._size + len(body) > self._limit:
                self._lose(f"{self._limit} bytes of records wait for S3, which is the limit")
            else:
                self._size += len(body)
                self._waiting += 1
                self._records.put((bucket, key, body))

    def close(self) -> None:
        """Write the remaining records to S3, for at most drain_seconds."""
        self._end = time.monotonic() + self._drain_seconds
        with self._lock:
            self._closing.set()
        for _ in self._threads:
            self._records.put(None)
        for thread in self._threads:
            thread.join(max(0, self._end - time.monotonic()))
        if lost := self._lost + self._waiting:
            logger.error("records: %d were lost in total", lost)

    def _work(self) -> None:
        while (record := self._records.get()) is not None:
            error = self._write(*record)
            with self._lock:
                self._size -= len(record[2])
                self._waiting -= 1
                if error:
                    self._lost += 1
                    if time.monotonic() < self._end:  # afterwards it is one of those that `close` counts
                        logger.error("records: lost: %s", error)

    def _write(self, bucket: str, key: str, body: bytes) -> Exception | None:
        """Returns the last error if all attempts fail."""
        for pause in (*self._pauses, None):
            try:
                self._put(bucket, key, body)
                break
            except Exception as error:  # no error may lose a record without a message
                if pause is None or time.monotonic() > self._end:
                    return error
                self._log(error)
                if self._closing.wait(pause):
                    time.sleep(min(pause, CLOSING_PAUSE))
        self._problem = ""
        return None

    def _log(self, error: Exception) -> None:
        cause = error.__cause__ or error  # whose text does not contain the record's key, unless S3 refuses that
        if self._problem != str(cause):
            self._problem = str(cause)
            logger.error("records: S3 does not take them, and they are tried again: %s", error)

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
    client = functools.cache(lambda: make_s3_client(predictor.env.session, config=S3_CONFIG))
    records = RecordQueue(S3Uploader(client).put)
    predictor.record_in_background(records)
    try:
        yield
    finally:
        records.close()
