"""Wildcard patterns in requests. moto converts them to regular expressions, whose matching can take forever.

These functions take time proportional to the length of the string. Unsupported patterns are rejected when stored.
"""

import re
from typing import Any

from moto.ecr.models import ECRBackend
from moto.events.models import EventPattern
from moto.iam.access_control import IAMPolicyStatement

ESCAPE = re.compile(r"\\([*\\])|(\*)")  # in an EventBridge pattern: escaped characters, and wildcards
MAX_STARS = 2  # maximum number of wildcards in an ECR filter


def matches(pattern: str, value: str) -> bool:
    """Return whether a string matches a pattern in which * stands for any characters."""
    return _matches_parts(pattern.split("*"), value)


def _matches_parts(parts: list[str], value: str) -> bool:
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return value == first
    position, end = len(first), len(value) - len(last)
    if position > end or not (value.startswith(first) and value.endswith(last)):
        return False
    for part in parts[1:-1]:
        start = value.find(part, position, end)
        if start < 0:
            return False
        position = start + len(part)
    return True


def _matches_wildcard(item: Any, pattern: Any) -> bool:
    """Return whether an event's value matches an EventBridge wildcard, in which a backslash can escape a *."""
    parts, position = [""], 0
    for match in ESCAPE.finditer(pattern):
        parts[-1] += pattern[position : match.start()] + (match[1] or "")
        if match[2]:
            parts.append("")
        position = match.end()
    parts[-1] += pattern[position:]
    return isinstance(item, str) and _matches_parts(parts, item)


def _find(pattern: str, value: str) -> bool | None:
    """Return True for a match, otherwise None, like the functions of `re`."""
    return matches(pattern, value) or None


class ECR(ECRBackend):
    """ECR with repository and tag filters that are wildcard patterns, as on AWS, rather than regular expressions."""

    __module__ = ECRBackend.__module__

    def _match_repository_filter(self, filter: str, repository_name: str) -> bool:
        return filter in repository_name or matches(filter, repository_name)

    def _validate_mutability_exclusion_filters(self, filters: Any) -> str | None:
        for each in filters or ():
            if not re.fullmatch(r"[0-9a-zA-Z._*-]{1,128}", each["filter"]) or each["filter"].count("*") > MAX_STARS:
                return f"'it has at most {MAX_STARS} wildcards, and matches [0-9a-zA-Z._*-]{{1,128}}'"
        return super()._validate_mutability_exclusion_filters(filters)


def replace_expressions() -> None:
    """Make moto use this module's functions for the rest of this process."""
    EventPattern._wildcard_match = staticmethod(_matches_wildcard)  # type: ignore[method-assign]
    IAMPolicyStatement._match = staticmethod(_find)  # type: ignore[method-assign, assignment]
