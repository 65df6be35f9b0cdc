"""Exceptions that end a job early."""

from collections.abc import Mapping
from typing import Any

from recore.failures import printable

INTERRUPTED = "InternalServerError: The simulator ended before the job did"


def was_interrupted(job: Mapping[str, Any]) -> bool:
    """Return whether a job failed because an earlier simulator ended before the job did. Such a job can be retried."""
    return job.get("FailureReason") == INTERRUPTED


class JobFailed(Exception):
    """The job failed. The exception's message becomes the FailureReason, with unprintable characters replaced."""

    def __init__(self, reason: str = ""):
        super().__init__(printable(reason))


class JobStopped(Exception):
    """The job was stopped by request or by its time limit."""


class JobTimedOut(JobStopped):
    """The job was stopped by its time limit. The message goes to the job's log."""
