"""EventBridge."""

import re
from typing import Any

from moto.events.models import EventsBackend

from stagemaker.protocol.errors import unsupported

TARGET = re.compile("arn:[^:]+:(logs:[^:]*:[^:]*:log-group:|events:[^:]*:::$)")  # the second is moto's for an archive


class Events(EventsBackend):
    """EventBridge, which delivers events to log groups and archives, and to no address outside the simulator."""

    __module__ = EventsBackend.__module__

    def put_targets(self, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            if not TARGET.match(target["Arn"]):
                raise unsupported(f"the target {target['Arn'][:200]}", "a rule can have log groups as targets")
        super().put_targets(name, event_bus_arn, targets)

    def create_connection(self, *arguments: Any, **members: Any) -> Any:
        raise unsupported("CreateConnection", "no event leaves it")

    def create_api_destination(self, *arguments: Any, **members: Any) -> Any:
        raise unsupported("CreateApiDestination", "no event leaves it")
