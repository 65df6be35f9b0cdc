"""The Flask application of a model server, and its requests and responses."""

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flask
from sagemaker_training import content_types

from ._env import ServingEnv

ITEMS = ("accept", "content", "content_length", "content_type", "data", "method", "path")  # items of a Request


class Response(flask.Response):
    """A response whose content type is JSON by default. The argument `accept` has no effect."""

    default_mimetype = content_types.JSON

    def __init__(
        self,
        response: Any = None,
        accept: str | None = None,
        status: int | str = 200,
        headers: Any = None,
        mimetype: str | None = None,
        direct_passthrough: bool = False,
    ):
        if accept:
            warnings.warn("the argument `accept` of Response has no effect: use `mimetype`", DeprecationWarning, 2)
        super().__init__(response, status, headers, mimetype, None, direct_passthrough)


class Request(flask.Request, Mapping[str, Any]):  # type: ignore[misc]  # both define `values`; Flask's is used
    """A request to /invocations, by default Flask's current one. As in AWS's package, it is also a mapping."""

    __eq__, __hash__ = object.__eq__, object.__hash__  # Mapping's methods would compare the contents of requests

    def __init__(self, environ: dict[str, Any] | None = None, serving_env: ServingEnv | None = None):
        super().__init__(environ or flask.request.environ)
        self._default_accept = (serving_env or ServingEnv()).default_accept

    @property
    def content_type(self) -> str:  # type: ignore[override]
        """The content type, by default JSON. Some AWS services send it in a ContentType header."""
        return self.headers.get("ContentType") or self.headers.get("Content-Type") or content_types.JSON

    @property
    def accept(self) -> str:
        accept = self.headers.get("Accept")
        return self._default_accept if accept in (None, "", content_types.ANY) else accept

    @property
    def content(self) -> str | bytes:
        """The body: a string if it is CSV or JSON, otherwise bytes."""
        return self.get_data(as_text=True) if self.content_type in content_types.UTF8_TYPES else self.get_data()

    def __getitem__(self, name: str) -> Any:
        if name not in ITEMS:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(ITEMS)

    def __len__(self) -> int:
        return len(ITEMS)


def default_healthcheck_fn() -> Response:
    return Response(status=200)


class Worker(flask.Flask):
    """The application of a model server. initialize_fn: called once, before the first request.

    transform_fn, healthcheck_fn, execution_parameters_fn: functions for /invocations, /ping and /execution-parameters.
    """

    request_class = Request

    def __init__(
        self,
        transform_fn: Callable[[], Any],
        initialize_fn: Callable[[], Any] | None = None,
        module_name: str | None = None,
        healthcheck_fn: Callable[[], Any] | None = None,
        execution_parameters_fn: Callable[[], Any] | None = None,
    ):
        super().__init__(module_name or ServingEnv().module_name or __name__)
        self._initialize, self._lock = initialize_fn, threading.Lock()
        self.before_request(self._initialize_once)
        self.add_url_rule("/invocations", "invocations", transform_fn, methods=["POST"])
        self.add_url_rule("/ping", "ping", healthcheck_fn or default_healthcheck_fn)
        if execution_parameters_fn:
            self.add_url_rule("/execution-parameters", "execution-parameters", execution_parameters_fn)

    def _initialize_once(self) -> None:
        with self._lock:
            if self._initialize:
                self._initialize()
            self._initialize = None
