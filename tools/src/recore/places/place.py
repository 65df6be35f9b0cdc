"""The settings that choose a place, and what the requests and the record of a run need to know about it."""

from dataclasses import dataclass
from typing import Any

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SERVICES = ("sagemaker", "s3", "logs", "cloudwatch", "sagemaker-runtime")  # the clients of Services, in order


class PlaceError(Exception):
    """The settings exclude each other, or do not lead to a place that can be used. The message says what to change."""


@dataclass(frozen=True)
class Services:
    """boto3 clients. A run happens wherever they lead. log_delay: seconds until a job's last lines are in its log."""

    sagemaker: Any
    s3: Any
    logs: Any
    cloudwatch: Any
    runtime: Any = None
    log_delay: float = 0.0


@dataclass(frozen=True)
class PlaceSettings:
    """Which place to use, and what to use there.

    engine: "process", "docker" or "aws". AWS_ENDPOINT_URL replaces the embedded simulator of "process". isolation:
    "auto", "required" or "off". role, bucket and image: None stands for the default of the place, if it has one.
    without_sandbox: what the command can choose if isolation is required and bubblewrap does not work here.
    """

    engine: str = "process"
    isolation: str = "auto"
    role: str | None = None
    bucket: str | None = None
    image: str | None = None
    without_sandbox: str = "--isolation auto for code that you trust"


@dataclass(frozen=True)
class OpenPlace:
    """A place that is open.

    isolation: a description for people. has_ml: whether jobs have a folder /opt/ml, as they do unless they are
    processes without a sandbox.
    """

    services: Services
    bucket: str
    role: str
    image: str
    endpoint: str
    region: str
    isolation: str
    has_ml: bool = True


def describe_isolation(name: str, enforced: bool) -> str:
    """Describe the isolation of jobs for people."""
    return name if enforced else f"{name} (jobs can read this user's files and use the network)"
