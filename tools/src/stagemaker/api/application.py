"""Routes each request to SageMaker's control plane, to its runtime, or to moto for the rest of AWS."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug import Request, Response
from werkzeug.sansio.utils import host_is_trusted

from stagemaker.api.control import TARGET_PREFIX, ControlPlane
from stagemaker.api.other_services import OtherServices
from stagemaker.api.responses import json_error_response, signed_service
from stagemaker.api.runtime import Runtime
from stagemaker.protocol.errors import ServiceError
from stagemaker.resources.resource import Resource

LOCAL_HOSTS = ["127.0.0.1", ".localhost"]  # S3 clients may put the bucket's name before the host name


class Application:
    """The WSGI application. It refuses requests from web pages, because such requests could run code in a job.

    Such a request has an Origin header or, if the page's own host name resolves to this machine, that name as its Host.
    """

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._control, self._runtime = ControlPlane(resources), Runtime(resources)
        self._other_services = OtherServices()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._choose_application(Request(environ))(environ, start_response)

    def _choose_application(self, request: Request) -> Callable[..., Iterable[bytes]]:
        host = request.headers.get("Host", "")
        if not host_is_trusted(host.lower(), LOCAL_HOSTS):
            return _access_denied(f"The simulator accepts requests to 127.0.0.1 and localhost, not to '{host[:80]}'")
        if "Origin" in request.headers:
            return _access_denied("The simulator does not accept requests from web pages")
        service = signed_service(request.headers.get("Authorization", ""))
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith(TARGET_PREFIX) or (service == "sagemaker" and request.path == "/"):
            return self._control
        # requests to the runtime are signed for sagemaker, too
        if service.startswith("sagemaker") or (not service and request.path.startswith("/endpoints/")):
            return self._runtime
        return self._other_services


def _access_denied(message: str) -> Response:
    return json_error_response(ServiceError("AccessDeniedException", message, 403))
