"""An endpoint's background work: fleets start, take over traffic and end, as the endpoint's record requires.

The record's internal members include Deployment, which is in service, and Pending, which will replace it. Either may
be None.
"""

import math
import time
from functools import partial
from typing import Any

from recore.simulator.cloudwatch import alarms
from recore.simulator.compute.endpoints.fleet import Fleet
from recore.simulator.compute.endpoints.traffic import Share, Traffic, divide
from recore.simulator.compute.failure import JobFailed, JobStopped
from recore.simulator.compute.job import Job
from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.endpoints.deployment import Stage, instance_count
from recore.simulator.orchestration.endpoints.deployment_config import (
    BlueGreenPolicy,
    UpdateWatch,
    read_deployment_config,
)
from recore.simulator.orchestration.runner import Work, reason_of
from recore.simulator.state.records import Record, Store, StoredRecord, now

KIND = "Endpoint"
POLL_INTERVAL = 0.05  # seconds between two checks whether fleets are ready


class Hosting:
    """The traffic of the endpoints in service, and the stages of their deployments in progress, by endpoint name.

    to_restore: endpoints of an earlier simulator whose fleets have not been started yet. Their invocations wait.
    """

    def __init__(self, platform: Platform):
        self._platform = platform
        self.traffic: dict[str, Traffic] = {}
        self.stages: dict[str, Stage] = {}
        self.to_restore: set[str] = set()

    def make_traffic(self, name: str, deployment: Record) -> Traffic:
        """Return the traffic of a deployment. Its fleets have no instances yet."""
        capture = deployment["DataCaptureConfig"]
        return Traffic(
            [
                Share(Fleet(self._platform, name, variant, capture), variant["Weight"])
                for variant in deployment["Variants"]
            ]
        )


