"""Objects that jobs and model servers share: records, the job queue, clients, and the isolation method."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.logs.metrics import Values
from stagemaker.compute.queue import JobQueue
from stagemaker.compute.scripts.requirements import PackageInstaller, RequirementsFile
from stagemaker.isolation.instances import Instance
from stagemaker.isolation.network import Network
from stagemaker.isolation.sandbox import Isolation, Sandbox
from stagemaker.state.records import Store
from stagemaker.text import printable_logger

logger = printable_logger(__name__)


def _lazy_client(service: str) -> "cached_property[Any]":
    return cached_property(lambda platform: platform.get_client(service))


class Platform:
    """Objects that all jobs of one simulator share. client: a function that creates a client for a service.

    folder: the simulator's folder. sockets_folder: a folder with a short path for the model servers' sockets.
    observed_metrics: by job, the names and values of metrics that a tuning job monitors. network: the settings with
    which jobs call the simulator; None if jobs may not call it.
    """

    network: Network | None = None
    s3, sagemaker, logs = _lazy_client("s3"), _lazy_client("sagemaker"), _lazy_client("logs")
    cloudwatch, events = _lazy_client("cloudwatch"), _lazy_client("events")

    def __init__(
        self,
        store: Store,
        jobs: JobQueue,
        get_client: Callable[[str], Any],
        isolation: Isolation,
        folder: Path,
        sockets_folder: Path,
    ):
        self.store, self.jobs, self.get_client, self.isolation = store, jobs, get_client, isolation
        self.observed_metrics: dict[str, Values] = {}
        self.sockets_folder, self._installer = sockets_folder, PackageInstaller(folder / "libraries", isolation)

    def prepare(self, job: Job, image: str, log: JobLog, announce: Callable[[str], None] = lambda line: None) -> None:
        """Make an image available, before the job's time limit begins. Raises JobFailed or JobStopped."""

        def report(line: str) -> None:
            logger.warning("stagemaker: %s", line)  # shown in the terminal by default
            log.line(line)
            log.deliver()
            announce(line)

        for line in self.isolation.remarks(image):  # first, because `prepare` may take minutes
            log.line(line)
        try:
            self.isolation.prepare(image, report, job.raise_if_stopping)
        except OSError as error:
            log.line(str(error))
            log.deliver()
            raise JobFailed(f"ClientError: {error}") from None

    def sandbox(
        self,
        job: Job,
        image: str,
        requirements: RequirementsFile | None,
        log: JobLog,
        folder: Path | None = None,
        shared: dict[str, Path] | None = None,
        instance: Instance | None = None,
        has_network: bool = True,
        announce: Callable[[str], None] = lambda line: None,
    ) -> Sandbox:
        """Return a sandbox for a job, after installing the required packages that are missing from the container.

        folder: the sandbox's folder, by default the job's. shared: host folders by their paths in the job. instance:
        the limits on pip's resources, by default the job's. has_network: False with EnableNetworkIsolation.
        """
        folder, libraries = folder or job.folder, None
        if requirements:
            limits = instance or job.instance
            libraries = self._installer.install(job, image, requirements, log, limits, folder, announce)
        network = self.network if has_network else None
        return Sandbox(
            folder, self.isolation, image, libraries, shared or {}, network, has_network_isolation=not has_network
        )
