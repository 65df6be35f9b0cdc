"""The rest of AWS: moto, and the one answer of IAM that it lacks."""

import errno
import io
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import moto.core.base_backend
import moto.core.utils
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug import Request, Response

from recore.simulator.cloudwatch import alarms, log_filters, retention
from recore.simulator.own_session import own_botocore_session, own_session
from recore.simulator.protocol.errors import (
    ServiceError,
    answer_headers,
    disk_full_answer,
    json_response,
    signed_service,
)

logger = logging.getLogger(__name__)
# moto looks up names of regions and services by sessions that fail with a broken configuration
moto.core.base_backend.Session = own_session  # type: ignore[attr-defined]
moto.core.utils.Session = own_botocore_session  # type: ignore[attr-defined]
alarms.install()
log_filters.install()
retention.install()

FORM = "application/x-www-form-urlencoded"


class OtherServices:
    """A WSGI application that answers for all services but SageMaker."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(_create_application)
        # moto reads the folder of all its services at each request: half of the time that a small object takes
        remembering = lru_cache(1000)(self._moto.get_backend_for_host)
        self._moto.get_backend_for_host = remembering  # type: ignore[method-assign]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        try:
            if _service(request) == "iam":
                form = environ["wsgi.input"].read()
                environ["wsgi.input"] = io.BytesIO(form)
                if b"Action=SimulatePrincipalPolicy" in form:
                    return _xml_response(_allowed(form), 200)(environ, start_response)
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        except ModuleNotFoundError as error:  # of a service that nothing here needs
            failure = _not_installed(request, error)
            if request.mimetype == FORM:
                return _xml_response(_xml(failure), failure.status)(environ, start_response)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            status, headers, body = disk_full_answer(_service(request))
            return Response(body, status, headers)(environ, start_response)
        except Exception as error:  # moto raises it, too, where it does not know a service
            logger.exception("a request failed")
            failure = ServiceError("InternalFailure", f"{_service(request)}: {error!r}"[:1000], 500)
        return json_response(failure)(environ, start_response)


def _create_application(service: Any) -> Any:
    """moto's application for a service, without Flask's debug mode: with it, bodies outlive their requests in memory.

    Errors are still raised, as in debug mode.
    """
    application = create_backend_app(service)
    application.config |= {"DEBUG": False, "PROPAGATE_EXCEPTIONS": True}
    return application


def _service(request: Request) -> str:
    return signed_service(request.headers.get("Authorization", ""))


def _xml_response(body: bytes, status: int) -> Response:
    return Response(body, status, answer_headers("text/xml", body))


def _not_installed(request: Request, error: ModuleNotFoundError) -> ServiceError:
    """The error of a service of moto's whose packages requirements/recore.txt leaves out."""
    reason = f"the Python package {error.name} is not installed, `pip install 'moto[server]'` adds all of them"
    return ServiceError("NotImplemented", f"The simulator does not answer {_service(request)}: {reason}", 501)


def _xml(error: ServiceError) -> bytes:
    """An error for a client whose requests are forms: it reads XML."""
    said = f"<Code>{escape(error.code)}</Code><Message>{escape(str(error))}</Message>"
    return f"<ErrorResponse><Error><Type>Receiver</Type>{said}</Error></ErrorResponse>".encode()


def _allowed(form: bytes) -> bytes:
    """IAM's answer that every action asked for is allowed."""
    asked = parse_qs(form.decode("utf-8", "replace"))
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
