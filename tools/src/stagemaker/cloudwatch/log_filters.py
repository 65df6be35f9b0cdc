"""Makes FilterLogEvents respect logStreamNamePrefix. moto ignores it and returns the events of all streams."""

import functools
from collections.abc import Callable
from typing import Any

from moto.logs.exceptions import InvalidParameterException
from moto.logs.responses import LogsResponse

NAMES_PARAMETER, PREFIX_PARAMETER = "logStreamNames", "logStreamNamePrefix"


def install() -> None:
    """Wrap moto's FilterLogEvents to replace the prefix with the names of matching streams. Called once."""
    method: Callable[[Any], str] = LogsResponse.filter_log_events

    @functools.wraps(method)
    def filter_log_events(response: Any) -> str:
        get_parameter = response._get_param
        prefix = get_parameter(PREFIX_PARAMETER)
        if prefix is not None:
            if get_parameter(NAMES_PARAMETER):
                constraint = f"A request can have either {NAMES_PARAMETER} or {PREFIX_PARAMETER}, not both"
                raise InvalidParameterException(constraint=constraint, parameter=PREFIX_PARAMETER, value=prefix)
            group = response.logs_backend.groups.get(get_parameter("logGroupName"))
            names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
            # an empty list would select all streams; the prefix itself is not the name of a stream
            chosen_names = names or [prefix]
            response._get_param = lambda name, default=None: (
                chosen_names if name == NAMES_PARAMETER else get_parameter(name, default)
            )
        return method(response)

    LogsResponse.filter_log_events = filter_log_events  # type: ignore[method-assign, assignment]
