"""What happens to endpoints in the background: fleets start, take over the traffic and end."""

import contextlib
import logging
import math
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from recore.simulator.cloudwatch import alarms
from recore.simulator.compute.jobs.failure import JobFailed, JobStopped
from recore.simulator.compute.jobs.platform import Platform
from recore.simulator.compute.jobs.queue import Job
from recore.simulator.compute.serving.fleet import Fleet
from recore.simulator.compute.serving.traffic import Share, Traffic, divide
from recore.simulator.orchestration.endpoints.blue_green import BlueGreen, read_deployment_config
from recore.simulator.orchestration.endpoints.deployment import Stage, instance_count
from recore.simulator.orchestration.endpoints.update_watch import UpdateWatch, wait
from recore.simulator.state.records import Record, now

logger = logging.getLogger(__name__)

PERIOD = 0.05  # seconds between looks at whether fleets are ready
RETRY = 1.0  # seconds between attempts to write a record


class Hosting:
    """The endpoints that serve: their traffic by their names, and the work that changes it.

    stages: how far the deployments in progress are, by the endpoints' names, for those who describe them.
    The record of an endpoint says what to do. Deployment: what serves, if anything. Pending: the deployment that is to
    replace it. An endpoint has one piece of work at a time, which its status stands for, and which sets the next one.
    """

    def __init__(self, platform: Platform):
        self._platform, self._store = platform, platform.store
        self.traffic: dict[str, Traffic] = {}
        self.stages: dict[str, Stage] = {}

    def resume(self, record: Record) -> None:
        """Go on with an endpoint of an earlier simulator. Invocations wait until its servers are ready again."""
        name, status = record["EndpointName"], record["EndpointStatus"]
        if status == "Deleting":
            self.begin(name, self.delete)
        elif status == "Creating":
            self.begin(name, self.deploy)
        elif status != "Failed":
            rolls_back = status == "RollingBack"
            pending, reason = (None, record["FailureReason"]) if rolls_back else (record["Pending"], None)
            status = "Updating" if pending else "SystemUpdating"
            self._update(name, EndpointStatus=status, Pending=pending, FailureReason=reason, Retiring=0)
            if pending and not record["Rescaling"]:
                alarms.restore(record.get("Alarms", []))
            self.traffic[name] = self._make_traffic(name, record["Deployment"])
            self.begin(name, self._restore)

    def begin(self, name: str, work: Callable[[Record, Job], None]) -> None:
        """Begin work on an endpoint: deploy, rescale or delete."""
        try:
            self._platform.jobs.submit(f"{name}/{uuid.uuid4()}", partial(self._run, name, work), computes=False)
        except RuntimeError as error:  # no thread can be started
            self._update(name, **self._failure(name, error))

    def deploy(self, record: Record, job: Job) -> None:
        """Start the fleets of the pending deployment, shift the traffic to them, and end the fleets that had it.

        If they do not start, an alarm goes off or the time is over before the old fleets end, these get all traffic
        again.
        """
        name, pending = record["EndpointName"], record["Pending"]
        before, after = self.traffic.get(name), self._make_traffic(name, pending)
        policy = read_deployment_config(record.get("LastDeploymentConfig")) if before else BlueGreen()
        watch = UpdateWatch(policy.alarms, policy.longest)
        self.stages[name] = Stage("Creating")
        try:
            _start(after, pending, job, watch.latest)
            if before:
                self._shift(job, record, before, after, policy, watch)
        except JobStopped:
            raise
        except Exception as error:
            self._give_up(job, name, before, after, error)
            return
        self.traffic[name] = after
        config, retiring = pending["EndpointConfigName"], instance_count(record["Deployment"]) if before else 0
        self._change(job, name, Deployment=pending, Pending=None, EndpointConfigName=config, Retiring=retiring)
        self.stages.pop(name)  # before the next update can begin, which needs InService
        if before:
            _end(before)
        self._change(job, name, EndpointStatus="InService", FailureReason=None, Retiring=0)

    def rescale(self, record: Record, job: Job) -> None:
        """Give the variants the numbers of instances and the weights of the pending deployment."""
        name, current, pending = record["EndpointName"], record["Deployment"], record["Pending"]
        fleets = self.traffic[name].fleets
        counts = {variant["VariantName"]: variant["Count"] for variant in current["Variants"]}
        more = [variant for variant in pending["Variants"] if variant["Count"] > counts[variant["VariantName"]]]
        try:
            _scale(fleets, more)
            _put_in_service(list(fleets.values()), job)
        except JobStopped:
            raise
        except Exception as error:
            self._change(job, name, EndpointStatus="RollingBack", FailureReason=_reason(error))
            _scale(fleets, current["Variants"])
            self._change(job, name, EndpointStatus="InService", Pending=None)
            return
        shares = [Share(fleets[variant["VariantName"]], variant["Weight"]) for variant in pending["Variants"]]
        self.traffic[name] = Traffic(shares)
        self._change(job, name, Deployment=pending)
        _scale(fleets, pending["Variants"])
        self._change(job, name, EndpointStatus="InService", Pending=None, FailureReason=None)

    def delete(self, record: Record, job: Job) -> None:
        """End the fleets when they have answered the invocations in progress, and delete the record with its tags."""
        traffic = self.traffic.pop(record["EndpointName"], None)
        if traffic:
            _end(traffic)

        def forget() -> None:
            with self._store.transaction():
                self._store.delete("Tags", record["EndpointArn"])
                self._store.delete("Endpoint", record["EndpointName"])

        _persist(job, forget)

    def _restore(self, record: Record, job: Job) -> None:
        """Start the fleets of an endpoint that served under an earlier simulator, then go on with its update.

        The update goes on without them if they do not start.
        """
        name = record["EndpointName"]
        traffic = self.traffic[name]
        try:
            _start(traffic, record["Deployment"], job)
        except JobStopped:
            raise
        except Exception as error:
            del self.traffic[name]
            if record["Pending"]:
                _end(traffic)
                self.deploy(record, job)
            else:
                self._give_up(job, name, None, traffic, error)
            return
        if record["Pending"]:
            work = self.rescale if record["Rescaling"] else self.deploy
            work(record, job)
        else:
            self._change(job, name, EndpointStatus="InService")

    def _shift(
        self, job: Job, record: Record, before: Traffic, after: Traffic, policy: BlueGreen, watch: UpdateWatch
    ) -> None:
        """Shift the traffic step by step. Raises JobFailed where the update must be rolled back, and JobStopped."""
        name = record["EndpointName"]
        watch.check()
        for parts in policy.steps(record["Pending"]):
            self.stages[name] = Stage("ActivatingTraffic", parts)
            self.traffic[name] = divide(before, after, parts)
            self.stages[name] = Stage("Baking", parts)
            watch.wait(job, policy.interval)
        watch.wait(job, policy.termination_wait)

    def _give_up(self, job: Job, name: str, before: Traffic | None, after: Traffic, error: Exception) -> None:
        """End fleets that failed. The old ones get all traffic again; without them the endpoint has failed."""
        if before:
            self.traffic[name] = before  # at once: to write the record may take long
            self.stages[name] = Stage("Deleting")
            self._change(job, name, EndpointStatus="RollingBack", FailureReason=_reason(error))
        _end(after)
        self.stages.pop(name, None)  # before the next update can begin
        self._change(job, name, **self._failure(name, error))

    def _failure(self, name: str, error: Exception) -> Record:
        """What is kept where work on an endpoint has failed; the endpoint itself has too, unless something serves."""
        status = "InService" if name in self.traffic else "Failed"
        return {"EndpointStatus": status, "FailureReason": _reason(error), "Pending": None, "Retiring": 0}

    def _make_traffic(self, name: str, deployment: Record) -> Traffic:
        capture = deployment["DataCaptureConfig"]
        return Traffic(
            [
                Share(Fleet(self._platform, name, variant, capture), variant["Weight"])
                for variant in deployment["Variants"]
            ]
        )

    def _change(self, job: Job, name: str, **members: Any) -> None:
        _persist(job, partial(self._update, name, **members))

    def _update(self, name: str, **members: Any) -> None:
        self._store.update("Endpoint", name, LastModifiedTime=now(), **members)

    def _run(self, name: str, work: Callable[[Record, Job], None], job: Job) -> None:
        with contextlib.suppress(JobStopped):  # the simulator ends; the next one finds the record as it is
            record = _persist(job, partial(self._store.get, "Endpoint", name))
            if record is None:
                return
            try:
                work(record, job)
            except JobStopped:
                raise
            except Exception as error:
                logger.exception("endpoint %s", name)
                self._change(job, name, **self._failure(name, error))


