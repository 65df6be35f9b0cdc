"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """error: the submission fails on the platform, or its score is not what it should be. warning: look at it.

    note: what the data at hand do not show.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Place:
    """A file, relative to the submission with `/` between folders, and its line, counted from 1; 0: the whole file."""

    file: str
    line: int = 0


@dataclass(frozen=True)
class Finding:
    """Something that a rule found. Messages are one line of plain text, without control characters.

    message: what is wrong and what it does on the platform. fix: what to do, as an imperative.
    """

    message: str
    fix: str
    place: Place | None = None
    level: Level = Level.ERROR


@dataclass(frozen=True)
class Rule[Subject]:
    """A rule. Its module has its name and a docstring, which check-rules.md shows, and ends with `RULE = Rule(...)`.

    code: stable, such as RC101. name: in lower case with hyphens. summary: one line. needs: codes of the rules that
    must find no error before this one can run. inspect: yields findings; what it is given depends on the kind of rule:
    a `SubmissionSource` (source_rules) or `Experiments` (running_rules).
    """

    code: str
    name: str
    summary: str
    needs: tuple[str, ...]
    inspect: Callable[[Subject], Iterable[Finding]]
