"""Endpoints: models that answer invocations, and go on to while they are updated."""

from collections.abc import Callable
from functools import partial

from recore.simulator.compute.endpoints.data_capture import describe as describe_capture
from recore.simulator.compute.endpoints.invocation import Invoker
from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.endpoints.deployment import (
    Stage,
    described_variants,
    images,
    make_deployment,
    most_instances,
    pending_variants,
    rescaled,
    retaining,
)
from recore.simulator.orchestration.endpoints.deployment_config import read_deployment_config
from recore.simulator.orchestration.endpoints.endpoint_work import EndpointWork, resume_serving
from recore.simulator.orchestration.endpoints.hosting import Hosting
from recore.simulator.orchestration.endpoints.update_watch import alarm_definitions
from recore.simulator.orchestration.runner import begin
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.resource import Resource
from recore.simulator.state.records import Record, now

MOST_INSTANCES = 20  # of all endpoints: each is a server with processes of its own


class Endpoints(Resource):
    kind = "Endpoint"
    arn_type = "endpoint"
    verbs = ("Describe", "List")
    newest_first = True
    runs = True

    def __init__(self, platform: Platform):
        super().__init__(platform)
        self._hosting = Hosting(platform)
        self._invoker = Invoker(self._hosting.traffic, platform)

    def resume(self) -> None:
        for record in self.store.all(self.kind):
            if record["EndpointStatus"] == "Failed":
                continue
            if record["EndpointStatus"] not in ("Creating", "Deleting"):
                members = resume_serving(self._hosting, record)
                self.store.update(self.kind, record["EndpointName"], LastModifiedTime=now(), **members)
            self.begin_work(record["EndpointName"])

    def begin_work(self, key: str) -> None:
        begin(self.platform, self.kind, key, partial(EndpointWork, self._hosting))

    def CreateEndpoint(self, request: Record) -> Record:
        config = request.pop("DeploymentConfig", None)
        alarm_definitions(read_deployment_config(config).alarms)
        pending = make_deployment(self.store, request["EndpointConfigName"])
        self._check_images(pending)
        with self.store.transaction():  # no other endpoint may get the last instances meanwhile
            self._check_name(request["EndpointName"])
            members: Record = {"EndpointStatus": "Creating", "Deployment": None, "Pending": pending, "Rescaling": False}
            self._check_capacity(request | members)
            arn = self.add(request, **members, LastDeploymentConfig=config)
        self.begin_work(request["EndpointName"])
        return {"EndpointArn": arn}

    def described(self, record: Record) -> Record:
        deployment, pending = record["Deployment"], record["Pending"]
        if deployment is None:
            return record
        if capture := deployment["DataCaptureConfig"]:
            record = record | {"DataCaptureConfig": describe_capture(capture)}
        if pending is None or record["Rescaling"]:
            return record | {"ProductionVariants": described_variants(deployment, pending or deployment)}
        begun = Stage("Creating", since=record["PendingSince"])  # where the work has not begun yet
        stage = self._hosting.stages.get(record["EndpointName"], begun)
        summary = {
            "EndpointConfigName": pending["EndpointConfigName"],
            "ProductionVariants": pending_variants(pending, stage),
            "StartTime": record["PendingSince"],
        }
        variants = described_variants(deployment, deployment)
        return record | {"ProductionVariants": variants, "PendingDeploymentSummary": summary}

    def UpdateEndpoint(self, request: Record) -> Record:
        pending = make_deployment(self.store, request["EndpointConfigName"])
        self._check_images(pending)
        if "DeploymentConfig" in request and request.get("RetainDeploymentConfig"):
            message = "RetainDeploymentConfig cannot be used with a DeploymentConfig"
            raise ServiceError("ValidationException", message)

        def change(record: Record) -> Record:
            retained = record["LastDeploymentConfig"] if request.get("RetainDeploymentConfig") else None
            config = request.get("DeploymentConfig", retained)
            policy = read_deployment_config(config)
            deployment = retaining(pending, record["Deployment"], request)
            policy.check(deployment)
            alarms = alarm_definitions(policy.alarms)
            return {"Pending": deployment, "Rescaling": False, "LastDeploymentConfig": config, "Alarms": alarms}

        return self._update("UpdateEndpoint", request, change)

    def UpdateEndpointWeightsAndCapacities(self, request: Record) -> Record:
        def change(record: Record) -> Record:
            return {"Pending": rescaled(record["Deployment"], request), "Rescaling": True}

        return self._update("UpdateEndpointWeightsAndCapacities", request, change)

    def DeleteEndpoint(self, request: Record) -> Record:
        record = self._enter("DeleteEndpoint", request, ("InService", "Failed"), lambda _: {}, "Deleting")
        self.begin_work(record["EndpointName"])
        return {}

    def InvokeEndpoint(self, request: Record) -> Record:
        return self._invoker.invoke(request)

    def InvokeEndpointWithResponseStream(self, request: Record) -> Record:
        return self._invoker.invoke(request)

    def _update(self, operation: str, request: Record, change: Callable[[Record], Record]) -> Record:
        """Set what is pending for an endpoint in service, and begin the work on it."""

        def pending(record: Record) -> Record:
            members = change(record) | {"PendingSince": now()}
            self._check_capacity(record | members)
            return members

        record = self._enter(operation, request, ("InService",), pending, "Updating")
        self.begin_work(record["EndpointName"])
        return {"EndpointArn": record["EndpointArn"]}

    def _enter(
        self,
        operation: str,
        request: Record,
        allowed: tuple[str, ...],
        change: Callable[[Record], Record],
        status: str,
    ) -> Record:
        """Change an endpoint's record and status. Raises ServiceError where its status does not allow that."""
        with self.store.transaction():
            record = self.find(operation, request)
            if record["EndpointStatus"] not in allowed:
                message = (
                    f"Cannot update endpoint '{record['EndpointArn']}' in status {record['EndpointStatus']}: "
                    f"{operation} needs {' or '.join(allowed)}"
                )
                raise ServiceError("ValidationException", message)
            members = change(record) | {"EndpointStatus": status, "LastModifiedTime": now()}
            return self.store.update(self.kind, record["EndpointName"], **members)

    def _check_images(self, deployment: Record) -> None:
        """Refuse models with an image that nothing here stands in for."""
        for variant in deployment["Variants"]:
            for image in images(variant["Model"]):
                self.check_image(image)

    def _check_name(self, name: str) -> None:
        """Raise ServiceError where an endpoint has this name, also in another case: AWS makes no difference."""
        for record in self.store.all(self.kind):
            if record["EndpointName"].lower() == name.lower():
                raise self.already_exists(record["EndpointName"])

    def _check_capacity(self, changed: Record) -> None:
        """Raise ServiceError where an endpoint with this record would bring the instances of all above the limit."""
        others = [record for record in self.store.all(self.kind) if record["EndpointName"] != changed["EndpointName"]]
        if sum(map(most_instances, [*others, changed])) > MOST_INSTANCES:
            message = f"All endpoints together have at most {MOST_INSTANCES} instances here"
            raise ServiceError("ResourceLimitExceeded", message)
