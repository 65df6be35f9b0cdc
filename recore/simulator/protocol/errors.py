"""Errors of SageMaker, and the responses to requests that failed."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import Request, Response

logger = logging.getLogger(__name__)

SIGNED = re.compile("Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
JSON = "application/x-amz-json-1.1"


class ServiceError(Exception):
    """An error of the service: its code, a message for the caller, and further members that the error has."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any):
        super().__init__(message)
        self.code, self.status, self.members = code, status, members


class ValidationException(ServiceError):
    """The error of a request that is invalid, or that asks for what is not simulated."""

    def __init__(self, message: str):
        super().__init__("ValidationException", message)


def validation_error(problems: list[str]) -> ValidationException:
    """The error of a request that breaks the service model."""
    plural = "s" if len(problems) > 1 else ""
    return ValidationException(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")


def make_response(body: bytes, content_type: str, status: int = 200) -> Response:
    """A response with the headers that every response of AWS has."""
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    return Response(body, status, headers)


def json_response(error: ServiceError) -> Response:
    """The response to a request of the control plane that failed."""
    return make_response(json.dumps({"__type": error.code, "message": str(error)}).encode(), JSON, error.status)


def disk_full_response(service: str) -> Response:
    """The response to a request for which the disk of this machine has no room.

    service: the one that the request is signed for. Clients do not repeat a request that got this status.
    """
    message = "The disk of this machine is full: free some space on it, or set TMPDIR to another disk"
    if service != "s3":
        return json_response(ServiceError("InternalFailure", message, 507))
    body = f"<Error><Code>InternalError</Code><Message>{message}</Message></Error>"
    return make_response(body.encode(), "application/xml", 507)


def signed_service(authorization: str) -> str:
    """The service that a request is signed for, by its Authorization header; an empty string if it is not signed."""
    signed = SIGNED.search(authorization)
    return signed[1] if signed else ""


def respond(
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    operate: Callable[[Request], Response],
    refuse: Callable[[ServiceError], Response],
) -> Iterable[bytes]:
    """Respond to a request with what `operate` returns, or with what `refuse` makes of the error that it raises."""
    try:
        response = operate(Request(environ))
    except ServiceError as error:
        response = refuse(error)
    except Exception as error:
        logger.exception("a request failed")
        response = refuse(ServiceError("InternalFailure", f"{error!r}"[:1000], 500))
    return response(environ, start_response)
