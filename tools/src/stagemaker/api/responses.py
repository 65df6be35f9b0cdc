"""HTTP responses in AWS's form, and the service that a request is signed for, on which the form of an error depends."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import Request, Response

from stagemaker.protocol.errors import ServiceError

logger = logging.getLogger(__name__)

SIGNED_SERVICE = re.compile("Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
JSON = "application/x-amz-json-1.1"


def make_response(body: bytes, content_type: str, status: int = 200) -> Response:
    """Return a response with the headers that every AWS response has."""
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    return Response(body, status, headers)


def json_error_response(error: ServiceError) -> Response:
    """Return the response to a failed request to the control plane."""
    return make_response(json.dumps({"__type": error.code, "message": str(error)}).encode(), JSON, error.status)


def disk_full_response(service: str) -> Response:
    """Return the response to a request whose data does not fit on this machine's disk.

    service: the service for which the request is signed. Clients do not retry requests that fail with status 507.
    """
    message = "This machine's disk is full: free some space on it, or set TMPDIR to a folder on another disk"
    if service != "s3":
        return json_error_response(ServiceError("InternalFailure", message, 507))
    body = f"<Error><Code>InternalError</Code><Message>{message}</Message></Error>"
    return make_response(body.encode(), "application/xml", 507)


def signed_service(authorization: str) -> str:
    """Return the service named in a request's Authorization header, or an empty string if the request is not signed."""
    match = SIGNED_SERVICE.search(authorization)
    return match[1] if match else ""


def respond(
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    operate: Callable[[Request], Response],
    refuse: Callable[[ServiceError], Response],
) -> Iterable[bytes]:
    """Respond with what `operate` returns for the request or, if it raises an error, with what `refuse` returns.

    Clients do not retry requests that fail with status 507.
    """
    try:
        response = operate(Request(environ))
    except ServiceError as error:
        response = refuse(error)
    except OSError as error:  # such as a full disk; the message names the file
        logger.error("a request failed: %s", error)
        response = refuse(ServiceError("InternalFailure", str(error)[:1000], 507))
    except Exception as error:
        logger.exception("a request failed")
        response = refuse(ServiceError("InternalFailure", f"{error!r}"[:1000], 500))
    return response(environ, start_response)
