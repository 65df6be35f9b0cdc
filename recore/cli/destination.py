"""Where jobs run: on the embedded simulator, as processes or in Docker, at another endpoint, or on AWS."""

import ipaddress
import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from recore import interrupts
from recore.distribution import PROGRAM, TEMPLATE
from recore.evaluation.jobs import Services
from recore.evaluation.requests import IMAGE

LOG_DELAY = 5.0  # seconds until a job's last lines are in CloudWatch Logs on AWS
SERVICES = ("sagemaker", "s3", "logs", "cloudwatch")


@dataclass(frozen=True)
class Destination:
    """Clients, and what the requests and the record of a run need to know about the place that they lead to.

    has_ml: whether jobs have a folder /opt/ml, as they do unless they are processes without a sandbox.
    """

    services: Services
    bucket: str
    role: str
    image: str
    endpoint: str
    region: str
    isolation: str
    has_ml: bool = True


def open_destination(options: dict[str, Any], strict: bool) -> AbstractContextManager[Destination]:
    """The destination that a command's options choose. strict: isolation is required unless an option says otherwise.

    Raises UsageError for options that exclude each other.
    """
    if options["engine"] == "docker" or (options["engine"] == "process" and not os.environ.get("AWS_ENDPOINT_URL")):
        if options["role"] or options["bucket"]:
            raise click.UsageError("--role and --bucket are for --engine aws")
        isolation = options["isolation"] or ("required" if strict else "auto")
        return open_embedded(options["engine"], isolation, options["image"])
    return nullcontext(_remote(options, strict))


@contextmanager
def open_embedded(engine: str, isolation: str, image: str | None) -> Iterator[Destination]:
    """A simulator for as long as the context lasts. Docker's default image is built from the template's files."""
    from recore.simulator.protocol.account import REGION
    from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

    if engine == "docker" and image is None:
        from recore.simulator.isolation.containers import build, connected

        image = json.loads((TEMPLATE / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        with connected() as client:
            build(client, TEMPLATE, image, "equivalent", lambda line: click.echo(f"docker: {line}", err=True))
    with interrupts.deferred_at_both_ends(partial(Simulator, isolation=isolation, engine=engine)) as simulator:
        description = simulator.isolation.name
        if not simulator.enforced:
            description += " (jobs can read this user's files and use the network)"
        services = Services(*(simulator.client(name) for name in SERVICES))
        place = (BUCKET, ROLE_ARN, image or IMAGE, "the embedded simulator", REGION, description)
        yield Destination(services, *place, has_ml=simulator.enforced)


def _remote(options: dict[str, Any], strict: bool) -> Destination:
    """The destination that boto3 is configured for: AWS, or a simulator, which provides a role and a bucket."""
    role, bucket, image = options["role"], options["bucket"], options["image"]
    with _settings_checked():
        clients = _make_clients()
    endpoint, region = clients[0].meta.endpoint_url, clients[0].meta.region_name
    on_aws = ".amazonaws.com" in endpoint
    if on_aws and not (role and bucket):
        raise click.UsageError(
            "AWS needs --role, the ARN of the jobs' role, and --bucket, which that role may read and write"
        )
    if on_aws and region != "us-east-1" and not image:
        raise click.UsageError(f"AWS has an image for each region: name that of {region} with --image")
    if not on_aws and (options["isolation"] == "required" or (strict and not options["isolation"])):
        raise click.UsageError(
            f"isolation is required, and the simulator at {endpoint} decides on its own: unset AWS_ENDPOINT_URL, or "
            "start that simulator with --isolation required and use --isolation off here"
        )
    with _settings_checked():
        _check_credentials()
    if on_aws:
        services = replace(Services(*clients), log_delay=LOG_DELAY)
        return Destination(services, bucket, role, image or IMAGE, "AWS", region, "network isolation")
    _check_connection(endpoint)
    from recore.simulator.server import BUCKET, ROLE_ARN

    place = (bucket or BUCKET, role or ROLE_ARN, image or IMAGE, endpoint, region)
    return Destination(Services(*clients), *place, isolation="that of the simulator there")


@contextmanager
def _settings_checked() -> Iterator[None]:
    """Raises UsageError where boto3 finds that the user's settings are invalid."""
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except (BotoCoreError, ValueError, OSError) as error:
        raise click.UsageError(f"the AWS settings (variables and files) are invalid: {error}") from None


def _make_clients() -> list[Any]:
    """Clients with the user's AWS settings. Requests to this machine do not go through a proxy."""
    import boto3
    from botocore.config import Config

    if (certificates := os.environ.get("AWS_CA_BUNDLE")) and not Path(certificates).exists():
        raise ValueError(f"AWS_CA_BUNDLE: there is no file {certificates}")
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    if not boto3.DEFAULT_SESSION.region_name:
        raise click.UsageError("there is no region: export AWS_DEFAULT_REGION, or choose a profile that has one")
    retries, clients = Config(retries={"mode": "standard", "max_attempts": 10}), []
    for name in SERVICES:
        client = boto3.client(name, config=retries)
        if _is_loopback(client.meta.endpoint_url):
            client = boto3.client(name, config=retries.merge(Config(proxies={})))
        clients.append(client)
    return clients


def _check_credentials() -> None:
    """Raises UsageError if there are no credentials, and what boto3 raises if it cannot fetch them."""
    import boto3

    credentials = boto3.DEFAULT_SESSION.get_credentials()
    if credentials is None:
        raise click.UsageError("there are no AWS credentials: `aws configure` or the variables AWS_* provide them")
    credentials.get_frozen_credentials()


def _is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine. Raises ValueError where it is not a URL of HTTP."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{url}: a URL that begins with http:// or https:// is needed")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"{url}: the port is not a number") from None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_connection(endpoint: str) -> None:
    """Raises UsageError where nothing on this machine answers at an endpoint; boto3 would try for minutes."""
    if not _is_loopback(endpoint):
        return
    parts = urlsplit(endpoint)
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=10).close()
    except OSError as error:
        raise click.UsageError(
            f"nothing answers at {endpoint} ({error}): start `{PROGRAM} simulate`, or unset AWS_ENDPOINT_URL"
        ) from None
