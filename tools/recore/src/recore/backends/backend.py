"""Settings that choose a backend, and the properties of an open backend."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"


class SimulatorGoneError(OSError):
    """The simulator at a URL no longer accepts connections."""

    def __init__(self, url: str):
        super().__init__(
            f"the simulator at {url} has stopped; restart it with `stagemaker start` and the same --state, export the "
            "variables again, and repeat this command"
        )


class BackendError(Exception):
    """The settings contradict each other, or do not define a usable backend. The message says what to change."""


@dataclass(frozen=True)
class Services:
    """The boto3 clients, which determine where a run happens. Each client is created on first use.

    make_client: a function that creates the client for a service. log_delay: seconds until a job's last lines appear in
    its log. patience: seconds to wait while AWS throttles or the account's quota is full.
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
        with self._lock:  # threads must not create clients of one session concurrently
            if service not in self._clients:
                self._clients[service] = self.make_client(service)
            return self._clients[service]


@dataclass(frozen=True)
class BackendSettings:
    """Settings that choose a backend.

    engine: "process", "docker" or "aws". With "process", AWS_ENDPOINT_URL replaces the embedded simulator. isolation:
    "auto", "required" or "off". role, bucket and image: None selects the backend's default, if it has one.
    scoring_role: the role of scoring jobs, if different. patience: as in Services. without_sandbox: the alternative to
    suggest if isolation is required and bubblewrap does not work.
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
class Backend:
    """An open backend.

    isolation: a description for users. has_ml: whether jobs have a folder /opt/ml, which processes without a sandbox
    lack. scoring_role: the role of scoring jobs, if different.
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


def format_isolation(name: str, enforced: bool) -> str:
    limits = "jobs and the installation of their packages can read this user's files and use the network"
    return name if enforced else f"{name} ({limits})"
