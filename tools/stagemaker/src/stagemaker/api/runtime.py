"""SageMaker's runtime and SageMaker Metrics: REST interfaces with one path per operation.

An operation (InvokeEndpoint, ...) is handled by the resource that has a method with its name. The method receives
the request's members and returns the response's members, according to the runtime's service model.
"""

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from zlib import crc32

from botocore.model import OperationModel, Shape
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from stagemaker.api.responses import make_response, parse_document, read_body, respond
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import metrics_model, read_request, runtime_model, shape_response
from stagemaker.resources.resource import Resource

MAX_REQUEST_BYTES = 25 << 20
EVENT_STREAM = "application/vnd.amazon.eventstream"
EVENT_HEADERS = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
MAX_EVENT_BYTES = 8 << 20  # botocore accepts up to 24 MiB
STRING_TYPE = 7  # the type code of a string in an event header


class Runtime:
    def __init__(self, resources: Sequence[Resource]) -> None:
        models = (runtime_model(), metrics_model())
        operations = [model.operation_model(name) for model in models for name in model.operation_names]
        names = [operation.name for operation in operations]
        self._resources = {name: resource for resource in resources for name in names if hasattr(resource, name)}
        rules = [_routing_rule(operation) for operation in operations]
        self._routes = Map(rules, merge_slashes=False, redirect_defaults=False).bind("")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return respond(environ, start_response, self._operate, _error_response)

    def _operate(self, request: Request) -> Response:
        operation, members = self._route(request)
        body = read_body(request, MAX_REQUEST_BYTES, "ValidationError")
        document = {"Body": body} if operation.has_streaming_input else parse_document(body)
        if operation.name not in self._resources:
            raise ServiceError("NotImplemented", f"The simulator does not support {operation.name}", 501)
        for name, shape in _header_members(operation.input_shape).items():
            if (header := request.headers.get(shape.serialization["name"])) is not None:
                members[name] = int(header) if shape.type_name == "integer" and header.isdecimal() else header
        try:
            values = read_request(operation, document | members if isinstance(document, dict) else document)
        except ServiceError as error:
            raise ServiceError("ValidationError", str(error)) from None
        return _respond(operation, self._resources[operation.name].handle(operation.name, values))

    def _route(self, request: Request) -> tuple[OperationModel, dict[str, Any]]:
        try:
            operation, members = self._routes.match(request.path, request.method)
        except MethodNotAllowed as error:
            methods = ", ".join(error.valid_methods or [])
            message = f"{request.path[:200]} supports {methods}, not {request.method}"
            raise ServiceError("UnknownOperationException", message, 405) from None
        except HTTPException:
            raise ServiceError("NotImplemented", f"The simulator does not support {request.path[:200]}", 501) from None
        return operation, dict(members)


def _routing_rule(operation: OperationModel) -> Rule:
    path = operation.http["requestUri"].replace("{", "<").replace("}", ">")
    return Rule(path, endpoint=operation, methods=[operation.http["method"]])


def _header_members(shape: Shape) -> dict[str, Shape]:
    return {name: member for name, member in shape.members.items() if member.serialization.get("location") == "header"}


def _respond(operation: OperationModel, members: dict[str, Any]) -> Response:
    if not operation.has_streaming_output and "Body" not in members:
        return make_response(json.dumps(shape_response(operation.output_shape, members)).encode(), "application/json")
    body, content_type = members.get("Body", b""), ""
    if operation.has_event_stream_output:
        body, content_type = _event_stream(body), EVENT_STREAM
    response = make_response(body, content_type, operation.http.get("responseCode", 200))
    if not content_type:  # the container chooses the type, if any
        del response.headers["Content-Type"]
    for name, shape in _header_members(operation.output_shape).items():
        if members.get(name) is not None:
            response.headers[shape.serialization["name"]] = str(members[name])
    return response


def _event_stream(body: bytes) -> bytes:
    starts = range(0, max(len(body), 1), MAX_EVENT_BYTES)
    return b"".join(_event(body[start : start + MAX_EVENT_BYTES]) for start in starts)


def _event(payload: bytes) -> bytes:
    """Encode an event: total and header lengths, their checksum, the headers, the payload, and a final checksum."""
    headers = b"".join(_event_header(name, value) for name, value in EVENT_HEADERS.items())
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head = lengths + struct.pack("!I", crc32(lengths)) + headers
    return head + payload + struct.pack("!I", crc32(payload, crc32(head)))


def _event_header(name: str, value: str) -> bytes:
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", STRING_TYPE, len(value)) + value.encode()


def _error_response(error: ServiceError) -> Response:
    body = json.dumps({"Message": str(error)} | error.members).encode()
    response = make_response(body, "application/json", error.status)
    response.headers["x-amzn-errortype"] = error.code
    return response
