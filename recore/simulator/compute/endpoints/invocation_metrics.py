"""Sends metrics of invocations to CloudWatch, in the namespace and with the dimensions that SageMaker uses."""

import datetime
import math
import threading
from dataclasses import dataclass
from typing import Any

from recore.simulator.compute.endpoints.periodic import Periodic
from recore.simulator.compute.logs.metrics import put
from recore.simulator.compute.platform import Platform

NAMESPACE = "AWS/SageMaker"
BATCH = 500  # values in one call, which may have 1,000


@dataclass
class Statistics:
    """The statistics that CloudWatch accepts instead of many single values."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    def add(self, value: float) -> None:
        self.count, self.total = self.count + 1, self.total + value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def datum(self) -> dict[str, Any]:
        values = {"SampleCount": self.count, "Sum": self.total, "Minimum": self.least, "Maximum": self.most}
        return {"StatisticValues": values}


Key = tuple[str, str, str]  # endpoint, variant, metric


class InvocationMetrics:
    """Gathers durations and outcomes and delivers them every second, so that no invocation waits for CloudWatch."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._gathered: dict[Key, Statistics] = {}
        self._lock = threading.Lock()
        self._periodic = Periodic(platform, "invocation metrics", self._deliver)

    def record(self, endpoint: str, variant: str, status: int, model: float, overhead: float) -> None:
        """Record an invocation. status: of the model's response, 0 where it sent none. Other values in seconds."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500 or status == 0),
            "ModelLatency": 1e6 * model,
            "OverheadLatency": 1e6 * overhead,
        }
        with self._lock:
            for metric, value in values.items():
                self._gathered.setdefault((endpoint, variant, metric), Statistics()).add(value)
        self._periodic.notify()

    def _deliver(self) -> None:
        """Send what was collected since the last delivery."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
        time = datetime.datetime.now(datetime.UTC)
        data = [
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "EndpointName", "Value": endpoint},
                    {"Name": "VariantName", "Value": variant},
                ],
                "Timestamp": time,
                "Unit": "Microseconds" if metric.endswith("Latency") else "None",
            }
            | statistics.datum()
            for (endpoint, variant, metric), statistics in gathered.items()
        ]
        for start in range(0, len(data), BATCH):
            put(self._platform.cloudwatch, NAMESPACE, data[start : start + BATCH])
