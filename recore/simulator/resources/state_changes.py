"""Events for EventBridge, with which SageMaker reports that the state of a resource has changed."""

import json
import logging
import threading
from collections import deque

from recore.simulator.compute.endpoints.periodic import PeriodicDelivery
from recore.simulator.compute.platform import Platform
from recore.simulator.state.records import Record

logger = logging.getLogger(__name__)


class StateChanges:
    """Sends events to EventBridge, promptly and in order. Requests neither wait for this nor fail if it fails."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._waiting: deque[Record] = deque()
        self._putting = threading.Lock()  # one at a time, to keep the order
        self._periodic = PeriodicDelivery(platform, "state changes", self._put_all)

    def put(self, kind: str, arn: str, detail: Record) -> None:
        """Send an event. kind: the resource's kind, as in the event's detail-type. detail: JSON values and times."""
        event = {
            "Source": "aws.sagemaker",
            "DetailType": f"SageMaker {kind} State Change",
            "Time": detail["LastModifiedTime"],
            "Resources": [arn],
            "Detail": json.dumps(detail, default="{:%Y-%m-%dT%H:%M:%SZ}".format),  # default formats times
        }
        self._waiting.append(event)
        self._periodic.notify(urgent=True)

    def _put_all(self) -> None:
        with self._putting:
            while self._waiting:
                event = self._waiting.popleft()
                try:
                    self._platform.events.put_events(Entries=[event])
                except Exception as error:
                    logger.warning("the event of %s was not delivered: %s", event["Resources"][0], error)
