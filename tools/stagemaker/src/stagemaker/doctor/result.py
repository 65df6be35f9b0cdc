"""The result of a check."""

from dataclasses import dataclass
from typing import Protocol

OK = "ok"
NOTE = "note"  # something is missing, but jobs run without it
FAIL = "fail"  # jobs cannot run


@dataclass(frozen=True)
class Check:
    """The result of a check. cost: what fails or works worse without it. fix: how to install it on this system."""

    name: str
    level: str
    result: str
    cost: str = ""
    fix: str = ""


class Remedy(Protocol):
    """Returns the command that installs packages, or those of an extra of the distribution."""

    def __call__(self, *names: str, extra: str = "") -> str: ...
