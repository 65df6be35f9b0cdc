"""Send runtime API requests to models' servers, return the responses or errors, and record metrics."""

import datetime
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from random import Random

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.endpoints.data_capture import DataCapture
from stagemaker.compute.endpoints.fleet import LOG_GROUP, Fleet, FleetEnded, InvocationResult
from stagemaker.compute.endpoints.traffic import Traffic
from stagemaker.compute.logs.log_stream import stream_name
from stagemaker.compute.logs.metrics import put_metrics
from stagemaker.compute.periodic import PeriodicDelivery
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.multi_model import TARGET_MODEL
from stagemaker.protocol.account import ACCOUNT, arn
from stagemaker.protocol.errors import ServiceError
from stagemaker.state.records import Record

NAMESPACE = "AWS/SageMaker"
MetricKey = tuple[str, str, str]  # endpoint, variant, metric
STATISTICS: dict[str, Callable[[list[float]], float]] = {"SampleCount": len, "Sum": sum, "Minimum": min, "Maximum": max}
PRIMARY = "primary"  # the name of a model's only container in SageMaker's messages
RESPONSE_SECONDS = 60.0  # seconds within which a model must respond
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
# headers of the request to the model's server, by the member of the invocation that contains the value
HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": CUSTOM_ATTRIBUTES,
    "TargetModel": TARGET_MODEL,
}
SIMULATED_MEMBERS = {"EndpointName", "Body", "TargetVariant", "InferenceId", *HEADERS}
MAX_MESSAGE_LENGTH = 2048  # characters of an error message
MAX_ORIGINAL_MESSAGE_LENGTH = 8192  # characters of the model's message


class InvocationMetrics:
    """Collects durations and outcomes of invocations, and sends their statistics every second."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._periodic = PeriodicDelivery(platform, "invocation metrics", self._deliver)

    def record(self, endpoint: str, variant: str, status: int, model_seconds: float, overhead_seconds: float) -> None:
        """Record an invocation. status: 0 if there was no response."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500 or status == 0),
            "ModelLatency": 1e6 * model_seconds,
            "OverheadLatency": 1e6 * overhead_seconds,
        }
        self._periodic.add(*(((endpoint, variant, metric), value) for metric, value in values.items()))

    def _deliver(self, recorded: list[tuple[MetricKey, float]]) -> None:
        values_by_key: defaultdict[MetricKey, list[float]] = defaultdict(list)
        for key, value in recorded:
            values_by_key[key].append(value)
        timestamp = datetime.datetime.now(datetime.UTC)
        data = [
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
                "Timestamp": timestamp,
                "Unit": "Microseconds" if metric.endswith("Latency") else "None",
                "StatisticValues": {name: statistic(values) for name, statistic in STATISTICS.items()},
            }
            for (endpoint, variant, metric), values in values_by_key.items()
        ]
        put_metrics(self._platform.cloudwatch, NAMESPACE, data)


class Invoker:
    """Invokes endpoints. traffic: each endpoint's traffic, by endpoint name."""

    def __init__(self, traffic: Mapping[str, Traffic], platform: Platform):
        self._traffic = traffic
        self._metrics, self._capture = InvocationMetrics(platform), DataCapture(platform)
        self._random = Random()

    def invoke(self, request: Record) -> Record:
        """Return an endpoint's response. Raises ServiceError (ValidationError, ModelError or ThrottlingException)."""
        start_time = time.monotonic()
        for member in request:
            if member not in SIMULATED_MEMBERS:
                raise ServiceError("ValidationError", f"{member} is not simulated")
        fleet, reply = self._send(request, Deadline(RESPONSE_SECONDS))
        response, seconds = reply.response, time.monotonic() - start_time
        status = response.status if response else 0
        self._metrics.record(request["EndpointName"], fleet.variant, status, reply.seconds, seconds - reply.seconds)
        if response is None or not response.is_success:
            raise _model_error(request["EndpointName"], fleet, reply)
        self._capture.capture(request, fleet, response)
        return {
            "Body": response.body,
            "ContentType": response.headers.get("content-type"),
            "InvokedProductionVariant": fleet.variant,
            "CustomAttributes": response.headers.get(CUSTOM_ATTRIBUTES.lower()),
        }

    def _send(self, request: Record, deadline: Deadline) -> tuple[Fleet, InvocationResult]:
        name, variant = request["EndpointName"], request.get("TargetVariant")
        headers = {header: request[member] for member, header in HEADERS.items() if member in request}
        while True:
            traffic = self._traffic.get(name)
            if traffic is None:
                raise ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
            eligible_traffic = traffic.for_variant(variant) if variant else traffic
            if eligible_traffic is None:
                raise ServiceError("ValidationError", f"Endpoint {name} has no variant {variant}")
            fleet = eligible_traffic.choose(self._random)
            if fleet.is_multi_model and "TargetModel" not in request:
                message = f"Endpoint {name} is a multi-model endpoint: TargetModel is required"
                raise ServiceError("ValidationError", message)
            if "TargetModel" in request and not fleet.is_multi_model:
                message = f"Endpoint {name} is not a multi-model endpoint and does not support target model header."
                raise ServiceError("ValidationError", message)
            try:
                return fleet, fleet.invoke(request.get("Body", b""), headers, deadline)
            except FleetEnded:  # an update has just given its traffic to another fleet
                continue


def _model_error(endpoint: str, fleet: Fleet, reply: InvocationResult) -> ServiceError:
    status, original_message = (reply.response.status, reply.response.text) if reply.response else (0, reply.reason)
    kind = "client" if 400 <= status < 500 else "server"
    log = f"log-group:{LOG_GROUP}/{endpoint}"
    if reply.instance is None:  # no instance was invoked
        source = f"variant {fleet.variant}"
    else:
        source = reply.container or PRIMARY
        log += ":log-stream:" + "/".join(filter(None, (reply.instance.log_stream, stream_name(reply.container))))
    return ServiceError(
        "ModelError",
        f'Received {kind} error ({status}) from {source} with message "{original_message}"'[:MAX_MESSAGE_LENGTH],
        424,
        OriginalStatusCode=status,
        OriginalMessage=original_message[:MAX_ORIGINAL_MESSAGE_LENGTH],
        LogStreamArn=arn(log, "logs"),
    )
