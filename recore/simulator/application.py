"""What answers a request: SageMaker's operations are ours, the rest of AWS moto's."""

import io
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from recore.simulator.errors import ServiceError
from recore.simulator.resources.resource import Resource
from recore.simulator.service_model import operation_model, read_request, shape_answer

logger = logging.getLogger(__name__)

LARGEST = 4 << 20  # bytes of a control request
DRAINED = 64 << 20  # bytes read of one that is larger, for a client that still sends does not hear the answer
INVOCATION = re.compile("/endpoints/[^/]+/(async-)?invocations")


class Application:
    """The WSGI application: it answers requests signed for SageMaker, and the one IAM request that moto lacks.

    Moto answers all others. Requests from a web page, which the browser marks with an Origin header, are refused:
    whoever can send requests can run code in a job.
    """

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.resources = resources
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        signed = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        service = signed[1] if signed else ""
        try:
            if "HTTP_ORIGIN" in environ:
                raise ServiceError("AccessDeniedException", "The simulator does not answer pages of a browser", 403)
            if service == "sagemaker" or environ.get("HTTP_X_AMZ_TARGET", "").startswith("SageMaker."):
                answer = json.dumps(self._operate(environ)).encode()
                return _answer(start_response, "200 OK", "application/x-amz-json-1.1", answer)
            if service.startswith("sagemaker") or (not service and INVOCATION.match(environ.get("PATH_INFO", ""))):
                raise _not_simulated(environ)
            if service == "iam" and _asks_for(environ, b"Action=SimulatePrincipalPolicy"):
                return _answer(start_response, "200 OK", "text/xml", _allowed(environ))
            moto: Iterable[bytes] = self._moto(environ, start_response)
            return moto
        except ServiceError as error:
            failure = error
        except ModuleNotFoundError as error:  # of a service that nothing here needs
            failure = _not_installed(service, error)
            if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
                return _answer(start_response, f"{failure.status} Error", "text/xml", _xml(failure))
        except Exception as error:  # moto raises it, too, where it does not know a service
            logger.exception("a request failed")
            failure = ServiceError("InternalFailure", f"{service}: {error!r}"[:1000], 500)
        answer = json.dumps({"__type": failure.code, "message": str(failure)}).encode()
        return _answer(start_response, f"{failure.status} Error", "application/x-amz-json-1.1", answer)

    def _operate(self, environ: dict[str, Any]) -> Any:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        body = _body(environ)  # always read: a client that is still sending does not hear the answer
        if not target.startswith("SageMaker."):
            raise _not_simulated(environ)
        if environ["REQUEST_METHOD"] != "POST":
            raise ServiceError("UnknownOperationException", "An operation of SageMaker is a POST request", 405)
        operation = operation_model(target.removeprefix("SageMaker."))
        answering = [resource for resource in self.resources if operation.name in resource.operations()]
        if not answering:
            raise ServiceError("NotImplemented", f"The simulator does not answer {operation.name}", 501)
        request = read_request(operation, _document(body))
        return shape_answer(operation.output_shape, getattr(answering[0], operation.name)(request))


class QuietHandler(MotoRequestHandler):
    """Requests are not printed, and who falls silent in the middle of one is left after a minute."""

    timeout = 60.0

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def _body(environ: dict[str, Any]) -> bytes:
    """A request's body. Raises ServiceError where it is too large, stays away, or its length is no number."""
    stream, given = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or "0"
    if environ.get("wsgi.input_terminated"):  # it comes in chunks that say where they end
        given = str(DRAINED)
    if not re.fullmatch("[0-9]{1,18}", given):
        raise ServiceError("SerializationException", "Content-Length is no number of bytes")
    try:
        body: bytes = stream.read(min(int(given), LARGEST + 1))
        left = min(int(given), DRAINED) - len(body) if len(body) > LARGEST else 0
        while left > 0 and (lost := stream.read(min(left, LARGEST))):
            left -= len(lost)
    except OSError as error:
        raise ServiceError("RequestTimeout", f"The body does not come: {error}", 408) from None
    if len(body) > LARGEST:
        raise ServiceError("RequestEntityTooLarge", f"A request has {LARGEST} bytes at most", 413)
    return body


def _document(body: bytes) -> Any:
    """A body's JSON. Raises ServiceError where it is none, or its text is not UTF-8 through and through."""
    try:
        document = json.loads(body.decode() or "{}", parse_constant=_no_constant)
        json.dumps(document, ensure_ascii=False).encode()  # half a character can be written as an escape
    except (ValueError, RecursionError) as error:
        raise ServiceError("SerializationException", f"The body is no JSON: {str(error)[:200]}") from None
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not in JSON")


def _not_simulated(environ: dict[str, Any]) -> ServiceError:
    path = environ.get("PATH_INFO", "")
    if INVOCATION.match(path):
        return ServiceError("NotImplemented", f"Endpoints are not simulated: {path[:200]}", 501)
    if path in ("", "/"):
        return ServiceError("UnknownOperationException", "X-Amz-Target must be SageMaker.OPERATION")
    return ServiceError("NotImplemented", f"The simulator does not answer {path[:200]}", 501)


def _not_installed(service: str, error: ModuleNotFoundError) -> ServiceError:
    """The error of a service of moto's whose packages requirements-recore.txt leaves out."""
    reason = f"the Python package {error.name} is not installed, `pip install 'moto[server]'` adds all of them"
    return ServiceError("NotImplemented", f"The simulator does not answer {service}: {reason}", 501)


def _xml(error: ServiceError) -> bytes:
    """An error for a client whose requests are forms: it reads XML."""
    said = f"<Code>{escape(error.code)}</Code><Message>{escape(str(error))}</Message>"
    return f"<ErrorResponse><Error><Type>Receiver</Type>{said}</Error></ErrorResponse>".encode()


def _asks_for(environ: dict[str, Any], words: bytes) -> bool:
    """Whether a form's body holds the words; the body stays readable."""
    body = _body(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    return words in body


def _allowed(environ: dict[str, Any]) -> bytes:
    """IAM's answer that every action asked for is allowed."""
    asked = parse_qs(environ["wsgi.input"].read().decode("utf-8", "replace"))
    names = [escape(values[0]) for key, values in asked.items() if key.startswith("ActionNames.member.")]
    results = "".join(
        f"<member><EvalActionName>{name}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        "<EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        for name in names
    )
    return (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        "<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>"
        f"<EvaluationResults>{results}</EvaluationResults>"
        "</SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>simulator</RequestId></ResponseMetadata>"
        "</SimulatePrincipalPolicyResponse>"
    ).encode()


def _answer(start_response: Callable[..., Any], status: str, kind: str, body: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("x-amzn-RequestId", str(uuid.uuid4()))]
    start_response(status, headers)
    return [body]
