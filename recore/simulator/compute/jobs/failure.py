"""How a job ends early."""

from recore.failures.text import printable

INTERRUPTED = "InternalServerError: The simulator ended before the job did"


class JobFailed(Exception):
    """The job failed; the message becomes its FailureReason, in which nothing can direct a terminal."""

    def __init__(self, reason: str = ""):
        super().__init__(printable(reason))


class JobStopped(Exception):
    """The job was stopped by request or by its time limit."""


class JobTimedOut(JobStopped):
    """The job was stopped by its time limit; the message goes to its log."""
