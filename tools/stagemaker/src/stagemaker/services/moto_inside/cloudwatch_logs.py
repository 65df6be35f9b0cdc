"""CloudWatch Logs: moto's backend, extended."""

import threading
from typing import Any

from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from stagemaker.protocol.errors import unsupported
from stagemaker.services import retention


class Logs(LogsBackend):
    """CloudWatch Logs, which keeps only the newest events, respects logStreamNamePrefix and forwards no events."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._lock = threading.Lock()
        self._new_bytes = 0  # bytes since the last clean-up

    @property
    def url_paths(self) -> Any:
        return {"/$": LogsResponses.dispatch}

    def put_log_events(self, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]) -> Any:
        result = super().put_log_events(log_group_name, log_stream_name, log_events)
        with self._lock:
            self._new_bytes += sum(retention.event_size(event["message"]) for event in log_events)
            if self._new_bytes >= retention.CLEANUP_BYTES:
                self._new_bytes = 0
                groups = list(self.groups.values())
                retention.trim_streams([stream for group in groups for stream in list(group.streams.values())])
        return result

    def put_subscription_filter(self, *arguments: Any, **members: Any) -> None:
        raise unsupported("PutSubscriptionFilter", "log events can be read, but are not sent to other services")


class LogsResponses(LogsResponse):
    """moto's CloudWatch Logs operations. Each object handles a single request."""

    _matching_streams: list[str] | None = None

    def filter_log_events(self) -> str:
        """Replace logStreamNamePrefix, which moto ignores, with the names of matching streams."""
        prefix = self._get_param("logStreamNamePrefix")
        if prefix is not None:
            if self._get_param("logStreamNames"):
                constraint = "A request can have either logStreamNames or logStreamNamePrefix, not both"
                raise InvalidParameterException(constraint=constraint, parameter="logStreamNamePrefix", value=prefix)
            group = self.logs_backend.groups.get(self._get_param("logGroupName"))
            names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
            # an empty list would select all streams; the prefix itself is not the name of a stream
            self._matching_streams = names or [prefix]
        return super().filter_log_events()

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        if param_name == "logStreamNames" and self._matching_streams:
            return self._matching_streams
        return super()._get_param(param_name, if_none)
