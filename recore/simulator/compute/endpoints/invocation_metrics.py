"""Sends metrics of invocations to CloudWatch, in the namespace and with the dimensions that SageMaker uses."""

import datetime
import threading
from collections import defaultdict

from recore.simulator.compute.endpoints.periodic import Periodic
from recore.simulator.compute.logs.metrics import put
from recore.simulator.compute.platform import Platform

NAMESPACE = "AWS/SageMaker"
Key = tuple[str, str, str]  # endpoint, variant, metric


class InvocationMetrics:
    """Collects durations and outcomes, and sends their statistics every second: no invocation waits for CloudWatch."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._values: defaultdict[Key, list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        self._periodic = Periodic(platform, "invocation metrics", self._deliver)

    def record(self, endpoint: str, variant: str, status: int, model: float, overhead: float) -> None:
        """Record an invocation. status: the response's status; 0 if there was none. model, overhead: seconds."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500 or status == 0),
            "ModelLatency": 1e6 * model,
            "OverheadLatency": 1e6 * overhead,
        }
        with self._lock:
            for metric, value in values.items():
                self._values[endpoint, variant, metric].append(value)
        self._periodic.notify()

    def _deliver(self) -> None:
        """Send statistics of the values recorded since the last delivery."""
        with self._lock:
            gathered, self._values = self._values, defaultdict(list)
        time = datetime.datetime.now(datetime.UTC)
        data = [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
                "Timestamp": time,
                "Unit": "Microseconds" if metric.endswith("Latency") else "None",
                "StatisticValues": {
                    "SampleCount": len(values),
                    "Sum": sum(values),
                    "Minimum": min(values),
                    "Maximum": max(values),
                },
            }
            for (endpoint, variant, metric), values in gathered.items()
        ]
        put(self._platform.cloudwatch, NAMESPACE, data)
