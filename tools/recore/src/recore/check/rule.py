"""Rules of the check and their findings."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """The severity of a finding.

    error: a failure on the platform, or a wrong score. warning: a possible problem. note: a possible effect of chance.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, order=True)
class Location:
    """A file, as a POSIX path relative to the submission, and a line, counted from 1 (0: the entire file)."""

    file: str
    line: int = 0


@dataclass(frozen=True)
class Finding:
    """A problem that a rule found. Messages are one line of plain text without control characters.

    message: the problem and its effect on the platform. fix: in the imperative; empty if the cause is
    unknown.
    """

    message: str
    fix: str
    location: Location | None = None
    level: Level = Level.ERROR


Findings = Iterator[Finding]
Inspect = Callable[[Any], Findings]


@dataclass(frozen=True)
class Rule:
    """A rule of the check.

    code: a stable code, such as RC102. name: in lower case with hyphens. summary: one line. needs: the codes of the
    rules that must find no error before this rule can run. inspect: a function that yields findings from `Experiments`
    if the rule runs the submission, otherwise from a `SubmissionSource`. documentation: the text for `--explain`.
    """

    code: str
    name: str
    summary: str
    needs: tuple[str, ...]
    inspect: Inspect
    runs: bool = False
    documentation: str = ""


def rule(summary: str, needs: tuple[str, ...] = ()) -> Callable[[Inspect], Rule]:
    """Return a decorator that turns `inspect` into a rule with the name and docstring of its module.

    The module's name consists of the rule's code and name, as in rc304_training_time.
    """

    def decorate(inspect: Inspect) -> Rule:
        package, _, module = inspect.__module__.rpartition(".")
        code, _, name = module.partition("_")
        runs, documentation = package.endswith(".running_rules"), sys.modules[inspect.__module__].__doc__ or ""
        return Rule(code.upper(), name.replace("_", "-"), summary, needs, inspect, runs, documentation)

    return decorate
