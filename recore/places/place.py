"""A place for jobs: its boto3 clients, and what requests and records need to know about it."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

# AWS's scikit-learn image in us-east-1, which the simulator stands in for
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SERVICES = ("sagemaker", "s3", "logs", "cloudwatch")  # the clients of Services
Engine = Literal["process", "docker", "aws"]
IsolationMode = Literal["auto", "required", "off"]


class PlaceError(ValueError):
    """The settings do not lead to a place: they exclude each other, are invalid, or nothing answers there."""


@dataclass(frozen=True)
class Services:
    """boto3 clients. log_delay: seconds until a job's last lines are in its log."""

    sagemaker: Any
    s3: Any
    logs: Any
    cloudwatch: Any
    log_delay: float = 0.0


@dataclass(frozen=True)
class PlaceSettings:
    """Which place to open, and how.

    engine: "process" and "docker" run jobs on this machine, "aws" wherever boto3's settings lead. isolation: of
    processes; None: required if `strict`, otherwise as far as possible. strict: jobs see data that the submission's
    author must not see. image: of the containers, by default AWS's, or for Docker one built from the template. role,
    bucket: of jobs on AWS.
    """

    engine: Engine = "process"
    isolation: IsolationMode | None = None
    strict: bool = False
    image: str | None = None
    role: str | None = None
    bucket: str | None = None

    @property
    def requires_isolation(self) -> bool:
        return self.isolation == "required" or (self.strict and self.isolation is None)


@dataclass(frozen=True)
class Place:
    """A place that is open. has_ml: whether jobs have a folder /opt/ml, which processes without a sandbox lack."""

    services: Services
    bucket: str
    role: str
    image: str
    endpoint: str
    region: str
    isolation: str
    has_ml: bool = True


def open_place(
    settings: PlaceSettings, report: Callable[[str], None] = lambda line: None
) -> AbstractContextManager[Place]:
    """Open the place that the settings choose; an embedded simulator ends with the context.

    With the engine "process", AWS_ENDPOINT_URL leads to a simulator that runs already. report: called with
    each line of a build of Docker's image. Raises PlaceError, and OSError if the simulator cannot start.
    """
    if settings.engine == "docker" or (settings.engine == "process" and not os.environ.get("AWS_ENDPOINT_URL")):
        if settings.role or settings.bucket:
            raise PlaceError("--role and --bucket are for --engine aws")
        from recore.places.embedded import open_embedded

        isolation = settings.isolation or ("required" if settings.strict else "auto")
        return open_embedded(settings.engine, isolation, settings.image, report)
    from recore.places.remote import connect

    return nullcontext(connect(settings))
