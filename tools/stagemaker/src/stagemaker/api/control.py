"""SageMaker's control plane: a header names the operation, and requests and responses are JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from stagemaker.api.responses import JSON, json_error_response, make_response, respond
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import operation_model, read_request, shape_response
from stagemaker.resources.resource import Resource
from stagemaker.text import refuse_constant

TARGET_PREFIX = "SageMaker."  # prefix of the operation's name in the header X-Amz-Target
MAX_REQUEST_BYTES = 4 << 20


class ControlPlane:
    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = {name: resource for resource in resources for name in resource.operations()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return respond(environ, start_response, self._operate, json_error_response)

    def _operate(self, request: Request) -> Response:
        target = request.headers.get("X-Amz-Target", "")
        if not target.startswith(TARGET_PREFIX):
            raise ServiceError("UnknownOperationException", f"X-Amz-Target must be {TARGET_PREFIX}OPERATION")
        if request.method != "POST":
            raise ServiceError("UnknownOperationException", "SageMaker operations must be POST requests", 405)
        operation = operation_model(target.removeprefix(TARGET_PREFIX))
        if operation.name not in self._resources:
            raise ServiceError("NotImplemented", f"The simulator does not support {operation.name}", 501)
        request.max_content_length = MAX_REQUEST_BYTES
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            raise ServiceError(
                "RequestEntityTooLarge", f"The request body must not exceed {MAX_REQUEST_BYTES} bytes", 413
            ) from None
        members = read_request(operation, _parse_document(body))
        response = self._resources[operation.name].handle(operation.name, members)
        content = json.dumps(shape_response(operation.output_shape, response)).encode()
        return make_response(content, JSON)


def _parse_document(body: bytes) -> Any:
    try:
        document = json.loads(body.decode() or "{}", parse_constant=refuse_constant)
        json.dumps(document, ensure_ascii=False).encode()  # fails if an escape is half of a surrogate pair
    except (ValueError, RecursionError) as error:
        message = f"The request body is not valid JSON: {str(error)[:200]}"
        raise ServiceError("SerializationException", message) from None
    return document
