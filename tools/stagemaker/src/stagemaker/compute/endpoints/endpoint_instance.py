"""One instance of an endpoint's variant. It runs the servers of the variant's model, and restarts them if they end."""

import contextlib
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from stagemaker.compute.failure import JobFailed, JobStopped, JobTimedOut
from stagemaker.compute.files.removal import remove
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.reasons import reason_of
from stagemaker.compute.servers.chain import Chain
from stagemaker.isolation.instances import instance_of
from stagemaker.state.records import Record

logger = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/Endpoints"
LOG_PERIOD_SECONDS = 3600.0  # for each period of this length, as much output is kept as for a whole job
STARTUP_SECONDS = 480  # seconds within which /ping must return 200
DOWNLOAD_SECONDS = 3600  # seconds within which the model must be downloaded and its requirements installed
CHECK_SECONDS = 0.1  # seconds between checks that the servers are still running
STABLE_SECONDS = 60.0  # servers that ran for longer are restarted at once
MAX_PAUSE_SECONDS = 30.0  # maximum seconds before a restart


class EndpointInstance:
    """An instance that starts its servers in a thread of its own, and serves until `stop`.

    state_changed: notified whenever `server`, `failure` or `has_ended` changes. server: the chain to invoke; None while
    it is not ready. in_service: set by the fleet when it may receive traffic; from then on, servers that end are
    restarted, and before, the instance fails. has_ended: whether it will never serve again.
    """

    def __init__(self, platform: Platform, endpoint: str, variant: Record, state_changed: threading.Condition):
        self._platform, self._variant, self._state_changed = platform, variant, state_changed
        self.id = f"i-{secrets.token_hex(9)[:17]}"
        self.log_group, self.log_stream = f"{LOG_GROUP}/{endpoint}", f"{variant['VariantName']}/{self.id}"
        self._key = f"{self.log_group}/{self.log_stream}"  # the instance's key in the queue
        self._must_ping = threading.Event()
        self.in_service = self.has_ended = False
        self.server: Chain | None = None
        self.failure: str | None = None
        self.invocations_in_progress = 0

    def start(self) -> None:
        was_queued = False
        try:
            was_queued = self._platform.jobs.submit(self._key, self._work, computes=False)
        finally:
            if not was_queued:
                self._end()

    def suspend(self, server: Chain) -> None:
        """Take a server out of service until it responds to /ping again: an invocation lost its connection."""
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
                self._offer(None)
                log.deliver()
            with self._change():
                if not self.in_service:
                    self.failure = reason
                    return
            with contextlib.suppress(JobStopped):
                remove(job.folder / folder, job.raise_if_stopping)
            log.line(f"The servers ended and are being restarted. {reason}")
            log.deliver()
            log.tail.clear()  # the next failure's reason must come from the next servers' output
            if job.stopping.wait(pause):
                return
            is_stable = time.monotonic() - start_time > STABLE_SECONDS
            pause = 0.0 if is_stable else min(max(2 * pause, 1.0), MAX_PAUSE_SECONDS)

    def _serve(self, job: Job, folder: str, log: JobLog) -> None:
        startup_seconds = self._variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
        download_seconds = self._variant.get("ModelDataDownloadTimeoutInSeconds", DOWNLOAD_SECONDS)
        instance, gibibytes = instance_of(self._variant["InstanceType"]), self._variant.get("VolumeSizeInGB")
        if gibibytes:
            instance = replace(instance, volume=gibibytes << 30)
        chain = Chain(self._platform, job, self._variant["Model"], log, instance, folder)
        for image, image_log in chain.images():
            self._platform.prepare(job, image, image_log)
        with contextlib.ExitStack() as stack:
            try:
                with job.time_limit(download_seconds):
                    stack.enter_context(chain)
            except JobTimedOut:
                reason = (
                    f"the model was not prepared within the ModelDataDownloadTimeoutInSeconds of {download_seconds}"
                )
                raise JobFailed(f"ClientError: {reason}") from None
            chain.wait_until_ready(startup_seconds)
            while True:
                self._must_ping.clear()
                self._offer(chain)
                while not self._must_ping.wait(CHECK_SECONDS):
                    job.raise_if_stopping()
                    if failure := chain.failure():
                        raise JobFailed(failure)
                self._offer(None)
                chain.wait_until_ready(startup_seconds, lambda: self.invocations_in_progress > 0)

    def _offer(self, server: Chain | None) -> None:
        with self._change():
            self.server = server

    def _end(self) -> None:
        with self._change():
            self.has_ended = True

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Change attributes within the context. Whoever waits for a change is notified when it ends."""
        with self._state_changed:
            try:
                yield
            finally:
                self._state_changed.notify_all()
