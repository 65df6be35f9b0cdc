"""Fixtures for users' tests: a simulator, its clients, and the environment that directs boto3 to it.

pytest imports this module at every start, because the module is an entry point. It therefore imports little.
"""

import contextlib
import logging
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from botocore.endpoint import Endpoint

    from stagemaker import Simulator

PREPARATION_LOGGER = logging.getLogger("stagemaker.compute.platform")


class Announcements(logging.Handler):
    """Shows what delays a test, such as the creation of an image's environment, although pytest captures the output."""

    def __init__(self, config: pytest.Config):
        super().__init__()
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def emit(self, record: logging.LogRecord) -> None:
        with self._capture.global_and_fixture_disabled() if self._capture else contextlib.nullcontext():
            print(f"\n{record.getMessage()}", file=sys.stderr, flush=True)


def pytest_configure(config: pytest.Config) -> None:
    handler = Announcements(config)
    PREPARATION_LOGGER.addHandler(handler)
    config.add_cleanup(lambda: PREPARATION_LOGGER.removeHandler(handler))


@pytest.fixture(scope="session")
def stagemaker_simulator() -> "Iterator[Simulator]":
    """Return the session's simulator, whose jobs, objects and records are kept between tests."""
    from stagemaker import Simulator

    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def stagemaker(stagemaker_simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> "Iterator[Simulator]":
    """Return an empty simulator that boto3 and the SageMaker SDK use, in this test and in processes that it starts."""
    import boto3
    from botocore.endpoint import Endpoint
    from botocore.session import Session

    from stagemaker import BUCKET
    from stagemaker.clients.sitecustomize import redirect

    stagemaker_simulator.reset()
    stagemaker_simulator.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.MonkeyPatch.context() as patch:  # which the test cannot undo
        for name in stagemaker_simulator.conflicting_variables():
            patch.delenv(name)
        for name, value in stagemaker_simulator.variables().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep other credentials
        new_endpoints: weakref.WeakSet[Endpoint] = weakref.WeakSet()
        patch.setattr(Session, "create_client", record_endpoint(redirect(Session.create_client), new_endpoints))
        make_request = reject_old_clients(Endpoint.make_request, new_endpoints, stagemaker_simulator.endpoint)
        patch.setattr(Endpoint, "make_request", make_request)
        yield stagemaker_simulator
        monkeypatch.undo()  # what the test changed meanwhile
    stagemaker_simulator.reset()  # otherwise its jobs would continue


@pytest.fixture
def sagemaker_client(stagemaker: "Simulator") -> Any:
    return stagemaker.client("sagemaker")


@pytest.fixture
def s3_client(stagemaker: "Simulator") -> Any:
    return stagemaker.client("s3")


def record_endpoint(create_client: Callable[..., Any], endpoints: "weakref.WeakSet[Endpoint]") -> Callable[..., Any]:
    """Wrap a session's create_client so that the endpoint of each new client is added to `endpoints`."""

    def create(*arguments: Any, **options: Any) -> Any:
        client = create_client(*arguments, **options)
        endpoints.add(client._endpoint)
        return client

    return create


def reject_old_clients(
    make_request: Callable[..., Any], new_endpoints: "weakref.WeakSet[Endpoint]", address: str
) -> Callable[..., Any]:
    """Wrap an endpoint's make_request so that it sends nothing for clients that would call AWS instead of `address`.

    These are clients from before the fixture. Clients of any simulator, and stubbed ones, are not affected.
    """

    def make(self: "Endpoint", operation: Any, request: dict[str, Any]) -> Any:
        is_known = self in new_endpoints or hasattr(self, "is_simulators")
        if not is_known and self.host.rstrip("/") != address:
            client = f"the {operation.service_model.service_name} client, which would call {self.host},"
            raise RuntimeError(f"{client} was made before the fixture: make it in the test or in a function")
        return make_request(self, operation, request)

    return make