def _start(traffic: Traffic, deployment: Record, job: Job, latest: float = math.inf) -> None:
    """Start all fleets of a deployment and wait until they are ready. Raises JobFailed, JobStopped."""
    _scale(traffic.fleets, deployment["Variants"])
    _put_in_service(list(traffic.fleets.values()), job, latest)


def _put_in_service(fleets: list[Fleet], job: Job, deadline: float = math.inf) -> None:
    """Wait until the new instances of all fleets are ready at the same moment: they then get traffic.

    One whose servers have ended by then has failed, even if they were ready before. Raises JobFailed, JobStopped.
    """
    while waiting := [fleet.variant for fleet in fleets if not fleet.is_ready()]:
        if time.monotonic() > deadline:
            raise JobFailed(f"Production variant {waiting[0]} was not ready within MaximumExecutionTimeoutInSeconds")
        wait(job, PERIOD)
    for fleet in fleets:
        fleet.put_in_service()


def _persist[T](job: Job, access: Callable[[], T]) -> T:
    """Access the records, again and again while the disk does not allow it: no endpoint may lose its status.

    Raises JobStopped when the simulator ends.
    """
    while True:
        try:
            return access()
        except OSError as error:
            logger.warning("%s", error)
            wait(job, RETRY)


def _scale(fleets: dict[str, Fleet], variants: list[Record]) -> None:
    for variant in variants:
        fleets[variant["VariantName"]].scale(variant["Count"])


def _end(traffic: Traffic) -> None:
    for share in traffic.shares:
        share.fleet.end()


def _reason(error: Exception) -> str:
    return (str(error) if isinstance(error, JobFailed) else f"InternalServerError: {error!r}")[:1024]
