"""The results of a submission's experiments, which the rules read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from recore.check.rule import Finding, Findings, Level, Location
from recore.text import plain

SHOWN = 20  # findings of one rule
CODE_EVENTS = ("code.__new__", "function.__new__", "compile")  # in a LoadRecord: the model contains code


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training job. archive: model.tar.gz. joined: a copy with the submission added under code/.

    rows: the number of rows in the data. seconds: the duration of training. cpu_seconds: the CPU time of all processes.
    memory: the peak, as a percentage of the instance's memory. Unknown values are None.
    """

    archive: Path
    joined: Path
    rows: int
    seconds: float
    cpu_seconds: float | None
    memory: float | None


@dataclass(frozen=True)
class Variation:
    """The result of preprocess.py for a variation of the data. output: a CSV, or None. problem: why there is no CSV."""

    output: Path | None
    problem: str = ""


@dataclass(frozen=True)
class ServedResponse:
    """A model server's response. status: the HTTP status, or 0 without a response. body: None after a failure. error:
    the error message, or why there is no response. late: whether the endpoint's time limit was exceeded.
    """

    status: int
    body: Path | None
    error: str
    late: bool = False


@dataclass(frozen=True)
class BuildResult:
    """The result of setup.py. files: the SHA-256 of each archived file, by name. error: why the archive is invalid."""

    status: int
    files: dict[str, str]
    error: str
    log: Path

    @classmethod
    def read(cls, log: Path, report: Any) -> Self:
        """Read the report of build.py. Raises KeyError, TypeError or ValueError if it is invalid."""
        files = {str(name): str(digest) for name, digest in report["files"].items()}
        return cls(int(report["status"]), files, str(report["error"]), log)


@dataclass(frozen=True)
class ScriptResult:
    """The result of predict.py: its exit status, output and predictions, if any.

    statuses: the exit statuses of all runs, because predict.py is run again if it fails.
    """

    status: int
    log: str
    statuses: list[int]
    predictions: Path | None

    @classmethod
    def read(cls, predictions: Path, report: Any) -> Self:
        """Read the report of by_hand.py. Raises KeyError, TypeError or ValueError if it is invalid."""
        statuses = [int(status) for status in report["statuses"]]
        written = predictions if predictions.is_file() else None
        return cls(int(report["status"]), str(report["log"]), statuses, written)


@dataclass(frozen=True)
class Event:
    """An action of a step. kind: network, files, processes or native. name: the name of Python's audit event.

    detail: the event's arguments. location: the position in the submission.
    """

    kind: str
    name: str
    detail: str
    location: Location | None


@dataclass(frozen=True)
class Observation:
    """An observed step. status: the program's exit status, or 124 if it took too long."""

    status: int
    seconds: float
    events: list[Event]


@dataclass(frozen=True)
class LoadRecord:
    """What happened while the model was loaded. names: the modules and names that were resolved, in order.

    missing: those that were not found in any module. events: the names of Python's audit events, and their arguments.
    problem: why the record may be incomplete, or "".
    """

    names: list[tuple[str, str]]
    missing: list[tuple[str, str]]
    events: list[tuple[str, str]]
    problem: str

    @classmethod
    def read(cls, report: Any) -> Self:
        """Read the report of load.py. Raises KeyError, TypeError or ValueError if it is invalid."""
        lines: dict[str, list[tuple[str, str]]] = {"name": [], "missing": [], "event": [], "end": []}
        for kind, first, second in report["lines"]:
            lines[kind].append((plain(str(first), 200), plain(str(second), 200)))
        return cls(lines["name"], lines["missing"], lines["event"], plain(str(report["problem"]), 200))


def read_observations(report: Any) -> dict[str, Observation]:
    """Return observe.py's observations by step. Raises KeyError, TypeError or ValueError if `report` is invalid."""
    return {str(step): _read_observation(entry) for step, entry in report.items()}


def _read_observation(entry: dict[str, Any]) -> Observation:
    events = []
    for each in entry["events"]:
        location = Location(plain(str(each["file"]), 200), int(each["line"])) if each["file"] else None
        events.append(Event(str(each["kind"]), plain(str(each["event"]), 60), plain(str(each["what"]), 200), location))
    return Observation(int(entry["status"]), float(entry["seconds"]), events)


def find_events(
    observations: Mapping[str, Observation], kind: str, action: str, fix: str, level: Level = Level.ERROR
) -> Findings:
    """Yield a finding for each distinct event of this kind. action: the words after "the submission" in the message."""
    seen: set[tuple[str, Location | None]] = set()
    for step, observation in observations.items():
        for event in observation.events:
            if event.kind == kind and (event.name, event.location) not in seen and len(seen) < SHOWN:
                seen.add((event.name, event.location))
                detail = f"{event.name} {event.detail}".strip()
                yield Finding(f"In step {step}, the submission {action}: {detail}", fix, event.location, level)
