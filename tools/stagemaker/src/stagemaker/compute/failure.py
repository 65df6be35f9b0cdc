"""Exceptions that end a job early."""

from collections.abc import Mapping, Sequence
from typing import Any

from stagemaker.text import printable

INTERRUPTED_REASON = "InternalServerError: The simulator stopped before the job ended"


def was_interrupted(job: Mapping[str, Any]) -> bool:
    """Return whether a job failed because its simulator ended before it did. Such a job can be retried."""
    return job.get("FailureReason") == INTERRUPTED_REASON


class JobFailed(Exception):
    """Raised if the job fails. The message becomes the FailureReason, with unprintable characters replaced."""

    def __init__(self, reason: str = ""):
        super().__init__(printable(reason))


class JobStopped(Exception):
    """Raised if the job was stopped by request or by its time limit."""


class JobTimedOut(JobStopped):
    """Raised if the job was stopped by its time limit. The message goes to the job's log."""


def last_message(lines: Sequence[str]) -> str:
    """Return the last exception message in a program's output or, without an exception, the last lines."""
    traces = [index for index, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    message = [line for line in lines[traces[-1] + 1 :] if not line.startswith(" ")] if traces else []
    return "\n".join(message or lines[-5:])
