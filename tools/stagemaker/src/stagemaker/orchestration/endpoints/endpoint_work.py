"""An endpoint's background work: its life cycle from its creation to its deletion, as its record requires.

The record's internal members include Deployment, which is in service, and Pending, which will replace it. Either may
be None.
"""

from functools import partial

from stagemaker.compute.endpoints.traffic import Share, Traffic
from stagemaker.compute.failure import JobStopped
from stagemaker.compute.job import Job
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.endpoints.gradual_update import GradualUpdate
from stagemaker.orchestration.endpoints.hosting import (
    KIND,
    Hosting,
    change_record,
    end_fleets,
    scale_fleets,
    start_fleets,
)
from stagemaker.orchestration.runner import Work, reason_of
from stagemaker.state.records import Record, Store, StoredRecord, now


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
            change_record(self, EndpointStatus="RollingBack", FailureReason=reason_of(error))
            scale_fleets(fleets, current["Variants"])
            change_record(self, {"Pending": None}, EndpointStatus="InService")
            return
        shares = [Share(fleets[variant["VariantName"]], variant["Weight"]) for variant in pending["Variants"]]
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
        """Start the fleets of an earlier simulator's endpoint, then continue its update, with or without them.

        Without fleets and without an update, the endpoint fails.
        """
        traffic, pending = self._hosting.traffic[self.key], record.internal["Pending"]
        self._hosting.to_restore.discard(self.key)
        try:
            start_fleets(self, traffic.fleets, record.internal["Deployment"]["Variants"])
        except JobStopped:
            raise
        except Exception as error:
            del self._hosting.traffic[self.key]
            end_fleets(traffic)
            if not pending:
                self.fail(reason_of(error))
                return
        if pending:
            self._update(record)
        else:
            change_record(self, EndpointStatus="InService")


def resume_serving(hosting: Hosting, store: Store, record: StoredRecord) -> None:
    """Prepare an endpoint that an earlier simulator process left to serve again as soon as its fleets are restored.

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
    hosting.to_restore.add(name)
    status = "Updating" if pending else "SystemUpdating"
    members = {"EndpointStatus": status, "FailureReason": reason, "LastModifiedTime": now()}
    store.update(KIND, name, {"Pending": pending, "Retiring": 0}, **members)
