"""Open the backend that the settings choose: the embedded simulator, a simulator at a different endpoint, or AWS."""

import contextlib
import http.client
import ipaddress
import json
import os
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recore.backends.backend import (
    IMAGE,
    Backend,
    BackendError,
    BackendSettings,
    Services,
    SimulatorGoneError,
    format_isolation,
)
from recore.distribution import TEMPLATE
from recore.text import plain
from stagemaker import BUCKET, REGION, ROLE_ARN, interrupts

HEALTH = "/_stagemaker/health"
MAX_RESPONSE_BYTES = 1 << 16
LOG_DELAY = 5.0  # seconds after which a job's last lines are in CloudWatch Logs on AWS


def open_backend(settings: BackendSettings, show: Callable[[str], None]) -> AbstractContextManager[Backend]:
    """Return a context manager for the backend that the settings choose. show: a callback for progress lines.

    Raises BackendError if the settings contradict each other, or do not define a usable backend.
    """
    if settings.engine == "docker" or (settings.engine == "process" and not os.environ.get("AWS_ENDPOINT_URL")):
        if settings.role or settings.bucket:
            raise BackendError("--role and --bucket require --engine aws")
        return open_embedded(settings, show)
    return nullcontext(_connect(settings))


def choose_isolation(option: str | None, submission: Path, actual: Path | None = None, for_host: bool = False) -> str:
    """Return the isolation of jobs: the user's choice or, by default, "required" for a host and "auto" for other users.

    The user is a host if private assays (actual) are passed with someone else's submission, or if for_host is true.
    """
    is_judging = actual is not None and not is_own(submission)
    return option or ("required" if for_host or is_judging else "auto")


def is_own(submission: Path, folder: Path = Path()) -> bool:
    """Return whether a submission is the user's own: the folder in which the command was started, or the template."""
    return submission.resolve() in (folder.resolve(), TEMPLATE)


def is_third_party(submission: Path, actual: Path | None, folder: Path = Path()) -> bool:
    """Return whether a submission is a third party's: not the user's own, and run with a host's private assays.

    actual: the file of private assays, if any. Files in data/ of the submission or of the folder in which the command
    was started do not count as a host's, because every run uses them by default.
    """
    defaults = (submission / "data", folder / "data")
    is_hosts = actual is not None and not any(actual.resolve().is_relative_to(data.resolve()) for data in defaults)
    return is_hosts and not is_own(submission, folder)


def _connect(settings: BackendSettings) -> Backend:
    """Return the backend for AWS or AWS_ENDPOINT_URL. Raises BackendError if the settings are invalid."""
    role, bucket, image = settings.role, settings.bucket, settings.image
    services = Services(_make_client, patience=settings.patience)
    endpoint, region = services.sagemaker.meta.endpoint_url, services.sagemaker.meta.region_name
    if ".amazonaws.com" in endpoint:
        if not (role and bucket):
            raise BackendError(
                "AWS needs --role (the ARN of the jobs' role) and --bucket (which that role can read and write)"
            )
        if region != "us-east-1" and not image:
            raise BackendError(f"AWS has a different image in each region; pass the image for {region} with --image")
        _check_credentials()
        services = replace(services, log_delay=LOG_DELAY)
        location = ("AWS", region, "network isolation")
        return Backend(services, bucket, role, image or IMAGE, *location, scoring_role=settings.scoring_role)
    _check_credentials()
    _check_connection(endpoint)
    isolation, enforced = _fetch_isolation(endpoint)
    if settings.isolation == "required" and not enforced:
        raise BackendError(
            f"isolation is required, but the simulator at {endpoint} does not isolate jobs; start it with --isolation "
            "required, or unset AWS_ENDPOINT_URL"
        )
    names = (bucket or BUCKET, role or ROLE_ARN, image or IMAGE, endpoint, region)
    has_ml = enforced is not False
    return Backend(services, *names, isolation, has_ml=has_ml, scoring_role=settings.scoring_role)


