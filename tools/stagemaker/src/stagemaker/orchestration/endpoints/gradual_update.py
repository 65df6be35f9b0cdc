"""A gradual update: an endpoint's traffic shifts step by step from old fleets to new ones, or back if that fails."""

from stagemaker.compute.endpoints.traffic import Traffic, divide
from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.orchestration.endpoints.deployment import Stage, images, instance_count
from stagemaker.orchestration.endpoints.deployment_config import read_deployment_config
from stagemaker.orchestration.endpoints.hosting import Hosting, change_record, end_fleets, start_fleets
from stagemaker.orchestration.runner import Work, reason_of
from stagemaker.state.records import StoredRecord

POLL_INTERVAL = 0.25  # seconds between two evaluations of the alarms


class GradualUpdate:
    """One update, in which an endpoint's pending deployment replaces the one in service, as its DeploymentConfig says.

    An endpoint without a deployment in service has no old fleets: its new fleets get all traffic once they are ready.

    deadline: when the update must be over, on the work's clock.
    """

    def __init__(self, work: Work, hosting: Hosting, record: StoredRecord):
        self._work, self._hosting, self._name, self._record = work, hosting, work.key, record
        self._pending = record.internal["Pending"]
        self._old_traffic = hosting.traffic.get(self._name)
        self._new_traffic = hosting.make_traffic(self._name, self._pending)
        self._policy = read_deployment_config(record.get("LastDeploymentConfig") if self._old_traffic else None)
        self.deadline = work.clock() + self._policy.time_limit

    def run(self) -> None:
        """Start the new fleets, shift the traffic to them, and end the old fleets.

        The old fleets get all traffic back if the new ones do not start, if an alarm goes off, or if the time is up
        before. Raises JobStopped when the simulator ends.
        """
        self._hosting.stages[self._name] = Stage("Creating")
        models = [variant["Model"] for variant in self._pending["Variants"]]
        self._work.make_available(image for model in models for image in images(model))
        try:
            start_fleets(self._work, self._new_traffic.fleets, self._pending["Variants"], self.deadline)
            if self._old_traffic:
                self._shift(self._old_traffic)
        except JobStopped:
            raise
        except Exception as error:
            self._roll_back(reason_of(error))
        else:
            self._complete()

    def _shift(self, old_traffic: Traffic) -> None:
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
            self._work.wait(min(remaining, POLL_INTERVAL))
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
            if state is None:  # nothing monitors the update any more
                raise JobFailed(f"The CloudWatch alarm '{name}' was deleted during the update")
            if state == "ALARM":
                raise JobFailed(f"The CloudWatch alarm '{name}' is in ALARM: {reason}")

    def _roll_back(self, reason: str) -> None:
        if self._old_traffic:
            self._hosting.traffic[self._name] = self._old_traffic  # first, because writing the record may take long
            self._hosting.stages[self._name] = Stage("Deleting")
            change_record(self._work, EndpointStatus="RollingBack", FailureReason=reason)
        end_fleets(self._new_traffic)
        self._hosting.stages.pop(self._name)  # before the next update can begin
        self._work.fail(reason)

    def _complete(self) -> None:
        self._hosting.traffic[self._name] = self._new_traffic
        retiring = instance_count(self._record.internal["Deployment"]) if self._old_traffic else 0
        internal = {"Deployment": self._pending, "Pending": None, "Retiring": retiring}
        change_record(self._work, internal, EndpointConfigName=self._pending["EndpointConfigName"])
        self._hosting.stages.pop(self._name)  # before the status is InService, which lets the next update begin
        if self._old_traffic:
            end_fleets(self._old_traffic)
        change_record(self._work, {"Retiring": 0}, EndpointStatus="InService", FailureReason=None)
