"""The patterns that requests choose. moto makes regular expressions of them, which can take practically forever.

The time of these functions grows with the length of the text. Unsupported patterns are rejected when they are stored.
"""

import re
from typing import Any

from moto.ecr.models import ECRBackend
from moto.events.models import EventPattern
from moto.iam.access_control import IAMPolicyStatement

ESCAPED = re.compile(r"\\([*\\])|(\*)")  # in a pattern of EventBridge: characters that stand for themselves
MAX_STARS = 2  # in a filter of ECR


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern in which * stands for any characters."""
    return _matches_parts(pattern.split("*"), text)


def _matches_parts(parts: list[str], text: str) -> bool:
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in parts[1:-1]:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _matches_wildcard(item: Any, pattern: Any) -> bool:
    """Return whether a value of an event matches a wildcard of EventBridge, in which a backslash can precede a *."""
    parts, position = [""], 0
    for found in ESCAPED.finditer(pattern):
        parts[-1] += pattern[position : found.start()] + (found[1] or "")
        if found[2]:
            parts.append("")
        position = found.end()
    parts[-1] += pattern[position:]
    return isinstance(item, str) and _matches_parts(parts, item)


def _find(pattern: str, text: str) -> bool | None:
    """Return None if a text does not match, as functions for regular expressions do."""
    return matches(pattern, text) or None


class ECR(ECRBackend):
    """Filters of repositories and tags are patterns as AWS describes them, and no regular expressions."""

    __module__ = ECRBackend.__module__

    def _match_repository_filter(self, filter: str, repository_name: str) -> bool:
        return filter in repository_name or matches(filter, repository_name)

    def _validate_mutability_exclusion_filters(self, filters: Any) -> str | None:
        for each in filters or ():
            if not re.fullmatch(r"[0-9a-zA-Z._*-]{1,128}", each["filter"]) or each["filter"].count("*") > MAX_STARS:
                return f"'it has at most {MAX_STARS} wildcards, and matches [0-9a-zA-Z._*-]{{1,128}}'"
        return super()._validate_mutability_exclusion_filters(filters)


def replace_expressions() -> None:
    """Make moto use these functions, for the rest of this process."""
    EventPattern._wildcard_match = staticmethod(_matches_wildcard)  # type: ignore[method-assign]
    IAMPolicyStatement._match = staticmethod(_find)  # type: ignore[method-assign, assignment]
