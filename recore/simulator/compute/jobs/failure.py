"""How a job ends early."""

from collections.abc import Mapping
from typing import Any

INTERRUPTED = "InternalServerError: The simulator ended before the job did"


def was_interrupted(job: Mapping[str, Any]) -> bool:
    """Whether a job, by its record, was in progress when an earlier simulator ended. It can then be repeated."""
    return job.get("FailureReason") == INTERRUPTED


class JobFailed(Exception):
    """The job failed; the message becomes its FailureReason, in which nothing can direct a terminal."""

    def __init__(self, reason: str = ""):
        super().__init__(printable(reason))


class JobStopped(Exception):
    """The job was stopped by request or by its time limit."""


class JobTimedOut(JobStopped):
    """The job was stopped by its time limit; the message goes to its log."""


def printable(text: str) -> str:
    """Text of a stranger with a question mark for each character that is neither printable, nor a tab or a new line."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "?" for letter in text.replace("\r\n", "\n"))
