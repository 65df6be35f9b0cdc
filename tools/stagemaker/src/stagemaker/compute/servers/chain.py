"""The servers of all of a model's containers, used as one: the output of one container is the input of the next."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.process import Ending
from stagemaker.compute.processes.volume import DEFAULT_SIZE, Volume
from stagemaker.compute.servers.client import MAX_BODY_BYTES
from stagemaker.compute.servers.container_server import ContainerServer, server_of
from stagemaker.compute.servers.response import Response
from stagemaker.isolation import socket_folder
from stagemaker.isolation.instances import Instance
from stagemaker.state.records import Record

PING_SECONDS = 600.0  # seconds within which /ping must return 200


class Chain:
    """The servers of all of a model's containers on one instance; a context manager that starts and stops them.

    log: the log of a PrimaryContainer; several containers have separate streams. instance: the instance whose volume
    and memory all servers share; other chains with the same memory_use also share the memory. name: the path of the
    chain's folder in the job's folder. environment: variables that override the containers' own. defaults: variables
    that the containers' own override. ending: how the processes ended, after `stop`; None if none was started.
    """

    def __init__(
        self,
        platform: Platform,
        job: Job,
        model: Record,
        log: JobLog,
        instance: Instance,
        name: str = "instance-1",
        environment: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
    ):
        self._job, self.log, self.folder = job, log, job.path / name
        containers = named_containers(model)
        folders = [socket_folder.server_folder(platform.sockets_folder) for _ in containers]
        volume = Volume(instance.volume or DEFAULT_SIZE)
        memory_use = instance.memory_use or self.folder / ".memory"
        instance = replace(instance, memory_use=memory_use, volume=volume.size, folders=(self.folder, *folders))
        self._servers = [
            ContainerServer(
                platform,
                job,
                container,
                log.for_container(container_name) if container_name else log,
                instance,
                volume,
                self.folder / f"container-{number}",
                folder,
                container_name,
                {**(defaults or {}), **container.get("Environment", {}), **(environment or {})},
                has_network=not model.get("EnableNetworkIsolation"),
            )
            for number, ((container_name, container), folder) in enumerate(zip(containers, folders, strict=True), 1)
        ]

    def images(self) -> list[tuple[str, JobLog]]:
        """Return each container's image and log. The images must be made available before the chain starts."""
        return [(server.container["Image"], server.log.create()) for server in self._servers]

    def __enter__(self) -> "Chain":
        """Start all servers concurrently. Raises JobFailed or JobStopped."""
        try:
            (self._job.folder / self.folder.relative_to(self._job.path)).mkdir()
            with ThreadPoolExecutor(len(self._servers)) as pool:
                for future in [pool.submit(server.start) for server in self._servers]:
                    future.result()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Stop the servers. Replace a JobFailed with its cause, if known: a stop, a limit, or a server's failure."""
        self.stop()
        if self.ending and self.ending.hit_instance_limit:
            error = error or JobFailed()
        if isinstance(error, JobFailed):
            self._job.raise_if_stopping()
            if cause := next(filter(None, (server.cause() for server in self._servers)), None):
                raise JobFailed(f"AlgorithmError: {cause}") from None

    @property
    def ending(self) -> Ending | None:
        """The first ending caused by a limit, otherwise the first server's ending, with the overall peak memory."""
        endings = [server.ending for server in self._servers if server.ending]
        if not endings:
            return None
        chosen_ending = next((ending for ending in endings if ending.hit_instance_limit), endings[0])
        peak, seconds = (max(getattr(ending, name) for ending in endings) for name in ("peak", "seconds"))
        cpu_seconds = sum(ending.cpu_seconds for ending in endings)
        return Ending(chosen_ending.code, chosen_ending.signal, chosen_ending.reason, seconds, peak, cpu_seconds)

    def wait_until_ready(self, seconds: float = PING_SECONDS, is_busy: Callable[[], bool] | None = None) -> None:
        """Ping the servers until each has returned 200. Raises JobStopped, or JobFailed if one ends or is too slow.

        is_busy: whether invocations are in progress; if given, servers that are already ready are pinged too.
        """
        deadline = Deadline(seconds)
        while True:
            self._job.raise_if_stopping()
            if failure := self.failure():
                raise JobFailed(failure)
            unready_servers = [server.name for server in self._servers if not server.ping(is_busy)]
            if not unready_servers:
                return
            if deadline.is_over:
                server_name = server_of(unready_servers[0])
                raise JobFailed(f"AlgorithmError: {server_name} did not respond to /ping with 200 within {seconds:g} s")
            time.sleep(0.05)

    def failure(self) -> str | None:
        """Return a message about the server that has ended or failed, or None if all can serve."""
        failures = (server.failure() for server in self._servers)
        return next((f"AlgorithmError: {failure}" for failure in failures if failure), None)

    def invoke(
        self, body: bytes, headers: Mapping[str, str], deadline: Deadline, max_bytes: int = MAX_BODY_BYTES
    ) -> Response:
        """Return the last container's response to a POST to /invocations, or the first unsuccessful response.

        Each container receives the headers with its own input's Content-Type; only the last one receives Accept. Raises
        NoResponse, in particular TimedOut. The response and the exception contain the container's name.
        """
        *first_servers, last_server = self._servers
        for server in first_servers:
            first_headers = {name: value for name, value in headers.items() if name.lower() != "accept"}
            response = server.invoke(body, first_headers, deadline, max_bytes)
            if not response.is_success:
                return response
            body, headers = response.body, _set_content_type(headers, response)
        return last_server.invoke(body, headers, deadline, max_bytes)

    def request(self, method: str, path: str, deadline: Deadline) -> Response:
        """Return the first container's response to a request without a body. Raises NoResponse."""
        return self._servers[0].request(method, path, deadline)

    def stop(self) -> None:
        for server in self._servers:
            server.kill()
        for server in self._servers:
            server.stop()
        self.log.deliver()


def named_containers(model: Record) -> list[tuple[str, Record]]:
    """Return a model's containers in order, as pairs of name and container. A PrimaryContainer's name is empty.

    model: the model's record; its internal member Served, if any, contains the containers of its model packages.
    """
    model = model.get("Served", model)
    if "PrimaryContainer" in model:
        return [("", model["PrimaryContainer"])]
    containers = enumerate(model["Containers"], 1)
    return [(container.get("ContainerHostname", f"container-{number}"), container) for number, container in containers]


def _set_content_type(headers: Mapping[str, str], response: Response) -> dict[str, str]:
    result = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return result | ({"Content-Type": response.headers["content-type"]} if "content-type" in response.headers else {})
