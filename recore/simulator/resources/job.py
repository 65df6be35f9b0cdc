"""What the kinds of job share: they begin, are listed and stopped, run, and end in one of three ways."""

import logging
import threading
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from recore.simulator.errors import ServiceError
from recore.simulator.failure import JobFailed, JobStopped
from recore.simulator.logs import JobLog
from recore.simulator.platform import Platform
from recore.simulator.resources.resource import Resource, now
from recore.simulator.running import Ending, Job
from recore.simulator.sandbox import ML
from recore.simulator.store import Record

logger = logging.getLogger(__name__)


class JobResource(Resource):
    """A kind of job. A subclass says in `execute` what it does; what that returns is kept with the record."""

    log_group: ClassVar[str]
    started: ClassVar[str]  # the member that holds the time when it began to run
    ended: ClassVar[str]

    def __init__(self, platform: Platform):
        super().__init__(platform.store)
        self.platform = platform
        self._lock = threading.Lock()  # between an order to stop and the end that comes by itself
        for record in self.store.all(self.kind):  # of a simulator that ended before they did
            if record[f"{self.kind}Status"] in ("InProgress", "Stopping"):
                reason = "InternalServerError: The simulator ended before the job did"
                self.end(record[f"{self.kind}Name"], "Failed", FailureReason=reason)

    def execute(self, record: Record, job: Job) -> Record:
        """Do the work. Raises JobFailed or JobStopped."""
        raise NotImplementedError

    def begin(self, request: Record, **members: Any) -> str:
        """Keep a new job and queue it; its ARN."""
        arn = self.add(request, **{f"{self.kind}Status": "InProgress"}, **members)
        self.platform.jobs.submit(arn, partial(self._work, request[f"{self.kind}Name"]))
        return arn

    def stop(self, operation: str, request: Record) -> None:
        """Order a job to stop. Raises where it does not run."""
        with self._lock:
            record = self.find(operation, request)
            if record[f"{self.kind}Status"] not in ("InProgress", "Stopping"):
                message = f"The job is in status {record[f'{self.kind}Status']} and cannot be stopped"
                raise ServiceError("ValidationException", message)
            self.change(record[f"{self.kind}Name"], **{f"{self.kind}Status": "Stopping"})
        self.platform.jobs.stop(record[f"{self.kind}Arn"])

    def change(self, name: str, **members: Any) -> None:
        self.store.update(self.kind, name, LastModifiedTime=now(), **members)

    def end(self, name: str, status: str, **members: Any) -> None:
        """Keep how a job ended."""
        with self._lock:
            self.change(name, **{f"{self.kind}Status": status, self.ended: now()}, **members)

    def log(self, name: str, metrics: dict[str, str] | None = None) -> JobLog:
        return JobLog(self.platform.logs, self.log_group, name, metrics)

    def measure(self, name: str, ending: Ending, memory: int) -> None:
        """Tell CloudWatch the most that a job took of its instance's memory, as SageMaker does, once at its end."""
        metric = {
            "MetricName": "MemoryUtilization",
            "Dimensions": [{"Name": "Host", "Value": f"{name}/algo-1"}],
            "Value": 100 * ending.peak / memory,
            "Unit": "Percent",
        }
        try:
            self.platform.cloudwatch.put_metric_data(Namespace=self.log_group, MetricData=[metric])
        except (ClientError, BotoCoreError) as error:
            logger.debug("%s: %s", name, error)

    def check_image(self, image: str) -> None:
        """Refuse an image that nothing here stands in for."""
        if not self.platform.walls.accepts(image):
            raise ServiceError(
                "ValidationException",
                f"Only images of the scikit-learn family run as processes on this machine, not '{image}'",
            )

    def check_ending(self, job: Job, ending: Ending, log: JobLog, failure: Path) -> None:
        """Raise JobFailed with SageMaker's kind of reason where a command did not end well. Time is no failure."""
        if ending.reason == "stopped":
            raise JobStopped
        if ending.reason == "memory":
            raise JobFailed("AlgorithmError: The job needed more memory than its instance type has, exit code: 137")
        if ending.reason == "time" or ending.code == 0:
            return
        if ending.reason == "processes":
            raise JobFailed("AlgorithmError: The job started more processes than it may, exit code: 137")
        code = ending.code if ending.code is not None else 128 + (ending.signal or 0)
        ml = str(job.folder / "ml")  # which a job without a sandbox sees in place of /opt/ml
        said = text_of(failure).replace(ml, ML)[:900] or _last_error(list(log.tail)).replace(ml, ML)[-900:]
        raise JobFailed(f"AlgorithmError: {said or 'The command said nothing'}, exit code: {code}")

    def _work(self, name: str, job: Job) -> None:
        record = self.store.get(self.kind, name)
        if record is None:
            return
        try:
            if job.stopping.is_set():
                raise JobStopped
            self.change(name, **{self.started: now()})
            changes = self.execute(record, job)
            self.end(name, changes.pop("Status", "Completed"), **changes)
        except JobStopped:
            self.end(name, "Stopped")
        except JobFailed as failure:
            self.end(name, "Failed", FailureReason=str(failure)[:1024])
        except Exception as error:
            logger.exception("%s %s", self.kind, name)
            self.end(name, "Failed", FailureReason=f"InternalServerError: {error!r}"[:1024])


def _last_error(lines: list[str]) -> str:
    """The message of the last exception that a program printed, or else its last lines."""
    traces = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    message = [line for line in lines[traces[-1] + 1 :] if not line.startswith(" ")] if traces else []
    return "\n".join(message or lines[-5:])


def start_of(path: Path, size: int) -> bytes:
    """A file's first bytes; none where there is none, or a link on the way, which could lead out of the job."""
    if path != path.resolve() or not path.is_file():
        return b""
    with open(path, "rb") as file:
        return file.read(size)


def text_of(path: Path) -> str:
    """The text of a small file that a job left, as `start_of` finds it."""
    return start_of(path, 4096).decode("utf-8", "replace").strip()
