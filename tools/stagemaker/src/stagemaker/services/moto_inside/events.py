"""EventBridge."""

import re
from typing import Any

from moto.events.models import EventsBackend

from stagemaker.protocol.errors import unsupported

TARGET = re.compile("arn:[^:]+:(logs:[^:]*:[^:]*:log-group:|events:[^:]*:::$)")  # the second is moto's for an archive
INPUT_PATH = re.compile(r"""\$(\.[\w-]+|\[\d+\]|\['[^'\]]*'\]|\["[^"\]]*"\])*""")  # others could take very long


class Events(EventsBackend):
    """EventBridge, which delivers events to log groups and archives, and to no address outside the simulator."""

    __module__ = EventsBackend.__module__

    def put_targets(self, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            if not TARGET.match(target["Arn"]):
                raise unsupported(f"the target {target['Arn'][:200]}", "a rule can have log groups as targets")
            for path in target.get("InputTransformer", {}).get("InputPathsMap", {}).values():
                if not INPUT_PATH.fullmatch(path):
                    raise unsupported(f"the path {path[:200]}", "a path has only names and numbers, as $.detail.name")
        super().put_targets(name, event_bus_arn, targets)

    def list_rules(self, prefix: str | None = None, **members: Any) -> Any:  # type: ignore[override]
        return super().list_rules(prefix=None if prefix is None else re.escape(prefix), **members)

    def create_connection(self, *arguments: Any, **members: Any) -> Any:
        raise unsupported("CreateConnection", "no event leaves it")

    def create_api_destination(self, *arguments: Any, **members: Any) -> Any:
        raise unsupported("CreateApiDestination", "no event leaves it")
