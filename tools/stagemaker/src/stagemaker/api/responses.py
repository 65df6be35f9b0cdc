"""HTTP responses in AWS's format. The format of an error depends on the service for which a request is signed."""

import json
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from werkzeug import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from stagemaker import machine
from stagemaker.protocol.errors import ServiceError
from stagemaker.text import printable_logger, reject_constant

logger = printable_logger(__name__)

SIGNED_SERVICE = re.compile("Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
HEADER_NAMES = "stagemaker.header_names"  # key in the WSGI environment for the names of headers with an underscore
FORM, JSON, XML = "application/x-www-form-urlencoded", "application/x-amz-json-1.1", "text/xml"
FULL_DISK = "The simulator's disk is full: free some space on it, or set TMPDIR to a folder on another disk"
S3_CODES = {"InternalFailure": "InternalError"}  # keyed by the other services' codes for the same errors
# A browser that shows a response as a page gives it a separate origin, so that its scripts cannot act as the console.
# The headers are unconditional, because browsers do not send Sec-Fetch headers to an address that is not loopback
SANDBOX_HEADERS = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
XML_SERVICES = {"cloudfront", "route53", "s3control"}  # services that always return XML errors


def make_response(body: bytes, content_type: str, status: int = 200) -> Response:
    """Return a response with the headers that every AWS response contains, and SANDBOX_HEADERS."""
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "x-amzn-RequestId": str(uuid.uuid4())}
    return Response(body, status, headers | SANDBOX_HEADERS)


def json_error_response(error: ServiceError) -> Response:
    return make_response(json.dumps({"__type": error.code, "message": str(error)}).encode(), JSON, error.status)


def error_response(error: ServiceError, service: str, mimetype: str = "") -> Response:
    """Return an error in the format that a service's clients expect. mimetype: the content type of the request."""
    code = S3_CODES.get(error.code, error.code) if service == "s3" else error.code
    details = f"<Code>{code}</Code><Message>{escape(str(error))}</Message>"
    if service == "s3":
        return make_response(f"<Error>{details}</Error>".encode(), XML, error.status)
    if mimetype == FORM or service in XML_SERVICES:
        body = f"<ErrorResponse><Error><Type>Receiver</Type>{details}</Error></ErrorResponse>"
        return make_response(body.encode(), XML, error.status)
    return json_error_response(error)


def disk_error(error: OSError) -> ServiceError:
    """Return the error for a request that failed because of an operating system error, usually a full disk.

    The status is 507, because clients do not retry a request after it.
    """
    logger.error("a request failed: %s", error)
    message = FULL_DISK if machine.is_disk_full(error) else str(error)[:1000]
    return ServiceError("InternalFailure", message, 507)


def read_body(request: Request, limit: int, code: str, status: int = 400) -> bytes:
    """Return the body of a request. Raises ServiceError with `code` and `status` if it exceeds `limit` bytes."""
    request.max_content_length = limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise ServiceError(code, f"The request body must not exceed {limit} bytes", status) from None


def signed_service(authorization: str) -> str:
    """Return the service named in a request's Authorization header, or an empty string if the request is not signed."""
    match = SIGNED_SERVICE.search(authorization)
    return match[1] if match else ""


def respond(
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    operate: Callable[[Request], Response],
    make_error: Callable[[ServiceError], Response],
) -> Iterable[bytes]:
    """Respond with the result of `operate` or, if it raises an error, of `make_error`."""
    try:
        response = operate(Request(environ))
    except ServiceError as error:
        response = make_error(error)
    except OSError as error:
        response = make_error(disk_error(error))
    except Exception as error:
        logger.exception("a request failed")
        response = make_error(ServiceError("InternalFailure", f"{error!r}"[:1000], 500))
    return response(environ, start_response)


def parse_document(body: bytes) -> Any:
    """Return the JSON document in a request's body, or {} for an empty body. Raises ServiceError if it is invalid."""
    try:
        document = json.loads(body.decode() or "{}", parse_constant=reject_constant)
        json.dumps(document, ensure_ascii=False).encode()  # fails if an escape is half of a surrogate pair
    except (ValueError, RecursionError) as error:
        message = f"The request body is not valid JSON: {str(error)[:200]}"
        raise ServiceError("SerializationException", message) from None
    return document
