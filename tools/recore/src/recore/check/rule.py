"""What a rule is, and what it finds."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """error: the submission fails on the platform, or its score is not what it should be. warning: look at it.

    note: what the data at hand do not show.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, order=True)
class Place:
    """A file, relative to the submission with `/` between folders, and its line, counted from 1; 0: the whole file."""

    file: str
    line: int = 0


@dataclass(frozen=True)
class Finding:
    """Something that a rule found. Messages are one line of plain text, without control characters.

    message: what is wrong and what it does on the platform. fix: what to do, as an imperative; empty if the cause is
    not known.
    """

    message: str
    fix: str
    place: Place | None = None
    level: Level = Level.ERROR


Findings = Iterator[Finding]
Inspect = Callable[[Any], Findings]


@dataclass(frozen=True)
class Rule:
    """A rule of the check.

    code: stable, such as RC102. name: in lower case with hyphens. summary: one line. needs: codes of the rules that
    must find no error before this one can run. inspect: yields findings; its argument is `Experiments` if the rule runs
    the submission, otherwise a `SubmissionSource`. documentation: what `--explain` prints.
    """

    code: str
    name: str
    summary: str
    needs: tuple[str, ...]
    inspect: Inspect
    runs: bool = False
    documentation: str = ""


def rule(summary: str, needs: tuple[str, ...] = ()) -> Callable[[Inspect], Rule]:
    """Make a rule of the function `inspect` of a module, whose name and docstring become those of the rule.

    The module is named after the rule's code and name, such as rc304_training_time.
    """

    def decorate(inspect: Inspect) -> Rule:
        package, _, module = inspect.__module__.rpartition(".")
        code, _, name = module.partition("_")
        runs, documentation = package.endswith(".running_rules"), sys.modules[inspect.__module__].__doc__ or ""
        return Rule(code.upper(), name.replace("_", "-"), summary, needs, inspect, runs, documentation)

    return decorate
