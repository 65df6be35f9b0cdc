"""What the experiments with a submission leave for the rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from recore.check.rule import Finding, Findings, Level, Place
from recore.text import plain

SHOWN = 20  # findings of one rule


@dataclass(frozen=True)
class Trained:
    """A training. archive: the model.tar.gz of the job; joined: the same with the submission under code/.

    rows: of the data. seconds: that the job worked. processor_seconds: of all its processes together. memory: its peak,
    in per cent of the instance's. None if a value is unknown.
    """

    archive: Path
    joined: Path
    rows: int
    seconds: float
    processor_seconds: float | None
    memory: float | None


@dataclass(frozen=True)
class Variation:
    """The CSV that preprocess.py wrote for a variation of the data; or None and the reason of the failure."""

    output: Path | None
    problem: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer of a model's server. status: of HTTP, 0 if none came. body: of a success. text: of another answer,
    or the reason why none came. late: none came within the time that an endpoint has.
    """

    status: int
    body: Path | None
    text: str
    late: bool = False


@dataclass(frozen=True)
class Built:
    """What setup.py made: the exit status, the files of the archive by name with their SHA-256, an error, the log."""

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
class ByHand:
    """What predict.py made: its exit status, its output, and its predictions if there are any.

    statuses: of all runs; if the first one fails, it is repeated.
    """

    status: int
    log: str
    statuses: list[int]
    predictions: Path | None

    @classmethod
    def read(cls, predictions: Path, report: Any) -> Self:
        """Read the report of by_hand.py. Raises the same as Built.read."""
        statuses = [int(status) for status in report["statuses"]]
        written = predictions if predictions.is_file() else None
        return cls(int(report["status"]), str(report["log"]), statuses, written)


@dataclass(frozen=True)
class Event:
    """Something that a step tried. kind: network, files, processes or native. event: Python's name of it.

    place: where in the submission.
    """

    kind: str
    event: str
    what: str
    place: Place | None


@dataclass(frozen=True)
class Observation:
    """A step that was observed. status: of its program, 124 if it took too long."""

    status: int
    seconds: float
    events: list[Event]


def read_observations(report: Any) -> dict[str, Observation]:
    """The report of observe.py by step. Raises KeyError, TypeError or ValueError if it is not what that writes."""
    return {str(step): _read(entry) for step, entry in report.items()}


def _read(entry: dict[str, Any]) -> Observation:
    events = []
    for each in entry["events"]:
        place = Place(plain(str(each["file"]), 200), int(each["line"])) if each["file"] else None
        events.append(Event(str(each["kind"]), plain(str(each["event"]), 60), plain(str(each["what"]), 200), place))
    return Observation(int(entry["status"]), float(entry["seconds"]), events)


def find_events(
    observations: Mapping[str, Observation], kind: str, what: str, fix: str, level: Level = Level.ERROR
) -> Findings:
    """A finding for each place from which something of a kind was tried. what: it is, as the end of a sentence."""
    seen: set[tuple[str, Place | None]] = set()
    for step, observation in observations.items():
        for event in observation.events:
            if event.kind == kind and (event.event, event.place) not in seen and len(seen) < SHOWN:
                seen.add((event.event, event.place))
                detail = f"{event.event} {event.what}".strip()
                yield Finding(f"In step {step}, the submission {what}: {detail}", fix, event.place, level)
