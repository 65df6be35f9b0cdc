"""The state of one step of a run."""

import time
from dataclasses import dataclass
from pathlib import Path

from recore.failures import LoggedException

END_STATES = ("Completed", "Failed", "Stopped")
STAGES = ("train", "preprocess", "predict", "score")  # the four steps: the last words of the steps' names


@dataclass
class Step:
    """A step, now or as it was recorded. kind: of its job, such as TrainingJob; None without a job.

    state: Waiting, or the platform's word. began: monotonic; in a record, seconds after the run did. seconds: its
    duration, once it has ended. memory: the highest share of the instance's, in per cent. reason: why it failed, or has
    no result. exception: the submission's, if that is the reason. outside: the cause lies outside the job. note: what
    the participant should know although it worked. activity: what it does now, if more is known than the state. data:
    the file that it reads, if the user can start its script by hand.
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
        if self.began and self.seconds is None:
            return time.monotonic() - self.began
        return self.seconds
