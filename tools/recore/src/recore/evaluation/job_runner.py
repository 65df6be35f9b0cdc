"""Run jobs on the platform: start, monitor and stop them, and fetch their logs and memory use."""

import contextlib
import datetime
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from recore.backends import Services, SimulatorGoneError
from recore.evaluation.job_logs import read_utilization, write_log
from recore.evaluation.job_requests import JOB_SECONDS
from recore.evaluation.step import END_STATES, Step
from recore.failures import is_outside, read_reason
from recore.text import plain
from stagemaker import interrupts

# seconds between requests for a job's status: a fiftieth of its time so far, within these bounds
MIN_PAUSE, MAX_PAUSE = 0.2, 10.0
# error codes after which the same request can succeed later, and bounds of the seconds between tries
RETRIED_CODES = ("ResourceLimitExceeded", "ThrottlingException", "Throttling", "TooManyRequestsException")
MIN_RETRY_PAUSE, MAX_RETRY_PAUSE = 5.0, 120.0
TRANSFORM_SECONDS = JOB_SECONDS  # a transform job's request has no time limit, so the runner stops the job
TRANSFERS = ("Downloading", "Uploading")  # secondary statuses
TIMED_OUT = "the job was stopped: it exceeded its time limit"  # beginning of a step's reason


class StepFailed(Exception):
    """The step failed; the message gives the reason."""


class StepStopped(Exception):
    """The step was stopped because the run is stopping."""


class JobRunner:
    """Runner of a run's steps. logs: the folder for logs. gone_error: set if the simulator has stopped.

    watch: a function called when a step changes. stopping: an event that stops all steps.
    """

    def __init__(self, services: Services, logs: Path):
        self.services, self.logs = services, logs
        self.watch: Callable[[Step], None] = lambda step: None
        self.stopping = threading.Event()
        self.gone_error: SimulatorGoneError | None = None

    @contextlib.contextmanager
    def step(self, step: Step) -> Iterator[Step]:
        """Return a context manager that runs its body as a step and records the step's state and duration.

        Raises StepStopped or StepFailed; AWS and disk errors also become StepFailed.
        """
        from boto3.exceptions import Boto3Error

        step.start_time = time.monotonic()
        self._set_state(step, "InProgress")
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
            step.reason = str(error)
            step.outside = not isinstance(error, ValueError)  # a ValueError is about a job's output
            self.gone_error = error if isinstance(error, SimulatorGoneError) else self.gone_error
            raise StepFailed(step.reason) from error
        finally:
            step.seconds = time.monotonic() - step.start_time
            self._set_state(step, state)

    def raise_if_stopping(self) -> None:
        if self.stopping.is_set():
            raise StepStopped

    def run(self, step: Step, request: dict[str, Any]) -> dict[str, Any]:
        """Run a step's job and return its description. Raises StepFailed or, if the run is stopping, StepStopped."""
        self.raise_if_stopping()
        kind = str(step.kind)
        name = request[f"{kind}Name"]
        step.job = name
        started = datetime.datetime.now(datetime.UTC)
        limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", TRANSFORM_SECONDS)
        try:
            self._create(step, kind, request)
            job = self._wait(step, kind, name, limit)
        except (ClientError, BotoCoreError) as error:
            step.outside = True
            raise self._abandon(kind, name, error) from error
        except KeyboardInterrupt:
            self._abandon(kind, name, StepStopped())
            raise
        delay = 0.0 if self.stopping.is_set() else self.services.log_delay
        status = job[f"{kind}Status"]
        write_log(self.services.logs, kind, name, self.logs / step.log, delay, to_end=status == "Failed")
        step.memory = read_utilization(self.services.cloudwatch, kind, name, started)
        if status == "Stopped":
            self.raise_if_stopping()
            if job.get("SecondaryStatus") == "MaxRuntimeExceeded" or _duration(job) >= limit:
                raise StepFailed(f"{TIMED_OUT} of {limit / 60:.3g} min")
            raise StepFailed(f"{TIMED_OUT}, or someone else stopped it")
        if status != "Completed":
            step.outside = is_outside(job.get("FailureReason"))
            reason, step.exception = read_reason(job.get("FailureReason"), self.logs / step.log)
            raise StepFailed(reason)
        return job

    def _create(self, step: Step, kind: str, request: dict[str, Any]) -> None:
        """Create a job. If AWS throttles or a quota is exhausted, retry with backoff for up to `patience` seconds."""
        pause, deadline = MIN_RETRY_PAUSE, time.monotonic() + self.services.patience
        while True:
            try:
                self._call(f"Create{kind}", **request)
                return
            except ClientError as error:
                if error.response["Error"]["Code"] not in RETRIED_CODES or time.monotonic() > deadline:
                    raise
            self._set_state(step, "Waiting")
            interrupts.sleep(pause * random.uniform(0.5, 1.5), self.stopping)
            self.raise_if_stopping()
            pause = min(2 * pause, MAX_RETRY_PAUSE)

    def _wait(self, step: Step, kind: str, name: str, limit: float) -> dict[str, Any]:
        """Wait for a job. Stop it on request, or if it is a transform job that exceeds the time limit."""
        began, stop_requested, running_since = time.monotonic(), False, math.inf
        while True:
            job = self._call(f"Describe{kind}", **{f"{kind}Name": name})
            if job[f"{kind}Status"] in END_STATES:
                return job
            if "TransformStartTime" in job:
                running_since = min(running_since, time.monotonic())
            if not self.stopping.is_set() and time.monotonic() < running_since + limit:
                step.activity = _activity(job)
                self._set_state(step, job.get("SecondaryStatus") or job[f"{kind}Status"])
            elif not stop_requested:
                stop_requested = self._stop(kind, name)
                self._set_state(step, "Stopping")
            pause = min(max((time.monotonic() - began) / 50, MIN_PAUSE), MAX_PAUSE)
            if stop_requested:
                interrupts.sleep(pause)
            else:
                interrupts.sleep(pause, self.stopping)

    def _stop(self, kind: str, name: str) -> bool:
        try:
            self._call(f"Stop{kind}", **{f"{kind}Name": name})
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
                return False  # the job has just ended, or has not started yet; its next status shows which
            raise
        return True

    def _abandon(self, kind: str, name: str, error: Exception) -> Exception:
        """Stop a job that can no longer be monitored, to avoid further costs, and return the exception to raise."""
        if getattr(error, "operation_name", None) == f"Create{kind}":  # the job was rejected, so it does not exist
            return error
        with contextlib.suppress(ClientError, BotoCoreError):
            self._call(f"Stop{kind}", **{f"{kind}Name": name})
            return StepFailed(f"{error}; the job {name} is being stopped")
        return StepFailed(f"{error}; THE JOB {name} MAY STILL BE RUNNING; stop it manually")

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        response: dict[str, Any] = getattr(self.services.sagemaker, xform_name(operation))(**request)
        return response

    def _set_state(self, step: Step, state: str) -> None:
        if step.state != state:
            step.state = state
            self.watch(step)


def _duration(job: dict[str, Any]) -> float:
    """Return the duration of a processing or transform job in seconds, or 0 if it never started."""
    times = [job.get(f"Processing{end}", job.get(f"Transform{end}")) for end in ("StartTime", "EndTime")]
    return (times[1] - times[0]).total_seconds() if times[0] and times[1] else 0.0


def _activity(job: dict[str, Any]) -> str | None:
    if job.get("SecondaryStatus") not in TRANSFERS:
        return None
    last = (job.get("SecondaryStatusTransitions") or [{}])[-1]
    message = plain(str(last.get("StatusMessage", "")))
    return message[:1].lower() + message[1:]
