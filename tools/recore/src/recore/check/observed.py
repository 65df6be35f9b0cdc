"""What a submission tried while it was observed, as observe.py reports it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recore.check.rule import Finding, Level, Place
from recore.text import plain

SHOWN = 20  # findings of one rule


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
) -> Iterator[Finding]:
    """A finding for each place from which something of a kind was tried. what: it is, as the end of a sentence."""
    seen: set[tuple[str, Place | None]] = set()
    for step, observation in observations.items():
        for event in observation.events:
            if event.kind == kind and (event.event, event.place) not in seen and len(seen) < SHOWN:
                seen.add((event.event, event.place))
                detail = f"{event.event} {event.what}".strip()
                yield Finding(f"In step {step}, the submission {what}: {detail}", fix, event.place, level)
