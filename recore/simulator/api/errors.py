"""Errors as SageMaker answers them."""

import json
import logging
import random
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import Request, Response

logger = logging.getLogger(__name__)

JSON = "application/x-amz-json-1.1"


class ServiceError(Exception):
    """An error answer: a code of the service, a message for the caller, and further members that the error has."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any):
        super().__init__(message)
        self.code, self.status, self.members = code, status, members


def validation_error(problems: list[str]) -> ServiceError:
    """ValidationException for a request that breaks the service model."""
    plural = "s" if len(problems) > 1 else ""
    return ServiceError(
        "ValidationException", f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}"
    )


def json_answer(error: ServiceError) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and the body of an error's answer."""
    body = json.dumps({"__type": error.code, "message": str(error)}).encode()
    return answer_headers(JSON, body), body


def json_response(error: ServiceError) -> Response:
    headers, body = json_answer(error)
    return Response(body, error.status, headers)


def respond(
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    operate: Callable[[Request], Response],
    refuse: Callable[[ServiceError], Response],
) -> Iterable[bytes]:
    """A request's answer: what `operate` returns, and for an exception what `refuse` makes of the error."""
    try:
        response = operate(Request(environ))
    except ServiceError as error:
        response = refuse(error)
    except Exception as error:
        logger.exception("a request failed")
        response = refuse(ServiceError("InternalFailure", f"{error!r}"[:1000], 500))
    return response(environ, start_response)


def answer_headers(content_type: str, body: bytes) -> list[tuple[str, str]]:
    return [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", str(uuid.UUID(int=random.getrandbits(128), version=4))),
    ]
