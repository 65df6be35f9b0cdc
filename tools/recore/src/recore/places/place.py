"""The settings that choose a place, and what the requests and the record of a run need to know about it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"


class SimulatorGoneError(OSError):
    """The simulator at a URL does not accept connections any more."""

    def __init__(self, url: str):
        super().__init__(
            f"the simulator at {url} is gone: start it again with `stagemaker start` and the same --state, read its "
            "variables again, and repeat this command"
        )


class PlaceError(Exception):
    """The settings exclude each other, or do not lead to a place that can be used. The message says what to change."""


@dataclass(frozen=True)
class Services:
    """boto3 clients, each made when it is first used. A run happens wherever they lead.

    make_client: makes that of a service. log_delay: seconds until a job's last lines are in its log. patience: seconds
    to wait while AWS throttles, or the account has no room for another job.
    """

    make_client: Callable[[str], Any]
    log_delay: float = 0.0
    patience: float = 0.0
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    sagemaker = property(lambda self: self._client("sagemaker"))
    s3 = property(lambda self: self._client("s3"))
    logs = property(lambda self: self._client("logs"))
    cloudwatch = property(lambda self: self._client("cloudwatch"))
    runtime = property(lambda self: self._client("sagemaker-runtime"))

    def _client(self, service: str) -> Any:
        with self._lock:  # threads must not make clients of one session at once
            if service not in self._clients:
                self._clients[service] = self.make_client(service)
            return self._clients[service]


@dataclass(frozen=True)
class PlaceSettings:
    """Which place to use, and what to use there.

    engine: "process", "docker" or "aws". AWS_ENDPOINT_URL replaces the embedded simulator of "process". isolation:
    "auto", "required" or "off". role, bucket and image: None stands for the default of the place, if it has one.
    scoring_role: of the jobs that score, if it is another one. patience: as in Services. without_sandbox: what the
    command can choose if isolation is required and bubblewrap does not work here.
    """

    engine: str = "process"
    isolation: str = "auto"
    role: str | None = None
    bucket: str | None = None
    image: str | None = None
    scoring_role: str | None = None
    patience: float = 0.0
    without_sandbox: str = "--isolation auto for code that you trust"


@dataclass(frozen=True)
class OpenPlace:
    """A place that is open.

    isolation: a description for people. has_ml: whether jobs have a folder /opt/ml, as they do unless they are
    processes without a sandbox. scoring_role: of the jobs that score, if it is another one.
    """

    services: Services
    bucket: str
    role: str
    image: str
    endpoint: str
    region: str
    isolation: str
    has_ml: bool = True
    scoring_role: str | None = None


def describe_isolation(name: str, enforced: bool) -> str:
    return name if enforced else f"{name} (jobs can read this user's files and use the network)"
