"""What jobs and models' servers share: records, the queue, clients of the simulator, and how jobs are isolated."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from recore.simulator.compute.failure import JobFailed
from recore.simulator.compute.job import Job
from recore.simulator.compute.logs.log_stream import JobLog
from recore.simulator.compute.queue import JobQueue
from recore.simulator.compute.scripts.requirements import PackageInstaller, RequirementsFile
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.network import Network
from recore.simulator.isolation.sandbox import Isolation, Sandbox
from recore.simulator.state.records import Store


class Platform:
    """The machinery of one simulator.

    client: makes a boto3 client, of the service named, that talks to this simulator; resources that create other
    resources use it. isolation: of jobs. folder: of the simulator's files. sockets: a folder with a short path, for the
    sockets of models' servers. observed: metrics and values of the training jobs that a tuning job follows, by name.
    network: what jobs need to call the simulator, if they may.
    """

    network: Network | None = None

    def __init__(
        self,
        store: Store,
        jobs: JobQueue,
        client: Callable[[str], Any],
        isolation: Isolation,
        folder: Path,
        sockets: Path,
    ):
        self.store, self.jobs, self.client, self.isolation, self.sockets = store, jobs, client, isolation, sockets
        self.observed: dict[str, list[tuple[str, float]]] = {}
        self._installer = PackageInstaller(folder / "libraries", isolation)

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    @cached_property
    def logs(self) -> Any:
        return self.client("logs")

    @cached_property
    def cloudwatch(self) -> Any:
        return self.client("cloudwatch")

    @cached_property
    def events(self) -> Any:
        return self.client("events")

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
    ) -> Sandbox:
        """A sandbox of a job, with what its requirements.txt asks for beyond the container installed beforehand.

        folder: where it lives, by default the job's own. shared: folders of this machine by their names below /run.
        instance: whose memory, processors and volume the installation may use, by default the job's. has_network:
        whether it has one on AWS, that is without EnableNetworkIsolation.
        """
        try:
            self.isolation.prepare(image, log.line)
        except OSError as error:
            raise JobFailed(f"ClientError: {error}") from None
        folder, libraries = folder or job.folder, None
        if requirements:
            libraries = self._installer.install(job, image, requirements, log, instance or job.instance, folder)
        folders = {f"/run/{name}": path for name, path in (shared or {}).items()}
        network = self.network if has_network else None
        return Sandbox(folder, self.isolation, image, libraries, folders, network)
