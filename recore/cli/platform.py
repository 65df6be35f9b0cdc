"""Where jobs run: the embedded simulator, the endpoint that AWS_ENDPOINT_URL chooses, or AWS."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from recore.pipeline.jobs import Services

SERVICES = ("sagemaker", "s3", "logs", "cloudwatch")


@dataclass(frozen=True)
class Platform:
    """Clients, and what the requests and the record of a run say of where they lead."""

    services: Services
    bucket: str
    role: str
    endpoint: str
    region: str
    isolation: str


def platform_of(options: dict[str, Any], own: bool) -> AbstractContextManager[Platform]:
    """What a command's options choose. own: it is this repository's submission, not someone else's.

    Someone else's must not meet private assays without walls. Raises UsageError where options do not go together.
    """
    asked, endpoint = options["isolation"], os.environ.get("AWS_ENDPOINT_URL")
    strict = bool(options["actual"]) and not own
    if options["engine"] == "process" and not endpoint:
        if options["role"] or options["bucket"]:
            raise click.UsageError("--role and --bucket are for --engine aws")
        return _embedded(asked or ("required" if strict else "auto"))
    if endpoint and (asked == "required" or (strict and asked is None)):
        raise click.UsageError(
            f"walls are required, and those of the simulator at {endpoint} are its own: unset AWS_ENDPOINT_URL, or start "
            "it with --isolation required and say --isolation off here"
        )
    return _chosen(endpoint, options["role"], options["bucket"], options["image"])


@contextmanager
def _embedded(isolation: str) -> Iterator[Platform]:
    """A simulator for as long as the context lasts."""
    from recore.simulator.resources.resource import REGION
    from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

    with Simulator(isolation=isolation) as simulator:
        walls = (
            "bubblewrap" if simulator.enforced else "none: nothing keeps a job from this user's files and the network"
        )
        services = Services(*(simulator.client(name) for name in SERVICES))
        yield Platform(services, BUCKET, ROLE_ARN, "the embedded simulator", REGION, walls)


@contextmanager
def _chosen(endpoint: str | None, role: str | None, bucket: str | None, image: str | None) -> Iterator[Platform]:
    """What boto3's own configuration leads to: a simulator, which has a role and a bucket ready, or AWS."""
    import boto3
    from botocore.config import Config

    if endpoint:
        from recore.simulator.server import BUCKET, ROLE_ARN

        role, bucket = role or ROLE_ARN, bucket or BUCKET
    region = boto3.Session().region_name
    if not (role and bucket and region):
        raise click.UsageError(
            "AWS needs --role, the ARN of the jobs' role, --bucket, where this role may read and write, and a region: "
            "export AWS_DEFAULT_REGION or choose a profile that has one"
        )
    if region != "us-east-1" and not image:
        raise click.UsageError(f"AWS keeps an image for each region: name that of {region} by --image")
    patient = Config(retries={"mode": "standard", "max_attempts": 10})
    services = Services(*(boto3.client(name, config=patient) for name in SERVICES))
    walls = "that of the simulator there" if endpoint else "AWS, network isolation"
    yield Platform(services, bucket, role, endpoint or "AWS", region, walls)
