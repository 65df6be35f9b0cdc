"""SageMaker's runtime, a REST interface: operations are addresses, members are headers, the body is what it is.

A resource that has a method of an operation's name (InvokeEndpoint, ...) answers it: it gets the request's members and
returns the answer's, by the runtime's service model.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from botocore.model import OperationModel, ServiceModel
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.routing import Map, Rule

from recore.simulator.api.event_stream import EVENT_STREAM, event_stream
from recore.simulator.own_session import own_botocore_session
from recore.simulator.protocol.errors import ServiceError, answer_headers, respond
from recore.simulator.protocol.service_model import read_request
from recore.simulator.resources.resource import Resource

LARGEST = 25 << 20  # bytes of a request


@cache
def runtime_model() -> ServiceModel:
    """botocore's model of the runtime."""
    return own_botocore_session().get_service_model("sagemaker-runtime")


class Runtime:
    """A WSGI application that passes each request to the resource that has its operation."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        names = runtime_model().operation_names
        self._resources = {name: resource for resource in resources for name in names if hasattr(resource, name)}
        operations = [runtime_model().operation_model(name) for name in names]
        rules = [
            Rule(
                operation.http["requestUri"].replace("{", "<").replace("}", ">"),
                endpoint=operation,
                methods=[operation.http["method"]],
            )
            for operation in operations
        ]
        self._routes = Map(rules, merge_slashes=False, redirect_defaults=False).bind("")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return respond(environ, start_response, self._operate, _error_response)

    def _operate(self, request: Request) -> Response:
        operation, members = self._route(request)
        request.max_content_length = LARGEST
        try:
            members["Body"] = request.get_data(cache=False)
        except RequestEntityTooLarge:
            raise ServiceError("ValidationError", f"The body of a request has {LARGEST} bytes at most") from None
        if operation.name not in self._resources:
            raise ServiceError("NotImplemented", f"The simulator does not answer {operation.name}", 501)
        values = _read_members(operation, request, members)
        return _respond(operation, self._resources[operation.name].answer(operation.name, values))

    def _route(self, request: Request) -> tuple[OperationModel, dict[str, Any]]:
        """The operation that is addressed, and the members in the address."""
        try:
            operation, members = self._routes.match(request.path, request.method)
        except MethodNotAllowed as error:
            methods = ", ".join(error.valid_methods or [])
            message = f"{request.path[:200]} answers {methods}, not {request.method}"
            raise ServiceError("UnknownOperationException", message, 405) from None
        except HTTPException:
            raise ServiceError("NotImplemented", f"The simulator does not answer {request.path[:200]}", 501) from None
        return operation, dict(members)


def _read_members(operation: OperationModel, request: Request, members: dict[str, Any]) -> dict[str, Any]:
    """A request's members, checked. Raises ServiceError."""
    for name, variable, is_integer in _headers(operation.name):
        header = request.environ.get(variable)
        if header is not None:
            members[name] = int(header) if is_integer and header.isdecimal() else header
    try:
        return read_request(operation, members)
    except ServiceError as error:
        raise ServiceError("ValidationError", str(error)) from None


@cache
def _headers(operation: str) -> list[tuple[str, str, bool]]:
    """The members of an operation's requests that are headers: name, WSGI variable, whether it is an integer."""
    shape = runtime_model().operation_model(operation).input_shape
    members = shape.members if shape else {}
    found = []
    for name, member in members.items():
        if member.serialization.get("location") == "header":
            variable = member.serialization["name"].upper().replace("-", "_")
            prefix = "" if variable == "CONTENT_TYPE" else "HTTP_"
            found.append((name, prefix + variable, member.type_name == "integer"))
    return found


def _respond(operation: OperationModel, answer: dict[str, Any]) -> Response:
    """An operation's answer: its members in headers, and the body."""
    body, kind = answer.get("Body", b""), ""
    if operation.has_event_stream_output:
        body, kind = event_stream(body), EVENT_STREAM
    response = Response(body, operation.http.get("responseCode", 200), answer_headers(kind, body))
    if not kind:  # the model says which it is, if any
        del response.headers["Content-Type"]
    for name, shape in operation.output_shape.members.items() if operation.output_shape else ():
        if shape.serialization.get("location") == "header" and answer.get(name) is not None:
            response.headers[shape.serialization["name"]] = str(answer[name])
    return response


def _error_response(error: ServiceError) -> Response:
    body = json.dumps({"Message": str(error)} | error.members).encode()
    headers = [*answer_headers("application/json", body), ("x-amzn-errortype", error.code)]
    return Response(body, error.status, headers)
