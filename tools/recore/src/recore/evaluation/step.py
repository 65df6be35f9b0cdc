"""The state of one step of a run."""

import time
from dataclasses import dataclass
from pathlib import Path

from recore.failures import LoggedException

END_STATES = ("Completed", "Failed", "Stopped")
STAGES = ("train", "preprocess", "predict", "score")  # the last words of the names of the four steps


@dataclass
class Step:
    """A step, live or recorded. kind: the type of its job, such as TrainingJob, or None without a job.

    state: Waiting, or the platform's status. start_time: monotonic; in a record, seconds since the run began. seconds:
    duration, once it has ended. memory: maximum memory use, in % of the instance's memory. reason: why the step failed
    or has no result. exception: the submission's exception, if that is the reason. outside: whether the cause lies
    outside the job. note: a warning to the participant about a completed step. activity: details of the current state.
    data: the script's input file, if the user can start the script manually.
    """

    name: str
    kind: str | None = None
    state: str = "Waiting"
    job: str | None = None
    start_time: float | None = None
    seconds: float | None = None
    memory: float | None = None
    reason: str | None = None
    exception: LoggedException | None = None
    outside: bool = False
    note: str | None = None
    activity: str | None = None
    data: Path | None = None

    @property
    def completed(self) -> bool:
        return self.state == "Completed"

    @property
    def log(self) -> str:
        return f"{self.name.replace(' ', '-')}.log"

    @property
    def elapsed(self) -> float | None:
        if self.start_time and self.seconds is None:
            return time.monotonic() - self.start_time
        return self.seconds
