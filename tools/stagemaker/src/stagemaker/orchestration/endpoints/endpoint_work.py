"""An endpoint's background work: its life cycle from its creation to its deletion.

The record's internal members are Deployment, the one in service, and Pending, its replacement during an update,
otherwise None.
"""

import math
from functools import partial
from typing import Any

from stagemaker.compute.endpoints.fleet import Fleet
from stagemaker.compute.endpoints.traffic import Traffic, WeightedFleet, divide
from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.job import Job
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.endpoints.deployment import Stage, images, instance_count
from stagemaker.orchestration.endpoints.deployment_config import read_deployment_config
from stagemaker.orchestration.runner import Work, failure_reason
from stagemaker.state.records import Record, Store, StoredRecord, now

KIND = "Endpoint"
POLL_INTERVAL = 0.05  # seconds between checks of whether fleets are ready
ALARM_INTERVAL = 0.25  # seconds between evaluations of the alarms


class Hosting:
    """The traffic of the endpoints in service, and the stages of their deployments in progress, by endpoint name.

    names_to_restore: endpoints of an earlier simulator whose fleets have not been started yet. Their invocations wait.
    """

    def __init__(self, platform: Platform):
        self._platform = platform
        self.traffic: dict[str, Traffic] = {}
        self.stages: dict[str, Stage] = {}
        self.names_to_restore: set[str] = set()

    def make_traffic(self, name: str, deployment: Record) -> Traffic:
        """Return the traffic of a deployment. Its fleets have no instances yet."""
        capture, variants = deployment["DataCaptureConfig"], deployment["Variants"]
        return Traffic([WeightedFleet(Fleet(self._platform, name, each, capture), each["Weight"]) for each in variants])


def start_fleets(work: Work, fleets: dict[str, Fleet], variants: list[Record], deadline: float = math.inf) -> None:
    """Scale fleets, wait until all their new instances are ready at the same time, and let them receive traffic.

    An instance whose server exits earlier has failed, even if it was ready. deadline: a time on the clock of `work`.
    Raises JobFailed if a fleet fails or misses the deadline, and JobStopped when the simulator ends.
    """
    scale_fleets(fleets, variants)
    while names := [fleet.variant for fleet in fleets.values() if not fleet.is_ready()]:
        if work.clock() > deadline:
            raise JobFailed(f"Production variant {names[0]} was not ready within MaximumExecutionTimeoutInSeconds")
        work.wait(POLL_INTERVAL)
    for fleet in fleets.values():
        fleet.put_in_service()


def scale_fleets(fleets: dict[str, Fleet], variants: list[Record]) -> None:
    for variant in variants:
        fleets[variant["VariantName"]].scale(variant["Count"])


def end_fleets(traffic: Traffic) -> None:
    for item in traffic.weighted_fleets:
        item.fleet.end()


def change_record(work: Work, internal: Record | None = None, /, **members: Any) -> None:
    work.persist(partial(work.store.update, KIND, work.key, internal, LastModifiedTime=now(), **members))


