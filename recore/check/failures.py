"""A step that failed while a submission was checked, in the words of `recore run`."""

from pathlib import Path

from recore.check.rule import Finding, Level, Place
from recore.evaluation.failure import last_lines, look_at
from recore.evaluation.hints import hint_for, memory_hint
from recore.evaluation.step import Step
from recore.evaluation.text import plain

INSTALLING = "requirements.txt "  # how the reasons of a job begin whose packages could not be installed


class ExperimentFailed(Exception):
    """A job of the check failed, or left what cannot be read; the message is the reason, one line of plain text.

    fix: what to do. place: where in the submission, if that is known. outside: the submission is not the cause.
    """

    def __init__(self, reason: str, fix: str, place: Place | None = None, outside: bool = False):
        super().__init__(plain(reason))
        self.fix, self.place, self.outside = plain(fix), place, outside

    @property
    def installing(self) -> bool:
        """Whether the job ended because its requirements.txt could not be installed."""
        return INSTALLING in str(self)

    def finding(self, what: str, level: Level = Level.ERROR) -> Finding:
        """The finding of the rule that is about this step. what: failed, as the beginning of a sentence."""
        return Finding(plain(f"{what}: {self}", 900), self.fix, self.place, level)


def explain(step: Step, logs: Path, submission: Path, name: str) -> ExperimentFailed:
    """Why a step failed. submission: its folder or archive. name: of the step in a run, such as "train"."""
    log = logs / step.log
    last = last_lines(log) if log.is_file() else []
    if step.exception:
        hint = hint_for(step.exception, name, submission)
    else:
        hint = memory_hint("\n".join([step.reason or "", *last]))
    frame = step.exception.place if step.exception else None
    place = Place(frame.name, frame.line) if frame else None
    fix = hint or f"Look at {look_at(name, step.outside)}"
    return ExperimentFailed(step.reason or "no reason is known", fix, place, step.outside)
