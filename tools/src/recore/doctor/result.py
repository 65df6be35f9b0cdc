"""The result of a check."""

from dataclasses import dataclass

OK = "ok"
NOTE = "note"  # something is missing, but `run` works without it
FAIL = "fail"  # `run` cannot work


@dataclass(frozen=True)
class Check:
    """The result of a check. cost: what fails or works worse without it. fix: how to install it on this system."""

    name: str
    level: str
    result: str
    cost: str = ""
    fix: str = ""