class EndpointWork(Work):
    """An operation on an endpoint, determined by the endpoint's status. Operations on one endpoint never overlap."""

    def __init__(self, hosting: Hosting, platform: Platform, key: str, job: Job):
        super().__init__(platform, key, job)
        self._hosting = hosting

    def run(self) -> None:
        record = self.persist(partial(self.store.get, KIND, self.key))
        if record is None:
            return
        if record["EndpointStatus"] == "Deleting":
            self._delete(record)
        elif self.key in self._hosting.to_restore:
            self._restore(record)
        else:
            self._update(record)

    def fail(self, reason: str) -> None:
        """Record the failure. The endpoint also fails, unless a deployment is in service."""
        status = "InService" if self.key in self._hosting.traffic else "Failed"
        self._change({"Pending": None, "Retiring": 0}, EndpointStatus=status, FailureReason=reason)

    def _update(self, record: StoredRecord) -> None:
        if record.internal["Rescaling"]:
            self._rescale(record)
        else:
            self._deploy(record)

    def _deploy(self, record: StoredRecord) -> None:
        """Start the fleets of the pending deployment, shift the traffic to them, and end the old fleets.

        The old fleets get all traffic back if the new ones do not start, if an alarm goes off, or if the time limit is
        reached before the old fleets are shut down.
        """
        hosting, pending = self._hosting, record.internal["Pending"]
        old_traffic, new_traffic = hosting.traffic.get(self.key), hosting.make_traffic(self.key, pending)
        policy = read_deployment_config(record.get("LastDeploymentConfig")) if old_traffic else BlueGreenPolicy()
        watch = UpdateWatch(policy.alarms, policy.time_limit)
        hosting.stages[self.key] = Stage("Creating")
        try:
            self._start_fleets(new_traffic, pending, watch.deadline)
            if old_traffic:
                self._shift(pending, old_traffic, new_traffic, policy, watch)
        except JobStopped:
            raise
        except Exception as error:
            self._roll_back(old_traffic, new_traffic, error)
            return
        hosting.traffic[self.key] = new_traffic
        retiring = instance_count(record.internal["Deployment"]) if old_traffic else 0
        internal = {"Deployment": pending, "Pending": None, "Retiring": retiring}
        self._change(internal, EndpointConfigName=pending["EndpointConfigName"])
        hosting.stages.pop(self.key)  # before the status is InService, which lets the next update begin
        if old_traffic:
            end_fleets(old_traffic)
        self._change({"Retiring": 0}, EndpointStatus="InService", FailureReason=None)

    def _shift(
        self, pending: Record, old_traffic: Traffic, new_traffic: Traffic, policy: BlueGreenPolicy, watch: UpdateWatch
    ) -> None:
        """Shift the traffic step by step.

        Raises JobFailed if the update must be rolled back, and JobStopped when the simulator ends.
        """
        hosting = self._hosting
        watch.check()
        for parts in policy.steps(pending):
            hosting.stages[self.key] = Stage("ActivatingTraffic", parts)
            hosting.traffic[self.key] = divide(old_traffic, new_traffic, parts)
            hosting.stages[self.key] = Stage("Baking", parts)
            watch.wait(self, policy.interval)
        watch.wait(self, policy.termination_wait)

    def _roll_back(self, old_traffic: Traffic | None, new_traffic: Traffic, error: Exception) -> None:
        """End the new fleets. The old ones get all traffic back; without old fleets, the endpoint fails."""
        reason = reason_of(error)
        if old_traffic:
            self._hosting.traffic[self.key] = old_traffic  # first, because writing the record may take a long time
            self._hosting.stages[self.key] = Stage("Deleting")
            self._change(EndpointStatus="RollingBack", FailureReason=reason)
        end_fleets(new_traffic)
        self._hosting.stages.pop(self.key, None)  # before the next update can begin
        self.fail(reason)

    def _rescale(self, record: StoredRecord) -> None:
        """Change the variants' instance counts and weights to those of the pending deployment."""
        current, pending = record.internal["Deployment"], record.internal["Pending"]
        fleets = self._hosting.traffic[self.key].fleets
        counts = {variant["VariantName"]: variant["Count"] for variant in current["Variants"]}
        growing_variants = [
            variant for variant in pending["Variants"] if variant["Count"] > counts[variant["VariantName"]]
        ]
        try:
            scale_fleets(fleets, growing_variants)
            self._put_in_service(list(fleets.values()))
        except JobStopped:
            raise
        except Exception as error:
            self._change(EndpointStatus="RollingBack", FailureReason=reason_of(error))
            scale_fleets(fleets, current["Variants"])
            self._change({"Pending": None}, EndpointStatus="InService")
            return
        shares = [Share(fleets[variant["VariantName"]], variant["Weight"]) for variant in pending["Variants"]]
        self._hosting.traffic[self.key] = Traffic(shares)
        self._change({"Deployment": pending})
        scale_fleets(fleets, pending["Variants"])
        self._change({"Pending": None}, EndpointStatus="InService", FailureReason=None)

    def _start_fleets(self, traffic: Traffic, deployment: Record, deadline: float = math.inf) -> None:
        """Start all fleets of a deployment and wait until they are ready. Raises JobFailed or JobStopped."""
        scale_fleets(traffic.fleets, deployment["Variants"])
        self._put_in_service(list(traffic.fleets.values()), deadline)

    def _put_in_service(self, fleets: list[Fleet], deadline: float = math.inf) -> None:
        """Wait until the new instances of all fleets are ready at the same time, and let them receive traffic.

        An instance whose servers have ended by then has failed, even if they were ready before. deadline: a time on
        the clock of time.monotonic(). Raises JobFailed or JobStopped.
        """
        while waiting := [fleet.variant for fleet in fleets if not fleet.is_ready()]:
            if time.monotonic() > deadline:
                message = f"Production variant {waiting[0]} was not ready within MaximumExecutionTimeoutInSeconds"
                raise JobFailed(message)
            self.wait(POLL_INTERVAL)
        for fleet in fleets:
            fleet.put_in_service()

    def _delete(self, record: Record) -> None:
        """End the fleets, and delete the record with its tags."""
        traffic = self._hosting.traffic.pop(self.key, None)
        if traffic:
            end_fleets(traffic)

        def delete() -> None:
            with self.store.transaction():
                self.store.delete("Tags", record["EndpointArn"])
                self.store.delete(KIND, self.key)

        self.persist(delete)

    def _restore(self, record: StoredRecord) -> None:
        """Start the fleets of an endpoint that served under an earlier simulator, then continue its update.

        If they do not start, a pending update continues without them. If no update is pending, the endpoint fails.
        """
        traffic, pending = self._hosting.traffic[self.key], record.internal["Pending"]
        self._hosting.to_restore.discard(self.key)
        try:
            self._start_fleets(traffic, record.internal["Deployment"])
        except JobStopped:
            raise
        except Exception as error:
            del self._hosting.traffic[self.key]
            if not pending:
                self._roll_back(None, traffic, error)
                return
            end_fleets(traffic)
            self._deploy(record)
            return
        if pending:
            self._update(record)
        else:
            self._change(EndpointStatus="InService")

    def _change(self, internal: Record | None = None, /, **members: Any) -> None:
        self.persist(partial(self.store.update, KIND, self.key, internal, LastModifiedTime=now(), **members))


def resume_serving(hosting: Hosting, store: Store, record: StoredRecord) -> None:
    """Prepare an endpoint that an earlier simulator process left to serve again as soon as its fleets are restored.

    An update that was being rolled back is abandoned; any other update continues.
    """
    name, pending, reason = record["EndpointName"], record.internal["Pending"], None
    if record["EndpointStatus"] == "RollingBack":
        pending, reason = None, record["FailureReason"]
    if pending and not record.internal["Rescaling"]:
        alarms.restore(record.internal.get("Alarms", []))
    hosting.traffic[name] = hosting.make_traffic(name, record.internal["Deployment"])
    hosting.to_restore.add(name)
    status = "Updating" if pending else "SystemUpdating"
    members = {"EndpointStatus": status, "FailureReason": reason, "LastModifiedTime": now()}
    store.update(KIND, name, {"Pending": pending, "Retiring": 0}, **members)


def scale_fleets(fleets: dict[str, Fleet], variants: list[Record]) -> None:
    """Scale the fleet of each variant to the variant's number of instances. fleets: by variant name."""
    for variant in variants:
        fleets[variant["VariantName"]].scale(variant["Count"])


def end_fleets(traffic: Traffic) -> None:
    """End all fleets after the invocations in progress have completed."""
    for share in traffic.shares:
        share.fleet.end()
