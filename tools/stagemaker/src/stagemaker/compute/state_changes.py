"""Events that SageMaker sends to EventBridge when the state of a resource changes."""

import json
import logging

from stagemaker.compute.periodic import PeriodicDelivery
from stagemaker.compute.platform import Platform
from stagemaker.state.records import Record

logger = logging.getLogger(__name__)


class StateChanges:
    """Sends events to EventBridge, promptly and in order. Requests neither wait for it nor fail."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._periodic = PeriodicDelivery(platform, "state changes", self._send)

    def put(self, kind: str, arn: str, detail: Record) -> None:
        """Send an event. kind: as in its detail-type. detail: JSON values and times."""
        event = {
            "Source": "aws.sagemaker",
            "DetailType": f"SageMaker {kind} State Change",
            "Time": detail["LastModifiedTime"],
            "Resources": [arn],
            "Detail": json.dumps(detail, default="{:%Y-%m-%dT%H:%M:%SZ}".format),  # `default` formats the times
        }
        self._periodic.add(event, urgent=True)

    def _send(self, events: list[Record]) -> None:
        for event in events:
            try:
                self._platform.events.put_events(Entries=[event])
            except Exception as error:
                logger.warning("the event for %s could not be delivered: %s", event["Resources"][0], error)
