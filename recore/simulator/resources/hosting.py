"""What happens to endpoints in the background: fleets start, take over the traffic and end."""

import logging
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from recore.simulator.jobs.failure import JobFailed, JobStopped
from recore.simulator.jobs.platform import Platform
from recore.simulator.jobs.queue import Job
from recore.simulator.resources.blue_green import BlueGreen, read_deployment_config
from recore.simulator.resources.resource import now
from recore.simulator.serving.fleet import Fleet
from recore.simulator.serving.traffic import Share, Traffic
from recore.simulator.state.records import Record

logger = logging.getLogger(__name__)


class Hosting:
    """The endpoints that serve: their traffic by their names, and the work that changes it.

    The record of an endpoint says what to do. Deployment: what serves, if anything. Pending: the deployment that is to
    replace it. An endpoint has one piece of work at a time, which its status stands for, and which sets the next one.
    """

    def __init__(self, platform: Platform):
        self._platform, self._store = platform, platform.store
        self.traffic: dict[str, Traffic] = {}

    def resume(self, record: Record) -> None:
        """Go on with an endpoint of an earlier simulator. Invocations wait until its servers are ready again."""
        name, status = record["EndpointName"], record["EndpointStatus"]
        if status == "RollingBack":
            record = self._change(name, Pending=None)
        if status == "Deleting":
            self.begin(name, self.delete)
        elif status == "Creating":
            self.begin(name, self.deploy)
        elif status != "Failed":
            self._change(name, EndpointStatus="Updating" if record["Pending"] else "SystemUpdating")
            self.traffic[name] = self._make_traffic(name, record["Deployment"])
            self.begin(name, self._restore)

    def begin(self, name: str, work: Callable[[Record, Job], None]) -> None:
        """Begin work on an endpoint: deploy, rescale or delete."""
        self._platform.jobs.submit(f"{name}/{uuid.uuid4()}", partial(self._run, name, work), computes=False)

    def deploy(self, record: Record, job: Job) -> None:
        """Start the fleets of the pending deployment, give them the traffic, and end the fleets that had it."""
        name, pending = record["EndpointName"], record["Pending"]
        policy = read_deployment_config(record.get("LastDeploymentConfig"))
        before, after = self.traffic.get(name), self._make_traffic(name, pending)
        try:
            _start(after, pending, job, policy)
        except JobFailed as failure:
            self._give_up(name, before, after, failure)
            return
        for traffic, seconds in policy.steps(before, after):
            self.traffic[name] = traffic
            _wait(job, seconds)
        self._change(name, Deployment=pending, Pending=None, EndpointConfigName=pending["EndpointConfigName"])
        if before:
            _wait(job, policy.termination_wait)
            _end(before)
        self._change(name, EndpointStatus="InService", FailureReason=None)

    def rescale(self, record: Record, job: Job) -> None:
        """Give the variants the numbers of instances and the weights of the pending deployment."""
        name, current, pending = record["EndpointName"], record["Deployment"], record["Pending"]
        fleets = self.traffic[name].fleets
        counts = {variant["VariantName"]: variant["Count"] for variant in current["Variants"]}
        more = [variant for variant in pending["Variants"] if variant["Count"] > counts[variant["VariantName"]]]
        try:
            _scale(fleets, more)
            for variant in more:
                fleets[variant["VariantName"]].wait_until_ready(job)
        except JobFailed as failure:
            self._change(name, EndpointStatus="RollingBack", FailureReason=_reason(failure))
            _scale(fleets, current["Variants"])
            self._change(name, EndpointStatus="InService", Pending=None)
            return
        shares = [Share(fleets[variant["VariantName"]], variant["Weight"]) for variant in pending["Variants"]]
        self.traffic[name] = Traffic(shares)
        self._change(name, Deployment=pending, Pending=None)
        _scale(fleets, pending["Variants"])
        self._change(name, EndpointStatus="InService", FailureReason=None)

    def delete(self, record: Record, job: Job) -> None:
        """End the fleets when they have answered the invocations in progress, and delete the record with its tags."""
        traffic = self.traffic.pop(record["EndpointName"], None)
        if traffic:
            _end(traffic)
        with self._store.transaction():
            self._store.delete("Tags", record["EndpointArn"])
            self._store.delete("Endpoint", record["EndpointName"])

    def _restore(self, record: Record, job: Job) -> None:
        """Start the fleets of an endpoint that served under an earlier simulator, then go on with its update."""
        name = record["EndpointName"]
        traffic = self.traffic[name]
        try:
            _start(traffic, record["Deployment"], job, BlueGreen())
        except JobFailed as failure:
            del self.traffic[name]
            self._give_up(name, None, traffic, failure)
            return
        if record["Pending"]:
            self.deploy(record, job)
        else:
            self._change(name, EndpointStatus="InService")

    def _give_up(self, name: str, before: Traffic | None, after: Traffic, failure: JobFailed) -> None:
        """End fleets that failed to start. The old ones go on to serve; without them the endpoint has failed."""
        if before:
            self._change(name, EndpointStatus="RollingBack", FailureReason=_reason(failure))
        _end(after)
        status = "InService" if before else "Failed"
        self._change(name, EndpointStatus=status, FailureReason=_reason(failure), Pending=None)

    def _make_traffic(self, name: str, deployment: Record) -> Traffic:
        capture = deployment["DataCaptureConfig"]
        return Traffic(
            [
                Share(Fleet(self._platform, name, variant, capture), variant["Weight"])
                for variant in deployment["Variants"]
            ]
        )

    def _change(self, name: str, **members: Any) -> Record:
        return self._store.update("Endpoint", name, LastModifiedTime=now(), **members)

    def _run(self, name: str, work: Callable[[Record, Job], None], job: Job) -> None:
        record = self._store.get("Endpoint", name)
        if record is None:
            return
        try:
            work(record, job)
        except JobStopped:  # the simulator ends; the next one finds the record as it is
            return
        except Exception as error:
            logger.exception("endpoint %s", name)
            reason = f"InternalServerError: {error!r}"[:1024]
            self._change(name, EndpointStatus="Failed", FailureReason=reason, Pending=None)


def _start(traffic: Traffic, deployment: Record, job: Job, policy: BlueGreen) -> None:
    """Start all fleets of a deployment and wait until they are ready. Raises JobFailed, JobStopped."""
    latest = time.monotonic() + policy.longest - policy.interval - policy.termination_wait
    _scale(traffic.fleets, deployment["Variants"])
    for fleet in traffic.fleets.values():
        fleet.wait_until_ready(job, latest)


def _scale(fleets: dict[str, Fleet], variants: list[Record]) -> None:
    for variant in variants:
        fleets[variant["VariantName"]].scale(variant["Count"])


def _end(traffic: Traffic) -> None:
    for fleet in traffic.fleets.values():
        fleet.end()


def _wait(job: Job, seconds: float) -> None:
    """Wait while invocations go on. Raises JobStopped when the simulator ends."""
    if job.stopping.wait(seconds):
        raise JobStopped


def _reason(failure: JobFailed) -> str:
    return str(failure)[:1024]
