"""Failures of steps during a check, explained in the same way as in `recore run`."""

from collections.abc import Callable
from pathlib import Path

from recore.check.rule import Finding, Findings, Level, Location
from recore.evaluation import Step
from recore.failures import PIP_FAILURE, UNKNOWN_REASON, find_command, find_fix, suggest_location
from recore.text import plain

GENERAL_FIX = "Look at"  # the beginning of a general fix


class ExperimentError(Exception):
    """A job of the check failed, or its output cannot be read; the message is the reason, in one line.

    fix: in the imperative. location: the position in the submission, if known. outside: whether the cause lies outside
    the submission.
    """

    def __init__(self, reason: str, fix: str, location: Location | None = None, outside: bool = False):
        super().__init__(plain(reason))
        self.fix, self.location, self.outside = plain(fix), location, outside

    @property
    def is_installation(self) -> bool:
        """Whether the job failed because its requirements.txt could not be installed."""
        return PIP_FAILURE in str(self)

    def finding(self, problem: str, level: Level = Level.ERROR) -> Finding:
        """Return a finding about this failure. problem: the part of the message before the reason."""
        return Finding(plain(f"{problem}: {self}", 900), self.fix, self.location, level)


def failure_of(experiment: Callable[[], object]) -> ExperimentError | None:
    """Return the failure of an experiment, or None if it succeeds."""
    try:
        experiment()
    except ExperimentError as failed:
        return failed
    return None


def find_failure(experiment: Callable[[], object], problem: str) -> Findings:
    """Yield a finding if an experiment fails. problem: the part of the message before the reason."""
    if failed := failure_of(experiment):
        yield failed.finding(problem)


def explain_failure(step: Step, logs: Path, submission: Path) -> ExperimentError:
    """Convert a step's failure to an exception. submission: the path of the folder or archive."""
    frame = step.exception.location if step.exception else None
    location = Location(frame.name, frame.line) if frame else None
    fix = find_fix(step, logs, submission) or f"{GENERAL_FIX} {suggest_location(step)}"
    if command := find_command(step, submission):
        fix = f"{fix.rstrip('.')}. To reproduce it, run `{command}`"
    return ExperimentError(step.reason or UNKNOWN_REASON, fix, location, step.outside)