@contextmanager
def _check_settings() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except (BotoCoreError, ValueError, OSError) as error:
        raise BackendError(f"the AWS settings (environment variables and files) are invalid: {error}") from None


@_check_settings()
def _make_client(service: str) -> Any:
    """Return a boto3 client. Requests to loopback addresses bypass proxies."""
    import boto3
    from botocore.config import Config

    if (certificates := os.environ.get("AWS_CA_BUNDLE")) and not Path(certificates).exists():
        raise ValueError(f"AWS_CA_BUNDLE: the file {certificates} does not exist")
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    if not boto3.DEFAULT_SESSION.region_name:
        raise BackendError("no AWS region is set; export AWS_DEFAULT_REGION, or choose a profile with a region")
    retries = Config(retries={"mode": "standard", "max_attempts": 10})
    client = boto3.client(service, config=retries)
    if _is_loopback(client.meta.endpoint_url):
        client = boto3.client(service, config=retries.merge(Config(proxies={})))
        client.meta.events.register_first("needs-retry", _raise_if_gone)
    _ = client.exceptions  # created before first use, because concurrent threads would get different classes
    return client


def _raise_if_gone(caught_exception: Exception | None, **_: Any) -> None:
    """Raise SimulatorGoneError if the connection failed, because boto3 would otherwise retry for minutes."""
    from botocore.exceptions import EndpointConnectionError

    if isinstance(caught_exception, EndpointConnectionError):
        url = urlsplit(caught_exception.kwargs["endpoint_url"])
        raise SimulatorGoneError(f"{url.scheme}://{url.netloc}") from None


@_check_settings()
def _check_credentials() -> None:
    import boto3

    credentials = boto3.DEFAULT_SESSION.get_credentials()
    if credentials is None:
        raise BackendError("no AWS credentials were found; run `aws configure`, or set the environment variables AWS_*")
    credentials.get_frozen_credentials()


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{url}: the URL must begin with http:// or https://")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"{url}: the port is not a number") from None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_connection(endpoint: str) -> None:
    """Raise BackendError if the endpoint is local and nothing responds, because boto3 would retry for minutes."""
    if not _is_loopback(endpoint):
        return
    parts = urlsplit(endpoint)
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=10).close()
    except OSError as error:
        raise BackendError(
            f"nothing responds at {endpoint} ({error}); run `stagemaker start`, or unset AWS_ENDPOINT_URL"
        ) from None


def _fetch_isolation(endpoint: str) -> tuple[str, bool | None]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError, http.client.HTTPException):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(endpoint + HEALTH, timeout=10) as response:
            health = json.loads(response.read(MAX_RESPONSE_BYTES))
        enforced = health["isolation_enforced"] is True
        return format_isolation(plain(str(health["isolation"]), 40), enforced), enforced
    return "chosen by the simulator", None


@contextmanager
def open_embedded(settings: BackendSettings, show: Callable[[str], None]) -> Iterator[Backend]:
    """Run an embedded simulator within the context. For Docker, its default image is built from the template's files.

    show: a callback for each line of build output. Raises OSError if isolation is required but not available.
    """
    image = settings.image
    if settings.engine == "docker" and image is None:
        from stagemaker import build, docker_client

        def show_build(line: str) -> None:
            interrupts.check()
            show(f"docker: {line}")

        image = json.loads((TEMPLATE / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        with docker_client() as client:
            build(client, TEMPLATE, image, "equivalent", show_build)
    from stagemaker import NoSandboxError, Simulator

    simulator = Simulator(engine=settings.engine, isolation=settings.isolation)
    try:
        with simulator:
            isolation = format_isolation(simulator.isolation.name, simulator.isolation_enforced)
            services = Services(simulator.client)
            location = ("the embedded simulator", REGION, isolation)
            yield Backend(services, BUCKET, ROLE_ARN, image or IMAGE, *location, has_ml=simulator.isolation_enforced)
    except NoSandboxError as error:
        raise OSError(f"{error}, or choose {settings.without_sandbox}") from error
