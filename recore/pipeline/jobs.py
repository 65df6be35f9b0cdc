"""One job on the platform: started, watched to its end, its log and its memory fetched, stopped where the run stops."""

import contextlib
import datetime
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from recore.pipeline.exceptions import LoggedException
from recore.pipeline.observing import peak_memory, write_log
from recore.pipeline.reasons import read_reason

OVER = ("Completed", "Failed", "Stopped")
# seconds between looks at a job: a twentieth of what it has taken so far, and not less or more than these
SHORTEST, LONGEST = 0.1, 10.0


class StepFailed(Exception):
    """A step failed; the message is the reason."""


class StepStopped(Exception):
    """The run was told to stop."""


@dataclass
class Step:
    """One step of a run as it stands. kind: of its job, TrainingJob and so on, or None where it has none.

    state: Waiting, or the platform's own word. seconds: from its beginning, as seen from here. memory: the highest
    share of its instance's memory that CloudWatch knows of, in per cent. reason: why it failed. exception: the
    submission's, where that is the reason. outside: it failed around the job, not in it.
    """

    name: str
    kind: str | None = None
    state: str = "Waiting"
    job: str | None = None
    began: float | None = None
    seconds: float | None = None
    memory: float | None = None
    reason: str | None = None
    exception: LoggedException | None = None
    outside: bool = False

    @property
    def completed(self) -> bool:
        return self.state == "Completed"

    @property
    def log(self) -> str:
        """The name of its log's file."""
        return f"{self.name.replace(' ', '-')}.log"

    @property
    def elapsed(self) -> float | None:
        """Seconds until now, or until its end."""
        return time.monotonic() - self.began if self.began and self.seconds is None else self.seconds


@dataclass(frozen=True)
class Services:
    """boto3 clients; where they lead decides where a run happens. lateness: seconds by which logs come late there."""

    sagemaker: Any
    s3: Any
    logs: Any
    cloudwatch: Any
    lateness: float = 0.0


class Jobs:
    """Runs steps. logs: the folder for their logs. watch: called when a step changes. stopping: set to stop all."""

    def __init__(self, services: Services, logs: Path):
        self.services, self.logs = services, logs
        self.watch: Callable[[Step], None] = lambda step: None
        self.stopping = threading.Event()

    @contextlib.contextmanager
    def step(self, step: Step) -> Iterator[Step]:
        """What happens within is the step: its end, how it ended, and the time that it took are kept with it.

        Raises StepFailed, also for what AWS or this machine's disk refuses, or StepStopped.
        """
        step.began = time.monotonic()
        self._enter(step, "InProgress")
        state = "Failed"
        try:
            yield step
            state = "Completed"
        except StepStopped:
            state = "Stopped"
            raise
        except StepFailed as error:
            step.reason = str(error)
            raise
        except (ClientError, BotoCoreError, Boto3Error, OSError, ValueError) as error:
            step.reason, step.outside = str(error), not isinstance(error, ValueError)  # which is of what a job left
            raise StepFailed(step.reason) from error
        finally:
            step.seconds = time.monotonic() - step.began
            self._enter(step, state)

    def go_on(self) -> None:
        """Raises StepStopped where the run is to stop."""
        if self.stopping.is_set():
            raise StepStopped

    def run(self, step: Step, request: dict[str, Any]) -> dict[str, Any]:
        """Start a step's job and wait for its end; its description. Raises StepFailed or StepStopped."""
        self.go_on()
        kind = str(step.kind)
        step.job = name = request[f"{kind}Name"]
        started = datetime.datetime.now(datetime.UTC)
        try:
            self._call(f"Create{kind}", **request)
            job = self._wait(step, kind, name)
        except (ClientError, BotoCoreError) as error:
            raise self._left(kind, name, error) from error
        late = 0.0 if self.stopping.is_set() else self.services.lateness
        write_log(self.services.logs, kind, name, self.logs / step.log, late)
        step.memory = peak_memory(self.services.cloudwatch, kind, name, started)
        status = job[f"{kind}Status"]
        if status == "Stopped":
            self.go_on()
            raise StepFailed("it was stopped: it took longer than it may, or someone else stopped it")
        if status != "Completed":
            reason, step.exception = read_reason(job.get("FailureReason"), self.logs / step.log)
            raise StepFailed(reason)
        return job

    def _wait(self, step: Step, kind: str, name: str) -> dict[str, Any]:
        """Look until the job has ended. An order to stop is handed on once."""
        began, ordered = time.monotonic(), False
        while (job := self._call(f"Describe{kind}", **{f"{kind}Name": name}))[f"{kind}Status"] not in OVER:
            if not self.stopping.is_set():
                self._enter(step, job.get("SecondaryStatus") or job[f"{kind}Status"])
            if self.stopping.is_set() and not ordered:
                ordered = self._stop(kind, name)
                self._enter(step, "Stopping")
            pause = min(max((time.monotonic() - began) / 20, SHORTEST), LONGEST)
            if ordered:
                time.sleep(pause)
            else:
                self.stopping.wait(pause)
        return job

    def _stop(self, kind: str, name: str) -> bool:
        try:
            self._call(f"Stop{kind}", **{f"{kind}Name": name})
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
                return False  # it has just ended, or has not begun: seen at the next look
            raise
        return True

    def _left(self, kind: str, name: str, error: Exception) -> Exception:
        """What to say of a job that can no longer be watched or stopped: it must not run on unnoticed, at a price."""
        if getattr(error, "operation_name", None) == f"Create{kind}":  # it was refused: there is no such job
            return error
        with contextlib.suppress(ClientError, BotoCoreError):
            self._call(f"Stop{kind}", **{f"{kind}Name": name})
            return StepFailed(f"{error}; the job {name} was told to stop")
        return StepFailed(f"{error}; THE JOB {name} MAY STILL RUN: stop it by hand")

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self.services.sagemaker, xform_name(operation))(**request)
        return answer

    def _enter(self, step: Step, state: str) -> None:
        if step.state != state:
            step.state = state
            self.watch(step)
