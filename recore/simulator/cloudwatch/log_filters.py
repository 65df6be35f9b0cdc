"""FilterLogEvents by a prefix of the streams' names. moto ignores it, and answers with all streams of a group."""

import functools
from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import InvalidParameterException
from moto.logs.responses import LogsResponse

NAMES, PREFIX = "logStreamNames", "logStreamNamePrefix"


def install() -> None:
    """Have moto choose the streams. Called once."""
    by_prefix = _by_prefix(LogsResponse.filter_log_events)
    LogsResponse.filter_log_events = by_prefix  # type: ignore[method-assign, assignment]


def _by_prefix(method: Callable[[Any], str]) -> Callable[[Any], str]:
    """moto's method with the names of a prefix's streams in place of the prefix."""

    @functools.wraps(method)
    def filter_log_events(response: Any) -> str:
        parameter = response._get_param
        prefix = parameter(PREFIX)
        if prefix is not None:
            if parameter(NAMES):
                constraint = f"A request has either {NAMES} or a {PREFIX}"
                raise InvalidParameterException(constraint=constraint, parameter=PREFIX, value=prefix)
            group = response.logs_backend.groups.get(parameter("logGroupName"))
            names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
            chosen = names or [prefix]  # no name at all means all streams; this one is that of none
            response._get_param = lambda name, default=None: chosen if name == NAMES else parameter(name, default)
        return method(response)

    return filter_log_events
