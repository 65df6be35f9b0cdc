"""How a job ends early."""


class JobFailed(Exception):
    """The job failed; the message becomes its FailureReason."""


class JobStopped(Exception):
    """The job was stopped by request or by its time limit."""


class JobTimedOut(JobStopped):
    """The job was stopped by its time limit; the message goes to its log."""
