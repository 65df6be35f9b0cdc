"""Sends invocation metrics to CloudWatch, in the namespace and with the dimensions that SageMaker uses."""

import datetime
import threading
from collections import defaultdict

from stagemaker.compute.logs.metrics import put_metrics
from stagemaker.compute.periodic import PeriodicDelivery
from stagemaker.compute.platform import Platform

NAMESPACE = "AWS/SageMaker"
MetricKey = tuple[str, str, str]  # endpoint, variant, metric


class InvocationMetrics:
    """Collects durations and outcomes, and sends statistics every second, so no invocation waits for CloudWatch."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._values: defaultdict[MetricKey, list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        self._periodic = PeriodicDelivery(platform, "invocation metrics", self._deliver)

    def record(self, endpoint: str, variant: str, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Record an invocation. status: the response's status; 0 if there was no response."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500 or status == 0),
            "ModelLatency": 1e6 * model_seconds,
            "OverheadLatency": 1e6 * overhead_seconds,
        }
        with self._lock:
            for metric, value in values.items():
                self._values[endpoint, variant, metric].append(value)
        self._periodic.notify()

    def _deliver(self) -> None:
        with self._lock:
            recorded_values, self._values = self._values, defaultdict(list)
        timestamp = datetime.datetime.now(datetime.UTC)
        data = [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
                "Timestamp": timestamp,
                "Unit": "Microseconds" if metric.endswith("Latency") else "None",
                "StatisticValues": {
                    "SampleCount": len(values),
                    "Sum": sum(values),
                    "Minimum": min(values),
                    "Maximum": max(values),
                },
            }
            for (endpoint, variant, metric), values in recorded_values.items()
        ]
        put_metrics(self._platform.cloudwatch, NAMESPACE, data)
