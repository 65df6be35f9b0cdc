"""CacheConfig: whether a step may take the result of an earlier one, and how old that may be."""

import datetime
import re
from dataclasses import dataclass
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError

# ISO 8601 in either case; SageMaker's guide leaves out the P in 30d and T16m
DURATION = re.compile(
    r"P?(?:([0-9]{1,5})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,5})W)?(?:([0-9]{1,5})D)?"
    r"(T(?:([0-9]{1,7})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,7})S)?)?",
    re.IGNORECASE,
)
DAYS = (365, 30, 7, 1)  # of a year, a month, a week and a day
LONGEST = 365_000  # days


@dataclass(frozen=True)
class CacheConfig:
    """expires: after what time a result is not taken any more; None for never."""

    enabled: bool
    expires: datetime.timedelta | None


def read_cache_config(document: Any) -> CacheConfig:
    """Raises DefinitionError."""
    given = members(document, "CacheConfig", {"Enabled": bool}, {"ExpireAfter": str})
    expires = read_duration(given["ExpireAfter"]) if "ExpireAfter" in given else None
    return CacheConfig(given["Enabled"], expires)


def read_duration(text: str) -> datetime.timedelta:
    """A duration of ISO 8601; a year has 365 days, a month 30. Raises DefinitionError."""
    found = DURATION.fullmatch(text)
    parts = found.groups() if found else ()
    numbers = [int(part or 0) for part in (*parts[:4], *parts[5:])]
    if not any(part for part in (*parts[:4], *parts[5:])):
        raise DefinitionError(f"CacheConfig: ExpireAfter '{text[:80]}' is not a duration of ISO 8601, such as P30D")
    days = sum(number * length for number, length in zip(numbers, DAYS, strict=False))
    hours, minutes, seconds = numbers[4:]
    if days > LONGEST:
        raise DefinitionError(f"CacheConfig: ExpireAfter '{text[:80]}' is longer than a thousand years")
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
