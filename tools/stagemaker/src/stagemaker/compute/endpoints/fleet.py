"""The instances of one endpoint variant, invoked in turn. If a connection breaks, the next instance is tried."""

import contextlib
import itertools
import math
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped, JobTimedOut
from stagemaker.compute.files.removal import remove
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.reasons import reason_of
from stagemaker.compute.servers.chain import Chain
from stagemaker.compute.servers.multi_model import TARGET_MODEL, MultiModelServer, is_multi_model
from stagemaker.compute.servers.response import Disconnected, NoResponse, Response
from stagemaker.isolation.instances import Instance, instance_of, serverless_instance
from stagemaker.machine import count_cores
from stagemaker.protocol.errors import ServiceError
from stagemaker.state.records import Record
from stagemaker.text import printable_logger

Server = Chain | MultiModelServer
logger = printable_logger(__name__)

LOG_GROUP = "/aws/sagemaker/Endpoints"
LOG_PERIOD_SECONDS = 3600.0  # for each period of this length, as much output is kept as for an entire job
STARTUP_SECONDS = 480  # seconds within which /ping must return 200
DOWNLOAD_SECONDS = 3600  # seconds within which the model must be downloaded and its requirements installed
CHECK_SECONDS = 0.1  # seconds between checks that the servers are still running
STABLE_SECONDS = 60.0  # servers that ran for longer are restarted at once
MAX_PAUSE_SECONDS = 30.0  # maximum seconds before a restart
MAX_ATTEMPTS = 2  # if connections break; not more, because the invocation itself may end the servers


