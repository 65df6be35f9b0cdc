"""Route each request to SageMaker's control plane, to its runtime or to another AWS service."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from werkzeug import Request, Response
from werkzeug.utils import redirect

from stagemaker.api import responses
from stagemaker.api.console import PATH as CONSOLE
from stagemaker.api.console import TEXT, Console, is_console_request, sign
from stagemaker.api.other_services import OtherServices
from stagemaker.api.runtime import Runtime
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import operation_model, read_request, shape_response
from stagemaker.resources.resource import Resource

TARGET_PREFIX = "SageMaker."  # prefix of the operation's name in the header X-Amz-Target
MAX_REQUEST_BYTES = 4 << 20
# S3 clients may put the bucket's name before the host name
HOST = r"127\.0\.0\.1|\[::1\]|(?:[a-z0-9_-]+\.)*localhost"
HTTP_PORT = "80"
TRUSTED_SITES = ("none", "same-origin")  # values of the header Sec-Fetch-Site: a user or a page of this host
MOTO_API = re.compile("/moto-api(/|$)")
HEALTH = "/_stagemaker/health"  # no bucket's name begins with an underscore


class ControlPlane:
    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = {name: resource for resource in resources for name in resource.operations()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return responses.respond(environ, start_response, self._operate, responses.json_error_response)

    def _operate(self, request: Request) -> Response:
        target = request.headers.get("X-Amz-Target", "")
        if not target.startswith(TARGET_PREFIX):
            raise ServiceError("UnknownOperationException", f"X-Amz-Target must be {TARGET_PREFIX}OPERATION")
        if request.method != "POST":
            raise ServiceError("UnknownOperationException", "SageMaker operations must be POST requests", 405)
        operation = operation_model(target.removeprefix(TARGET_PREFIX))
        if operation.name not in self._resources:
            raise ServiceError("NotImplemented", f"The simulator does not support {operation.name}", 501)
        body = responses.read_body(request, MAX_REQUEST_BYTES, "RequestEntityTooLarge", 413)
        members = read_request(operation, responses.parse_document(body))
        response = self._resources[operation.name].handle(operation.name, members)
        return responses.make_response(
            json.dumps(shape_response(operation.output_shape, response)).encode(), responses.JSON
        )


class Application:
    """The WSGI application. It rejects requests from web pages, because such requests could run code in a job.

    A page's request is recognised by its Origin or Sec-Fetch-Site header or, if the page's host name resolves to
    this host, by its unknown Host header. Of the requests from pages, only the console's are accepted. All other
    responses have SANDBOX_HEADERS.
    hosts: additional names and addresses of this host. ports: the ports accepted in a Host header. health: the
    response to a request for HEALTH. prepare: called before each request to a service other than SageMaker. reset:
    the function that empties the simulator, or None to reject resets. console: the console, or None to disable it.
    """

    def __init__(
        self,
        resources: Sequence[Resource],
        hosts: Collection[str],
        ports: Collection[int],
        health: dict[str, Any],
        prepare: Callable[[], None],
        reset: Callable[[], None] | None = None,
        console: Console | None = None,
    ) -> None:
        self._control, self._runtime = ControlPlane(resources), Runtime(resources)
        self._other_services, self._health, self._reset = OtherServices(prepare), health, reset
        self._console = console
        self._ports = [str(port) for port in ports]
        names = "|".join((HOST, *(re.escape(f"[{host}]" if ":" in host else host) for host in hosts)))
        self._host = re.compile(rf"(?:{names})(?::([0-9]{{1,5}}))?", re.IGNORECASE)  # clients omit HTTP's default port

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._choose_application(Request(environ))(environ, start_response)

    def _choose_application(self, request: Request) -> Callable[..., Iterable[bytes]]:
        name = request.headers.get("Host", "")
        host = self._host.fullmatch(name)
        if not host or (host[1] or HTTP_PORT) not in self._ports:
            accepted = f"127.0.0.1:{self._ports[0]} and localhost:{self._ports[0]}"
            message = f"The simulator accepts requests to {accepted}, not to '{name[:80]}'"
            return _access_denied(request, f"{message}; to accept NAME, use `stagemaker start --allow-host NAME`")
        is_console = self._console is not None and is_console_request(request)
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site not in TRUSTED_SITES or ("Origin" in request.headers and not is_console):
            return _access_denied(request, "The simulator does not accept requests from web pages")
        if is_console:
            sign(request)
        if request.path == HEALTH:
            return responses.make_response(json.dumps(self._health).encode(), "application/json")
        if self._console and f"{request.path}/" == CONSOLE:
            return redirect(CONSOLE)
        if self._console and request.path.startswith(CONSOLE):
            return self._console.respond(request)
        if MOTO_API.match(request.path):
            return partial(responses.respond, operate=self._operate, make_error=responses.json_error_response)
        service = responses.signed_service(request.headers.get("Authorization", ""))
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith(TARGET_PREFIX) or (service == "sagemaker" and request.path == "/"):
            return self._control
        # requests to the runtime are signed for sagemaker, too
        if service.startswith("sagemaker") or (not service and request.path.startswith("/endpoints/")):
            return self._runtime
        return self._other_services

    def _operate(self, request: Request) -> Response:
        if request.path != "/moto-api/reset":
            raise ServiceError("NotImplemented", f"The simulator does not support {request.path[:80]}", 501)
        if request.method != "POST":
            raise ServiceError("UnknownOperationException", "A reset must be a POST request", 405)
        if self._reset is None:
            raise ServiceError("AccessDeniedException", "The simulator was not started with --allow-reset", 403)
        self._reset()
        return responses.make_response(json.dumps({"status": "ok"}).encode(), "application/json")


def _access_denied(request: Request, message: str) -> Response:
    if request.path.startswith(CONSOLE):  # a browser would save JSON as a file
        return Response(message, 403, responses.SANDBOX_HEADERS, content_type=TEXT)
    return responses.json_error_response(ServiceError("AccessDeniedException", message, 403))
