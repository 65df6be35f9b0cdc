"""Background work that waits for other resources. After a restart, it continues from the progress in its records."""

import contextlib
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botocore import xform_name
from botocore.exceptions import ClientError

from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.job import Job
from stagemaker.compute.platform import Platform
from stagemaker.state.records import Record
from stagemaker.text import printable_logger

T = TypeVar("T")

logger = printable_logger(__name__)

RETRY_DELAY = 1.0  # seconds before a change that could not be written is retried
MAX_REASON_LENGTH = 1024  # characters


class Work(ABC):
    """The background work of one resource: it creates other resources, waits for them and ends.

    All state is in the records, and each step is recorded before the next one begins. `run` can therefore resume at any
    time, in this process or a later one.
    """

    def __init__(self, platform: Platform, key: str, job: Job):
        """Initialise. key: the key of the resource's record. job: the job that is cancelled when the simulator ends."""
        self.platform, self.store, self.key, self.job = platform, platform.store, key, job
        self._preparing_seconds = 0.0

    @abstractmethod
    def run(self) -> None:
        """Run until the resource has a final status.

        Raises JobStopped when the simulator ends, and OSError if a change could not be written or requested. After an
        OSError, `run` is called again on a new object.
        """

    @abstractmethod
    def fail(self, reason: str) -> None:
        """Record that the work failed because of an unexpected error. Raises OSError like `run`."""

    def wait(self, seconds: float) -> None:
        """Wait. Raises JobStopped when the simulator ends."""
        if self.job.stopping.wait(seconds):
            raise JobStopped

    def clock(self) -> float:
        """Return a monotonic time in seconds that excludes the time spent in `make_available`."""
        return time.monotonic() - self._preparing_seconds

    def make_available(self, images: Iterable[str]) -> None:
        """Prepare images. Errors are ignored; jobs report them later. Raises JobStopped when the simulator ends."""
        began, report = time.monotonic(), partial(logger.warning, "stagemaker: %s")
        for image in images:
            with contextlib.suppress(OSError):
                self.platform.isolation.prepare(image, report, lambda: self.wait(0))
        self._preparing_seconds += time.monotonic() - began

    def persist(self, access: Callable[[], T]) -> T:
        """Return the result of `access`, which reads or writes records. Retry while it raises OSError.

        Used by work that cannot restart from the records while the simulator runs. Raises JobStopped when the simulator
        ends.
        """
        while True:
            try:
                return access()
            except OSError as error:
                logger.warning("Could not access the records, retrying: %s", error)
                self.wait(RETRY_DELAY)


def begin(platform: Platform, kind: str, key: str, make_work: Callable[[Platform, str, Job], Work]) -> None:
    """Start a resource's work in a separate thread. kind: the resource's kind, for log messages.

    When the simulator ends, the records stay unchanged, and the next simulator continues the work.
    """

    def work(job: Job) -> None:
        while not job.stopping.is_set():
            try:
                _run(make_work(platform, key, job), kind)
                return
            except JobStopped:
                return
            except OSError as error:  # no change may be lost while the disk is full
                logger.warning("The work of %s %s was interrupted, retrying: %s", kind, key, error)
                job.stopping.wait(RETRY_DELAY)

    try:
        platform.jobs.submit(f"{kind}/{key}/{uuid.uuid4()}", work, computes=False)
    except RuntimeError as error:  # no thread can be started
        make_work(platform, key, Job(Path())).fail(failure_reason(error))


def _run(work: Work, kind: str) -> None:
    try:
        work.run()
    except (JobStopped, OSError):
        raise
    except Exception as error:
        if work.job.stopping.is_set():  # the error may be due to the simulator's end
            raise JobStopped from None
        logger.exception("The work of %s %s failed", kind, work.key)
        work.fail(failure_reason(error))


def failure_reason(error: Exception) -> str:
    reason = str(error) if isinstance(error, JobFailed) else f"InternalServerError: {error!r}"
    return reason[:MAX_REASON_LENGTH]


def send(platform: Platform, operation: str, request: Record) -> Any:
    """Send a request to the simulator itself and return the response. Raises ClientError if the request fails."""
    return getattr(platform.sagemaker, xform_name(operation))(**request)


def raise_if_unavailable(error: ClientError) -> None:
    """Raise OSError for a server error, such as a full disk, so that the request is repeated."""
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        raise OSError(str(error)) from None