class EndpointInstance:
    """An instance that starts its servers in a separate thread, and serves until `stop`.

    state_changed: notified whenever `server`, `failure` or `has_ended` changes. server: the server to invoke; None
    while it is not ready. in_service: set by the fleet once the instance may receive traffic. If a server exits before,
    the instance fails; afterwards, the server is restarted. has_ended: whether the instance will never serve again.
    """

    def __init__(self, platform: Platform, endpoint: str, variant: Record, state_changed: threading.Condition):
        self._platform, self._variant, self._state_changed = platform, variant, state_changed
        self.id = f"i-{secrets.token_hex(9)[:17]}"
        self.log_group, self.log_stream = f"{LOG_GROUP}/{endpoint}", f"{variant['VariantName']}/{self.id}"
        self._key = f"{self.log_group}/{self.log_stream}"  # the instance's key in the queue
        self._must_ping = threading.Event()
        self.in_service = self.has_ended = False
        self.server: Server | None = None
        self.failure: str | None = None
        self.invocations_in_progress = 0

    def start(self) -> None:
        was_queued = False
        try:
            was_queued = self._platform.jobs.submit(self._key, self._work, computes=False)
        finally:
            if not was_queued:
                self._end()

    def suspend(self, server: Server) -> None:
        """After a broken connection, take a server out of service until it responds to /ping again."""
        with self._state_changed:
            if self.server is server:
                self.server = None
                self._must_ping.set()

    def stop(self) -> None:
        self._platform.jobs.stop(self._key)

    def join(self) -> None:
        with self._state_changed:
            self._state_changed.wait_for(lambda: self.has_ended)

    def _work(self, job: Job) -> None:
        try:
            self._keep_serving(job)
        except Exception as error:
            logger.exception("%s", self._key)
            with self._change():
                self.failure = f"InternalServerError: {error!r}"
        finally:
            self._end()

    def _keep_serving(self, job: Job) -> None:
        log = JobLog(self._platform.logs, self.log_group, self.log_stream, period=LOG_PERIOD_SECONDS).create()
        pause = 0.0
        for number in itertools.count(1):
            folder, start_time = f"servers-{number}", time.monotonic()
            try:
                self._serve(job, folder, log)
            except JobStopped:
                return
            except Exception as error:
                if not isinstance(error, JobFailed):
                    logger.exception("%s", self._key)
                reason = reason_of(error, job.path)
            finally:
                self._set_server(None)
                log.deliver()
            with self._change():
                if not self.in_service:
                    self.failure = reason
                    return
            with contextlib.suppress(JobStopped):
                remove(job.folder / folder, job.raise_if_stopping)
            log.line(f"The servers exited and are being restarted. {reason}")
            log.deliver()
            log.tail.clear()  # the next failure's reason must come from the next servers' output
            if job.stopping.wait(pause):
                return
            is_stable = time.monotonic() - start_time > STABLE_SECONDS
            pause = 0.0 if is_stable else min(max(2 * pause, 1.0), MAX_PAUSE_SECONDS)

    def _serve(self, job: Job, folder: str, log: JobLog) -> None:
        startup_seconds = self._variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
        download_seconds = self._variant.get("ModelDataDownloadTimeoutInSeconds", DOWNLOAD_SECONDS)
        model, instance = self._variant["Model"], _instance_of(self._variant)
        chain = (
            MultiModelServer(self._platform, job, model, log, instance, folder, startup_seconds)
            if is_multi_model(model)
            else Chain(self._platform, job, model, log, instance, folder, defaults=_default_variables(self._variant))
        )
        for image, image_log in chain.images():
            self._platform.prepare(job, image, image_log)
        with contextlib.ExitStack() as stack:
            try:
                with job.time_limit(download_seconds):
                    stack.enter_context(chain)
            except JobTimedOut:
                limit = f"the ModelDataDownloadTimeoutInSeconds of {download_seconds}"
                raise JobFailed(f"ClientError: the model was not prepared within {limit}") from None
            chain.wait_until_ready(startup_seconds)
            while True:
                self._must_ping.clear()
                self._set_server(chain)
                while not self._must_ping.wait(CHECK_SECONDS):
                    job.raise_if_stopping()
                    if failure := chain.failure():
                        raise JobFailed(failure)
                self._set_server(None)
                chain.wait_until_ready(startup_seconds, lambda: self.invocations_in_progress > 0)

    def _set_server(self, server: Server | None) -> None:
        with self._change():
            self.server = server

    def _end(self) -> None:
        with self._change():
            self.has_ended = True

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Hold the lock while attributes are changed within the context, then notify waiting threads."""
        with self._state_changed:
            try:
                yield
            finally:
                self._state_changed.notify_all()


def _has_model(server: Server, target_model: str | None) -> bool:
    return target_model is not None and isinstance(server, MultiModelServer) and server.holds(target_model)


def _default_variables(variant: Record) -> dict[str, str]:
    if "ServerlessConfig" not in variant:
        return {}
    return {"SAGEMAKER_MODEL_SERVER_WORKERS": str(min(_instance_of(variant).cpus, count_cores()))}


def _instance_of(variant: Record) -> Instance:
    if serverless := variant.get("ServerlessConfig"):
        return serverless_instance(serverless["MemorySizeInMB"])
    instance, gibibytes = instance_of(variant["InstanceType"]), variant.get("VolumeSizeInGB")
    return replace(instance, volume=gibibytes << 30) if gibibytes else instance


class FleetEnded(Exception):
    """Raised if the fleet accepts no more invocations."""


@dataclass(frozen=True)
class InvocationResult:
    """The outcome of an invocation.

    response: the response, whatever its status, or None. reason: why there is no response. container: the name of the
    container that responded or failed; empty if unknown. instance: the instance that was invoked last, or None.
    seconds: how long the model took to respond.
    """

    response: Response | None = None
    reason: str = ""
    container: str = ""
    instance: EndpointInstance | None = None
    seconds: float = 0.0


class Fleet:
    """The instances of one variant. Thread-safe, except that only one thread at a time may call `scale` or `end`."""

    def __init__(self, platform: Platform, endpoint: str, variant: Record, data_capture: Record | None = None):
        self.variant: str = variant["VariantName"]
        self.data_capture = data_capture
        self._max_concurrency = variant.get("ServerlessConfig", {}).get("MaxConcurrency", math.inf)
        self._platform, self._endpoint, self._variant = platform, endpoint, variant
        self._state_changed = threading.Condition()
        self._instances: list[EndpointInstance] = []
        self._turn = 0
        self._has_ended = False

    @property
    def is_multi_model(self) -> bool:
        return is_multi_model(self._variant["Model"])

    def scale(self, count: int) -> None:
        """Start instances or end surplus ones, failed ones first, to reach `count`. Invocations in progress finish."""
        with self._state_changed:
            new_instances = [
                EndpointInstance(self._platform, self._endpoint, self._variant, self._state_changed)
                for _ in range(count - len(self._instances))
            ]
            sorted_instances = sorted(self._instances, key=lambda instance: instance.failure is not None)
            self._instances, surplus_instances = [*sorted_instances[:count], *new_instances], sorted_instances[count:]
        for instance in new_instances:
            instance.start()
        self._end(surplus_instances)

    def is_ready(self) -> bool:
        """Return whether all instances not yet in service have running servers. Raises JobFailed if one failed."""
        with self._state_changed:
            self._raise_if_failed()
            new_servers = [instance.server for instance in self._instances if not instance.in_service]
        return all(server is not None and server.failure() is None for server in new_servers)

    def put_in_service(self) -> None:
        """Put all instances in service, so that servers that exit are restarted. Raises JobFailed if one failed."""
        with self._state_changed:
            self._raise_if_failed()
            for instance in self._instances:
                instance.in_service = True

    def invoke(self, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> InvocationResult:
        """Invoke the next ready instance; retry once if the connection breaks.

        Raises FleetEnded, or ServiceError (ThrottlingException) beyond a serverless variant's MaxConcurrency.
        """
        reply = InvocationResult(reason="no instance was ready")
        for _ in range(MAX_ATTEMPTS):
            turn = self._take_turn(deadline, headers.get(TARGET_MODEL))
            if turn is None:
                break
            instance, server = turn
            start_time = time.monotonic()
            try:
                response = server.invoke(body, headers, deadline)
                return InvocationResult(response, "", response.container, instance, time.monotonic() - start_time)
            except NoResponse as error:
                reply = InvocationResult(None, str(error), error.container, instance, time.monotonic() - start_time)
                if not isinstance(error, Disconnected):
                    break
                instance.suspend(server)
            finally:
                with self._state_changed:
                    instance.invocations_in_progress -= 1
                    self._state_changed.notify_all()
        return reply

    def end(self) -> None:
        """Accept no more invocations, and end the instances when the invocations in progress have ended."""
        with self._state_changed:
            self._has_ended = True
            instances, self._instances = self._instances, []
            self._state_changed.notify_all()
        self._end(instances)

    def _take_turn(self, deadline: Deadline, target_model: str | None) -> tuple[EndpointInstance, Server] | None:
        """Return a ready instance, preferably with the target model, and its server, or None if none becomes ready."""
        with self._state_changed:
            while True:
                if self._has_ended:
                    raise FleetEnded
                if sum(each.invocations_in_progress for each in self._instances) >= self._max_concurrency:
                    message = f"Rate exceeded: variant {self.variant} has a MaxConcurrency of {self._max_concurrency}"
                    raise ServiceError("ThrottlingException", message, 400)
                start = self._turn + 1
                next_instances = [*self._instances[start:], *self._instances[:start]]
                if ready_pairs := [(instance, instance.server) for instance in next_instances if instance.server]:
                    turn = next((each for each in ready_pairs if _has_model(each[1], target_model)), ready_pairs[0])
                    self._turn = self._instances.index(turn[0])
                    turn[0].in_service = True
                    turn[0].invocations_in_progress += 1
                    return turn
                seconds_left = deadline.seconds_left
                have_ended = [instance.has_ended for instance in self._instances]  # empty before `scale`
                if seconds_left <= 0 or (have_ended and all(have_ended)):
                    return None
                self._state_changed.wait(seconds_left)

    def _raise_if_failed(self) -> None:
        for instance in self._instances:
            if instance.failure:
                kind, _, reason = instance.failure.partition(": ")
                problem = "did not pass the ping health check" if kind == "AlgorithmError" else "could not be started"
                prefix = "InternalServerError: " if kind == "InternalServerError" else ""
                raise JobFailed(f"{prefix}Production variant {self.variant} {problem}: {reason}")

    def _end(self, instances: list[EndpointInstance]) -> None:
        for instance in instances:
            with self._state_changed:
                while instance.invocations_in_progress:
                    self._state_changed.wait()
            instance.stop()
        for instance in instances:
            instance.join()
