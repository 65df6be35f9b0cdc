"""A step that failed while a submission was checked, in the words of `recore run`."""

import re
from collections.abc import Callable
from pathlib import Path

from recore.check.rule import Finding, Findings, Level, Place
from recore.evaluation import Step
from recore.failures import INSTALLING, UNKNOWN_REASON, find_command, find_hint, look_at
from recore.text import plain

LOOK_AT = "Look at"  # the beginning of a general fix
MISSING = re.compile(r"No module named '([\w.]+)'")


class ExperimentFailed(Exception):
    """A job of the check failed, or its output cannot be read; the message is the reason, in one line.

    fix: what to do. place: in the submission, if it is known. outside: the submission is not the cause.
    """

    def __init__(self, reason: str, fix: str, place: Place | None = None, outside: bool = False):
        super().__init__(plain(reason))
        self.fix, self.place, self.outside = plain(fix), place, outside

    @property
    def installing(self) -> bool:
        """Whether the job ended because its requirements.txt could not be installed."""
        return INSTALLING in str(self)

    def lacks_module(self, module: str) -> bool:
        """Whether the reason is that a module, or a package that holds it, could not be imported."""
        missing = MISSING.search(str(self))
        return missing is not None and f"{module}.".startswith(f"{missing[1]}.")

    def finding(self, what: str, level: Level = Level.ERROR) -> Finding:
        """The finding of the rule that is about this step. what: failed, as the beginning of a sentence."""
        return Finding(plain(f"{what}: {self}", 900), self.fix, self.place, level)


def failure_of(experiment: Callable[[], object]) -> ExperimentFailed | None:
    """Why an experiment failed; None if it works."""
    try:
        experiment()
    except ExperimentFailed as failed:
        return failed
    return None


def find_failure(experiment: Callable[[], object], what: str) -> Findings:
    """The finding of a rule that is about an experiment as a whole; none if it works. what: failed."""
    if failed := failure_of(experiment):
        yield failed.finding(what)


def explain(step: Step, logs: Path, submission: Path) -> ExperimentFailed:
    """Why a step failed. submission: its folder or archive."""
    frame = step.exception.place if step.exception else None
    place = Place(frame.name, frame.line) if frame else None
    fix = find_hint(step, logs, submission) or f"{LOOK_AT} {look_at(step)}"
    if command := find_command(step, submission):
        fix = f"{fix.rstrip('.')}. To see the error alone: `{command}`"
    return ExperimentFailed(step.reason or UNKNOWN_REASON, fix, place, step.outside)