class GradualUpdate:
    """An update that replaces an endpoint's deployment in service with the pending one, according to DeploymentConfig.

    An endpoint without a deployment in service has no old fleets: its new fleets get all traffic once they are ready.

    deadline: the time by which the update must end, on the work's clock.
    """

    def __init__(self, work: Work, hosting: Hosting, record: StoredRecord):
        self._work, self._hosting, self._name, self._record = work, hosting, work.key, record
        self._pending = record.internal["Pending"]
        self._old_traffic = hosting.traffic.get(self._name)
        self._new_traffic = hosting.make_traffic(self._name, self._pending)
        self._policy = read_deployment_config(record.get("LastDeploymentConfig") if self._old_traffic else None)
        self.deadline = work.clock() + self._policy.time_limit

    def run(self) -> None:
        """Start the new fleets, shift the traffic to them, and shut down the old fleets.

        The old fleets get all traffic back if the new ones do not start, if an alarm is in the ALARM state or has been
        deleted, or if the time limit is exceeded. Raises JobStopped when the simulator ends.
        """
        self._hosting.stages[self._name] = Stage("Creating")
        models = [variant["Model"] for variant in self._pending["Variants"]]
        self._work.make_available(image for model in models for image in images(model))
        try:
            start_fleets(self._work, self._new_traffic.fleets, self._pending["Variants"], self.deadline)
            if self._old_traffic:
                self._shift_traffic(self._old_traffic)
        except JobStopped:
            raise
        except Exception as error:
            self._roll_back(failure_reason(error))
        else:
            self._complete()

    def _shift_traffic(self, old_traffic: Traffic) -> None:
        self._check()
        for parts in self._policy.steps(self._pending):
            self._hosting.stages[self._name] = Stage("ActivatingTraffic", parts)
            self._hosting.traffic[self._name] = divide(old_traffic, self._new_traffic, parts)
            self._hosting.stages[self._name] = Stage("Baking", parts)
            self._wait(self._policy.interval)
        self._wait(self._policy.termination_wait)

    def _wait(self, seconds: float) -> None:
        end = self._work.clock() + seconds
        self._check()
        while (remaining := end - self._work.clock()) > 0:
            self._work.wait(min(remaining, ALARM_INTERVAL))
            self._check()

    def _check(self) -> None:
        if self._work.clock() > self.deadline:
            limit = self._policy.time_limit
            raise JobFailed(f"The update took longer than MaximumExecutionTimeoutInSeconds, which is {limit:g}")
        if not self._policy.alarms:
            return
        from stagemaker.services.moto_inside.cloudwatch import alarm_state

        for name in self._policy.alarms:
            state, reason = alarm_state(name) or (None, "")
            if state is None:  # nothing monitors the update any longer
                raise JobFailed(f"The CloudWatch alarm '{name}' was deleted during the update")
            if state == "ALARM":
                raise JobFailed(f"The CloudWatch alarm '{name}' is in ALARM: {reason}")

    def _roll_back(self, reason: str) -> None:
        if self._old_traffic:
            self._hosting.traffic[self._name] = self._old_traffic  # first, because writing the record may be slow
            self._hosting.stages[self._name] = Stage("Deleting")
            change_record(self._work, EndpointStatus="RollingBack", FailureReason=reason)
        end_fleets(self._new_traffic)
        self._hosting.stages.pop(self._name)  # before the next update can begin
        self._work.fail(reason)

    def _complete(self) -> None:
        self._hosting.traffic[self._name] = self._new_traffic
        retiring_count = instance_count(self._record.internal["Deployment"]) if self._old_traffic else 0
        internal = {"Deployment": self._pending, "Pending": None, "Retiring": retiring_count}
        change_record(self._work, internal, EndpointConfigName=self._pending["EndpointConfigName"])
        self._hosting.stages.pop(self._name)  # before the status is InService, which lets the next update begin
        if self._old_traffic:
            end_fleets(self._old_traffic)
        change_record(self._work, {"Retiring": 0}, EndpointStatus="InService", FailureReason=None)


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
        elif self.key in self._hosting.names_to_restore:
            self._restore(record)
        else:
            self._update(record)

    def fail(self, reason: str) -> None:
        """Record the failure. The endpoint also fails, unless a deployment is in service."""
        status = "InService" if self.key in self._hosting.traffic else "Failed"
        change_record(self, {"Pending": None, "Retiring": 0}, EndpointStatus=status, FailureReason=reason)

    def _update(self, record: StoredRecord) -> None:
        if record.internal["Rescaling"] and self.key in self._hosting.traffic:  # without fleets, new ones must start
            self._rescale(record)
        else:
            GradualUpdate(self, self._hosting, record).run()

    def _rescale(self, record: StoredRecord) -> None:
        current, pending = record.internal["Deployment"], record.internal["Pending"]
        fleets = self._hosting.traffic[self.key].fleets
        pairs = zip(current["Variants"], pending["Variants"], strict=True)
        growing_variants = [new for old, new in pairs if new["Count"] > old["Count"]]
        try:
            start_fleets(self, fleets, growing_variants)
        except JobStopped:
            raise
        except Exception as error:
            change_record(self, EndpointStatus="RollingBack", FailureReason=failure_reason(error))
            scale_fleets(fleets, current["Variants"])
            change_record(self, {"Pending": None}, EndpointStatus="InService")
            return
        shares = [WeightedFleet(fleets[variant["VariantName"]], variant["Weight"]) for variant in pending["Variants"]]
        self._hosting.traffic[self.key] = Traffic(shares)
        change_record(self, {"Deployment": pending})
        scale_fleets(fleets, pending["Variants"])
        change_record(self, {"Pending": None}, EndpointStatus="InService", FailureReason=None)

    def _delete(self, record: Record) -> None:
        if traffic := self._hosting.traffic.pop(self.key, None):
            end_fleets(traffic)

        def delete() -> None:
            with self.store.transaction():
                self.store.delete("Tags", record["EndpointArn"])
                self.store.delete(KIND, self.key)

        self.persist(delete)

    def _restore(self, record: StoredRecord) -> None:
        """Start the fleets of an earlier simulator's endpoint, then, even if this fails, continue a pending update."""
        traffic, pending = self._hosting.traffic[self.key], record.internal["Pending"]
        self._hosting.names_to_restore.discard(self.key)
        try:
            start_fleets(self, traffic.fleets, record.internal["Deployment"]["Variants"])
        except JobStopped:
            raise
        except Exception as error:
            del self._hosting.traffic[self.key]
            end_fleets(traffic)
            if not pending:
                self.fail(failure_reason(error))
                return
        if pending:
            self._update(record)
        else:
            change_record(self, EndpointStatus="InService")


def resume_serving(hosting: Hosting, store: Store, record: StoredRecord) -> None:
    """Prepare an earlier simulator's endpoint to serve again as soon as its fleets are restored.

    An update that was being rolled back is abandoned; any other update continues.
    """
    name, pending, reason = record["EndpointName"], record.internal["Pending"], None
    if record["EndpointStatus"] == "RollingBack":
        pending, reason = None, record["FailureReason"]
    alarms = record.internal.get("Alarms", [])
    if alarms and pending and not record.internal["Rescaling"]:
        from stagemaker.services.moto_inside.cloudwatch import restore_alarms

        restore_alarms(alarms)
    hosting.traffic[name] = hosting.make_traffic(name, record.internal["Deployment"])
    hosting.names_to_restore.add(name)
    status = "Updating" if pending else "SystemUpdating"
    members = {"EndpointStatus": status, "FailureReason": reason, "LastModifiedTime": now()}
    store.update(KIND, name, {"Pending": pending, "Retiring": 0}, **members)
