"""CacheConfig: whether a step may reuse an earlier result, and how old the result may be."""

import datetime
import re
from dataclasses import dataclass
from typing import Any

from stagemaker.orchestration.pipelines.definitions.document import read_members
from stagemaker.orchestration.pipelines.definitions.problems import DefinitionError

# ISO 8601, in upper or lower case; the P is optional, because SageMaker's guide writes 30d and T16m
DURATION = re.compile(
    r"P?(?:([0-9]{1,5})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,5})W)?(?:([0-9]{1,5})D)?"
    r"(?:T(?:([0-9]{1,7})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,7})S)?)?",
    re.IGNORECASE,
)
DAYS = (365, 30, 7, 1)  # in a year, a month, a week and a day
MAX_DAYS = 365_000  # a thousand years


@dataclass(frozen=True)
class CacheConfig:
    """The caching of one step. expires: the age after which a result is no longer reused, or None for no limit."""

    enabled: bool
    expires: datetime.timedelta | None


def read_cache_config(document: Any) -> CacheConfig:
    """Read the CacheConfig of a step. Raises DefinitionError if it is invalid."""
    config = read_members(document, "CacheConfig", {"Enabled": bool}, {"ExpireAfter": str})
    expires = read_duration(config["ExpireAfter"]) if "ExpireAfter" in config else None
    return CacheConfig(config["Enabled"], expires)


def read_duration(text: str) -> datetime.timedelta:
    """Read an ISO 8601 duration. A year has 365 days, and a month has 30. Raises DefinitionError if it is invalid."""
    match = DURATION.fullmatch(text)
    parts = match.groups() if match else ()
    numbers = [int(part or 0) for part in parts]
    if not any(parts):
        raise DefinitionError(f"CacheConfig: ExpireAfter '{text[:80]}' is not an ISO 8601 duration such as P30D")
    days = sum(number * length for number, length in zip(numbers, DAYS, strict=False))
    hours, minutes, seconds = numbers[4:]
    if days > MAX_DAYS:
        raise DefinitionError(f"CacheConfig: ExpireAfter '{text[:80]}' is longer than a thousand years")
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
