"""Makes FilterLogEvents obey a prefix of stream names: moto ignores it and returns the events of all streams."""

import functools
from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import InvalidParameterException
from moto.logs.responses import LogsResponse

NAMES, PREFIX = "logStreamNames", "logStreamNamePrefix"


def install() -> None:
    """Replace the prefix with the names of matching streams before moto's method is called. Called once."""
    method: Callable[[Any], str] = LogsResponse.filter_log_events

    @functools.wraps(method)
    def filter_log_events(response: Any) -> str:
        parameter = response._get_param
        prefix = parameter(PREFIX)
        if prefix is not None:
            if parameter(NAMES):
                constraint = f"A request can have either {NAMES} or {PREFIX}"
                raise InvalidParameterException(constraint=constraint, parameter=PREFIX, value=prefix)
            group = response.logs_backend.groups.get(parameter("logGroupName"))
            names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
            chosen = names or [prefix]  # an empty list would mean all streams; no stream has the prefix as its name
            response._get_param = lambda name, default=None: chosen if name == NAMES else parameter(name, default)
        return method(response)

    LogsResponse.filter_log_events = filter_log_events  # type: ignore[method-assign, assignment]
