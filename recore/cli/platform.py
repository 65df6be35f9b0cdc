"""Where jobs run: the embedded simulator, as processes or in Docker, an endpoint that is chosen, or AWS."""

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
LATENESS = 5.0  # seconds by which a job's last lines reach CloudWatch Logs of AWS
SERVICES = ("sagemaker", "s3", "logs", "cloudwatch")


@dataclass(frozen=True)
class Platform:
    """Clients, and what the requests and the record of a run say of where they lead."""

    services: Services
    bucket: str
    role: str
    image: str
    endpoint: str
    region: str
    isolation: str


def platform_of(options: dict[str, Any], own: bool) -> AbstractContextManager[Platform]:
    """What a command's options choose. own: it is this repository's submission, not someone else's.

    Someone else's must not meet private assays without walls. Raises UsageError where options do not go together.
    """
    strict = bool(options["actual"]) and not own
    if options["engine"] == "docker" or (options["engine"] == "process" and not os.environ.get("AWS_ENDPOINT_URL")):
        if options["role"] or options["bucket"]:
            raise click.UsageError("--role and --bucket are for --engine aws")
        isolation = options["isolation"] or ("required" if strict else "auto")
        return _embedded(options["engine"], isolation, options["image"])
    return nullcontext(_chosen(options, strict))


@contextmanager
def _embedded(engine: str, isolation: str, image: str | None) -> Iterator[Platform]:
    """A simulator for as long as the context lasts. Without an image, Docker's is built from this repository."""
    from recore.simulator.resources.resource import REGION
    from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

    if engine == "docker" and image is None:
        from recore.simulator.containers import build, connect

        image = json.loads((ROOT / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        build(connect(), ROOT, image, "equivalent", lambda line: click.echo(f"docker: {line}", err=True))
    with Simulator(isolation=isolation, engine=engine) as simulator:
        walls = simulator.walls.name
        if not simulator.enforced:
            walls += ", nothing keeps a job from this user's files and the network"
        services = Services(*(simulator.client(name) for name in SERVICES))
        yield Platform(services, BUCKET, ROLE_ARN, image or IMAGE, "the embedded simulator", REGION, walls)


def _chosen(options: dict[str, Any], strict: bool) -> Platform:
    """What boto3's own configuration leads to: a simulator, which has a role and a bucket ready, or AWS."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    role, bucket, image = options["role"], options["bucket"], options["image"]
    patient = Config(retries={"mode": "standard", "max_attempts": 10})
    try:
        clients = [boto3.client(name, config=patient) for name in SERVICES]
    except (BotoCoreError, ValueError) as error:  # no region, or an empty one
        raise click.UsageError(f"{error} Export AWS_DEFAULT_REGION, or choose a profile that has a region") from None
    endpoint, region = clients[0].meta.endpoint_url, clients[0].meta.region_name
    if ".amazonaws.com" in endpoint:
        if not (role and bucket):
            raise click.UsageError(
                "AWS needs --role, the ARN of the jobs' role, and --bucket, where it may read and write"
            )
        if region != "us-east-1" and not image:
            raise click.UsageError(f"AWS keeps an image for each region: name that of {region} by --image")
        services = replace(Services(*clients), lateness=LATENESS)
        return Platform(services, bucket, role, image or IMAGE, "AWS", region, "network isolation")
    if options["isolation"] == "required" or (strict and not options["isolation"]):
        raise click.UsageError(
            f"walls are required, and those of the simulator at {endpoint} are its own: unset AWS_ENDPOINT_URL, or start "
            "it with --isolation required and say --isolation off here"
        )
    from recore.simulator.server import BUCKET, ROLE_ARN

    services, walls = Services(*clients), "that of the simulator there"
    return Platform(services, bucket or BUCKET, role or ROLE_ARN, image or IMAGE, endpoint, region, walls)
