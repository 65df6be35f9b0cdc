"""AWS's other services: moto, and an IAM operation that moto does not support."""

import errno
import io
import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from werkzeug import Request, Response

from stagemaker.api.responses import disk_full_response, json_error_response, make_response, signed_service
from stagemaker.protocol.errors import ServiceError
from stagemaker.services.moto_inside import Dispatcher

logger = logging.getLogger(__name__)
FORM, XML = "application/x-www-form-urlencoded", "text/xml"


class OtherServices:
    """A WSGI application that handles requests to all services except SageMaker."""

    def __init__(self) -> None:
        self._moto = Dispatcher()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        service = signed_service(request.headers.get("Authorization", ""))
        try:
            if service == "iam":
                form = environ["wsgi.input"].read()
                environ["wsgi.input"] = io.BytesIO(form)
                if b"Action=SimulatePrincipalPolicy" in form:
                    return make_response(_all_allowed_response(form), XML)(environ, start_response)
            body: Iterable[bytes] = self._moto(environ, start_response)
            return body
        except ModuleNotFoundError as error:
            response = _not_installed_response(service, error.name, request.mimetype)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            response = disk_full_response(service)
        except Exception as error:  # for example, if moto does not know the service
            logger.exception("a request failed")
            response = json_error_response(ServiceError("InternalFailure", f"{service}: {error!r}"[:1000], 500))
        return response(environ, start_response)


def _not_installed_response(service: str, package: str | None, mimetype: str) -> Response:
    """Return the response for a service for which moto needs packages that this distribution does not require.

    mimetype: the request's MIME type. Clients that send forms expect XML.
    """
    reason = f"the Python package {package} is not installed; `pip install 'moto[server]'` installs it"
    message = f"The simulator does not support {service}: {reason}"
    if mimetype != FORM:
        return json_error_response(ServiceError("NotImplemented", message, 501))
    error = f"<Type>Receiver</Type><Code>NotImplemented</Code><Message>{escape(message)}</Message>"
    return make_response(f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode(), XML, 501)


def _all_allowed_response(form: bytes) -> bytes:
    """Return the response to a SimulatePrincipalPolicy request that allows all requested actions."""
    parameters = parse_qs(form.decode("utf-8", "replace"))
    names = [escape(values[0]) for key, values in parameters.items() if key.startswith("ActionNames.member.")]
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
