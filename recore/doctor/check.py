"""The result of one check."""

from dataclasses import dataclass

OK = "ok"
NOTE = "note"  # something is missing, and `run` works without it
FAIL = "fail"  # `run` cannot work


@dataclass(frozen=True)
class Check:
    """What one check found. cost: what does not work, or works worse, without it. fix: how to get it on this system."""

    name: str
    level: str
    found: str
    cost: str = ""
    fix: str = ""
