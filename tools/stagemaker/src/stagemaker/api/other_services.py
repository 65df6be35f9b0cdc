"""Other AWS services that SageMaker programs need: moto's services, and an IAM operation that moto lacks."""

import io
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from werkzeug import Request

from stagemaker.api import responses
from stagemaker.protocol.errors import ServiceError
from stagemaker.text import printable_logger

logger = printable_logger(__name__)
UNSIGNED_ACTIONS = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")  # operations of STS
MAX_FORM_BYTES = 1 << 20
REQUEST_ERRORS = (ValueError, LookupError, TypeError, AttributeError, AssertionError)  # moto's, for invalid requests
STATUS = re.compile("[1-5][0-9][0-9]( |$)")
VALUE = re.compile("[\\t\x20-\x7e\x80-\xff]*")  # a valid header value
S3_CONTROL_PATH = "/v20180820/"  # requests to S3 Control are signed for s3, too


class OtherServices:
    """A WSGI application that handles requests to all services except SageMaker.

    prepare: a function called before each request to restore the services' data. The first request imports moto.
    """

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._prepare = prepare

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        service = _service(request)
        try:
            from stagemaker.services.moto_inside import SERVICES, UNDERSCORED_NAMES, application

            self._prepare()
            environ[UNDERSCORED_NAMES] = environ.get(responses.HEADER_NAMES, {})
            if service not in SERVICES:
                names = ", ".join(sorted(SERVICES))
                message = f"The simulator does not support {service[:80]}; besides SageMaker, it supports {names}"
                raise ServiceError("NotImplemented", message, 501)
            form = _read_form(request)
            action = form.get("Action", [""])[0]
            if service == "iam" and action == "SimulatePrincipalPolicy":
                return responses.make_response(_all_allowed_response(form), responses.XML)(environ, start_response)
            if service == "s3" and action in UNSIGNED_ACTIONS:
                service = "sts"
            body: Iterable[bytes] = application(service)(environ, _complete_headers(start_response))
            return body
        except ServiceError as error:
            response_error = error
        except OSError as error:
            response_error = responses.disk_error(error)
        except Exception as error:
            logger.error("%s %r failed: %s: %.1000r", request.method, request.path[:200], service, error)
            response_error = _explain(error)
        return responses.error_response(response_error, service, request.mimetype)(environ, start_response)


def _read_form(request: Request) -> dict[str, list[str]]:
    if request.path != "/" or request.mimetype != responses.FORM or (request.content_length or 0) > MAX_FORM_BYTES:
        return {}
    form = request.environ["wsgi.input"].read()
    request.environ["wsgi.input"] = io.BytesIO(form)
    return parse_qs(form.decode("utf-8", "replace"))


def _explain(error: Exception) -> ServiceError:
    """Convert an exception in moto, usually caused by an invalid request rather than a bug, to a ServiceError."""
    if isinstance(error, ExpatError):
        return ServiceError("MalformedXML", f"The XML in the request is not valid: {error}")
    if isinstance(error, NotImplementedError):
        return ServiceError("NotImplemented", f"The simulator does not support this request: {error}"[:1000], 501)
    if isinstance(error, REQUEST_ERRORS):
        return ServiceError("InvalidRequest", f"The request is not valid: {error!r}"[:1000])
    return ServiceError("InternalFailure", f"{error!r}"[:1000], 500)


def _complete_headers(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap start_response to add SANDBOX_HEADERS.

    It raises ValueError for an invalid status or header, because a request can set both.
    """

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        if not STATUS.match(status):
            raise ValueError(f"the status {status[:80]!r}")
        for name, value in headers:
            if not VALUE.fullmatch(value):
                raise ValueError(f"the header {name[:80]} with the value {value[:80]!r}")
        return start_response(status, [*headers, *responses.SANDBOX_HEADERS.items()], *error)

    return start


def _service(request: Request) -> str:
    presigned = "Credential=" + request.args.get("X-Amz-Credential", "") + "/"
    service = (
        responses.signed_service(request.headers.get("Authorization", ""))
        or responses.signed_service(presigned)
        or "s3"
    )
    return "s3control" if service == "s3" and request.path.startswith(S3_CONTROL_PATH) else service


def _all_allowed_response(form: dict[str, list[str]]) -> bytes:
    names = [escape(values[0]) for key, values in form.items() if key.startswith("ActionNames.member.")]
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
