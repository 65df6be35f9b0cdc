"""Invocations: a request of the runtime goes to a model's server, and a response or an error comes back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import NoReturn

from recore.simulator.compute.deadline import Deadline
from recore.simulator.compute.endpoints.captured_invocation import Message
from recore.simulator.compute.endpoints.data_capture import DataCapture
from recore.simulator.compute.endpoints.endpoint_instance import LOG_GROUP
from recore.simulator.compute.endpoints.fleet import Fleet, FleetEnded, Reply
from recore.simulator.compute.endpoints.invocation_metrics import InvocationMetrics
from recore.simulator.compute.endpoints.traffic import Traffic
from recore.simulator.compute.platform import Platform
from recore.simulator.compute.servers.response import Response
from recore.simulator.protocol.account import ACCOUNT, arn
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.state.records import Record

PRIMARY = "primary"  # what SageMaker's messages call a model's only container
SECONDS = 60.0  # that a model has to respond
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
SIMULATED = {
    "EndpointName",
    "Body",
    "ContentType",
    "Accept",
    "CustomAttributes",
    "TargetVariant",
    "InferenceId",
}
MESSAGE = 2048  # characters of an error's message
ORIGINAL_MESSAGE = 8192  # characters of the model's own message


@dataclass(frozen=True)
class Invocation:
    """A completed invocation. request: its members. fleet: that replied. seconds: its whole duration."""

    request: Record
    fleet: Fleet
    reply: Reply
    seconds: float


class Invoker:
    """Carries out invocations. traffic: of the endpoints in service, by name."""

    def __init__(self, traffic: Mapping[str, Traffic], platform: Platform):
        self._traffic = traffic
        self._metrics, self._capture = InvocationMetrics(platform), DataCapture(platform)
        self._random = Random()

    def invoke(self, request: Record) -> Record:
        """The members of the response to a request. Raises ServiceError: ValidationError or ModelError."""
        begun = time.monotonic()
        for member in request:
            if member not in SIMULATED:
                raise ServiceError("ValidationError", f"{member} is not simulated")
        fleet, reply = self._send(request, Deadline(SECONDS))
        invocation = Invocation(request, fleet, reply, time.monotonic() - begun)
        self._observe(invocation)
        response = reply.response
        if response is None or not _is_success(response):
            _raise_model_error(invocation)
        return {
            "Body": response.body,
            "ContentType": response.headers.get("content-type"),
            "InvokedProductionVariant": fleet.variant,
            "CustomAttributes": response.headers.get(CUSTOM_ATTRIBUTES.lower()),
        }

    def _send(self, request: Record, deadline: Deadline) -> tuple[Fleet, Reply]:
        """The reply of a variant of the endpoint. Raises ServiceError if the endpoint or the variant is unknown."""
        name, variant = request["EndpointName"], request.get("TargetVariant")
        headers = _headers(request)
        while True:
            traffic = self._traffic.get(name)
            if traffic is None:
                raise ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
            chosen = traffic.of(variant) if variant else traffic
            if chosen is None:
                raise ServiceError("ValidationError", f"Endpoint {name} has no variant {variant}")
            fleet = chosen.choose(self._random)
            try:
                return fleet, fleet.invoke(request.get("Body", b""), headers, deadline)
            except FleetEnded:  # an update has just given its traffic to another one
                continue

    def _observe(self, invocation: Invocation) -> None:
        """Called once for every invocation, with its input and its output, before it is answered."""
        request, fleet, reply = invocation.request, invocation.fleet, invocation.reply
        endpoint, response = request["EndpointName"], reply.response
        overhead = invocation.seconds - reply.seconds
        status = response.status if response else 0
        self._metrics.record(endpoint, fleet.variant, status, reply.seconds, overhead)
        if response and _is_success(response):
            self._capture.take(
                endpoint,
                fleet.variant,
                fleet.data_capture,
                Message(request.get("Body", b""), request.get("ContentType")),
                Message(response.body, response.headers.get("content-type")),
                request.get("InferenceId"),
                request.get("CustomAttributes"),
            )


def _is_success(response: Response) -> bool:
    return 200 <= response.status < 300


def _headers(request: Record) -> dict[str, str]:
    """The headers of a request to the model's server."""
    names = {"ContentType": "Content-Type", "Accept": "Accept", "CustomAttributes": CUSTOM_ATTRIBUTES}
    return {header: request[member] for member, header in names.items() if member in request}


def _raise_model_error(invocation: Invocation) -> NoReturn:
    """Raise the ModelError of a response that is not a success, or of none."""
    response, endpoint = invocation.reply.response, invocation.request["EndpointName"]
    status, original = (response.status, response.text) if response else (0, invocation.reply.reason)
    kind = "client" if 400 <= status < 500 else "server"
    source = invocation.reply.container or PRIMARY
    if invocation.reply.instance is None:  # none was invoked
        source = f"variant {invocation.fleet.variant}"
    message = f'Received {kind} error ({status}) from {source} with message "{original}"'
    raise ServiceError(
        "ModelError",
        message[:MESSAGE],
        424,
        OriginalStatusCode=status,
        OriginalMessage=original[:ORIGINAL_MESSAGE],
        LogStreamArn=_log_arn(endpoint, invocation.reply),
    )


def _log_arn(endpoint: str, reply: Reply) -> str:
    """The ARN of the log of the container that replied, or of the endpoint's if that is unknown."""
    group = f"log-group:{LOG_GROUP}/{endpoint}"
    if reply.instance is None:
        return arn(group, "logs")
    stream = reply.instance.log_stream
    if reply.container:
        stream = f"{stream}/{reply.container}"
    return arn(f"{group}:log-stream:{stream}", "logs")
