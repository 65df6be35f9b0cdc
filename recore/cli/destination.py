"""Where jobs run: on the embedded simulator, as processes or in Docker, at another endpoint, or on AWS."""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from recore.pipeline.jobs import Services
from recore.pipeline.requests import IMAGE

ROOT = Path(__file__).parents[2]
LOG_DELAY = 5.0  # seconds until a job's last lines are in CloudWatch Logs on AWS
SERVICES = ("sagemaker", "s3", "logs", "cloudwatch")


@dataclass(frozen=True)
class Destination:
    """Clients, and what the requests and the record of a run need to know about the place that they lead to."""

    services: Services
    bucket: str
    role: str
    image: str
    endpoint: str
    region: str
    isolation: str


def open_destination(options: dict[str, Any], trusted: bool) -> AbstractContextManager[Destination]:
    """The destination that a command's options choose. trusted: the submission is this repository's own.

    Other submissions do not meet private assays without isolation. Raises UsageError for options that exclude each
    other.
    """
    strict = bool(options["actual"]) and not trusted
    if options["engine"] == "docker" or (options["engine"] == "process" and not os.environ.get("AWS_ENDPOINT_URL")):
        if options["role"] or options["bucket"]:
            raise click.UsageError("--role and --bucket are for --engine aws")
        isolation = options["isolation"] or ("required" if strict else "auto")
        return _open_embedded(options["engine"], isolation, options["image"])
    return nullcontext(_remote(options, strict))


@contextmanager
def _open_embedded(engine: str, isolation: str, image: str | None) -> Iterator[Destination]:
    """A simulator for as long as the context lasts. Docker's default image is built from this repository."""
    from recore.simulator.resources.resource import REGION
    from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

    if engine == "docker" and image is None:
        from recore.simulator.containers import build, connect

        image = json.loads((ROOT / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        build(connect(), ROOT, image, "equivalent", lambda line: click.echo(f"docker: {line}", err=True))
    with Simulator(isolation=isolation, engine=engine) as simulator:
        description = simulator.walls.name
        if not simulator.enforced:
            description += ", nothing keeps a job from this user's files and the network"
        services = Services(*(simulator.client(name) for name in SERVICES))
        yield Destination(
            services, BUCKET, ROLE_ARN, image or IMAGE, "the embedded simulator", REGION, isolation=description
        )


def _remote(options: dict[str, Any], strict: bool) -> Destination:
    """The destination that boto3 is configured for: AWS, or a simulator, which provides a role and a bucket."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    role, bucket, image = options["role"], options["bucket"], options["image"]
    config = Config(retries={"mode": "standard", "max_attempts": 10})
    try:
        clients = [boto3.client(name, config=config) for name in SERVICES]
    except (BotoCoreError, ValueError) as error:  # there is no region, or it is empty
        raise click.UsageError(f"{error} Export AWS_DEFAULT_REGION, or choose a profile that has a region") from None
    endpoint, region = clients[0].meta.endpoint_url, clients[0].meta.region_name
    if ".amazonaws.com" in endpoint:
        if not (role and bucket):
            raise click.UsageError(
                "AWS needs --role, the ARN of the jobs' role, and --bucket, which that role may read and write"
            )
        if region != "us-east-1" and not image:
            raise click.UsageError(f"AWS has an image for each region: name that of {region} with --image")
        services = replace(Services(*clients), log_delay=LOG_DELAY)
        return Destination(services, bucket, role, image or IMAGE, "AWS", region, "network isolation")
    if options["isolation"] == "required" or (strict and not options["isolation"]):
        raise click.UsageError(
            f"isolation is required, and the simulator at {endpoint} decides on its own: unset AWS_ENDPOINT_URL, or "
            "start that simulator with --isolation required and use --isolation off here"
        )
    from recore.simulator.server import BUCKET, ROLE_ARN

    place = (bucket or BUCKET, role or ROLE_ARN, image or IMAGE, endpoint, region)
    return Destination(Services(*clients), *place, isolation="that of the simulator there")
