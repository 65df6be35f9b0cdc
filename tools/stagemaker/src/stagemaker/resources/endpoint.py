"""Endpoints, which keep serving requests while they are updated."""

from functools import partial
from typing import Any

from stagemaker.compute.endpoints.data_capture import describe as describe_capture
from stagemaker.compute.endpoints.invocation import Invoker
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.endpoints.deployment import (
    Stage,
    describe_pending,
    describe_variants,
    images,
    is_serverless,
    make_deployment,
    max_instances,
    rescale,
    retain_properties,
)
from stagemaker.orchestration.endpoints.deployment_config import alarm_definitions, read_deployment_config
from stagemaker.orchestration.endpoints.endpoint_work import EndpointWork, Hosting, resume_serving
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.resources.resource import Resource, reject_members
from stagemaker.state.records import Record, StoredRecord, now

MAX_INSTANCES = 20  # maximum for all endpoints together; each instance is a server with its own processes


class Endpoints(Resource):
    """The endpoints. Their internal members:

    Deployment: the deployment in service, or None. Pending: the deployment that will replace it, or None.
    PendingSince: when Pending was requested. Rescaling: whether Pending changes only weights and instance counts.
    Retiring: the number of old instances that are shutting down. Alarms: the current update's alarm definitions.
    """

    kind = "Endpoint"
    arn_type = "endpoint"
    missing_message = error_messages.RESOURCE_MISSING
    verbs = ("Describe", "List")
    newest_first = True
    runs = True
    running_statuses = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")

    def __init__(self, platform: Platform):
        super().__init__(platform)
        self._hosting = Hosting(platform)
        self.work = partial(EndpointWork, self._hosting)
        self._invoker = Invoker(self._hosting.traffic, platform)

    def resume(self) -> None:
        for record in self.store.all(self.kind):
            if record["EndpointStatus"] not in ("Creating", "Deleting", "Failed"):
                resume_serving(self._hosting, self.store, record)
        super().resume()

    def CreateEndpoint(self, request: Record) -> Record:
        config = request.pop("DeploymentConfig", None)
        alarm_definitions(read_deployment_config(config).alarms)
        internal = {"Deployment": None, "Pending": self._make_deployment(request), "Rescaling": False}
        with self.store.transaction():  # so that no other endpoint can get the last instances
            for record in self.store.all(self.kind):
                if record["EndpointName"].lower() == request["EndpointName"].lower():
                    raise self.already_exists(record["EndpointName"])
            self._check_capacity(request["EndpointName"], internal)
            arn = self.add(request, None, internal, EndpointStatus="Creating", LastDeploymentConfig=config)
        self.begin_work(request["EndpointName"])
        return {"EndpointArn": arn}

    def describe_record(self, record: StoredRecord) -> Record:
        deployment, pending = record.internal["Deployment"], record.internal["Pending"]
        if deployment is None:
            return record
        members: Record = {"ProductionVariants": describe_variants(deployment, deployment)}
        if capture := deployment["DataCaptureConfig"]:
            members["DataCaptureConfig"] = describe_capture(capture)
        if pending and record.internal["Rescaling"]:
            members["ProductionVariants"] = describe_variants(deployment, pending)
        elif pending:
            pending_since = record.internal["PendingSince"]
            first_stage = Stage("Creating", start_time=pending_since)  # stage of a deployment that has not begun
            stage = self._hosting.stages.get(record["EndpointName"], first_stage)
            members["PendingDeploymentSummary"] = {
                "EndpointConfigName": pending["EndpointConfigName"],
                "ProductionVariants": describe_pending(pending, stage),
                "StartTime": pending_since,
            }
        return record | members

    def UpdateEndpoint(self, request: Record) -> Record:
        read_deployment_config(request.get("DeploymentConfig"))  # an invalid one is rejected first
        pending = self._make_deployment(request)
        if "DeploymentConfig" in request and request.get("RetainDeploymentConfig"):
            raise ValidationException("RetainDeploymentConfig cannot be used with a DeploymentConfig")
        with self.store.transaction():
            record = self._find_in_status("UpdateEndpoint", request, "InService")
            retained_config = record["LastDeploymentConfig"] if request.get("RetainDeploymentConfig") else None
            config = request.get("DeploymentConfig", retained_config)
            policy = read_deployment_config(config)
            if is_serverless(pending) and not is_serverless(record.internal["Deployment"]):
                raise ValidationException("An endpoint with instances cannot be updated to a serverless one")
            deployment = retain_properties(pending, record.internal["Deployment"], request)
            policy.check(deployment)
            internal = {"Pending": deployment, "Rescaling": False, "Alarms": alarm_definitions(policy.alarms)}
            self._update(record, internal, LastDeploymentConfig=config)
        self.begin_work(record["EndpointName"])
        return {"EndpointArn": record["EndpointArn"]}

    def UpdateEndpointWeightsAndCapacities(self, request: Record) -> Record:
        for entry in request["DesiredWeightsAndCapacities"]:
            reject_members(entry, ["ServerlessUpdateConfig"], "DesiredWeightsAndCapacities")
        with self.store.transaction():
            record = self._find_in_status("UpdateEndpointWeightsAndCapacities", request, "InService")
            self._update(record, {"Pending": rescale(record.internal["Deployment"], request), "Rescaling": True})
        self.begin_work(record["EndpointName"])
        return {"EndpointArn": record["EndpointArn"]}

    def DeleteEndpoint(self, request: Record) -> Record:
        with self.store.transaction():
            record = self._find_in_status("DeleteEndpoint", request, "InService", "Failed")
            members = {"EndpointStatus": "Deleting", "LastModifiedTime": now()}
            self.store.update(self.kind, record["EndpointName"], **members)
        self.begin_work(record["EndpointName"])
        return {}

    def InvokeEndpoint(self, request: Record) -> Record:
        return self._invoker.invoke(request)

    InvokeEndpointWithResponseStream = InvokeEndpoint

    def _find_in_status(self, operation: str, request: Record, *statuses: str) -> StoredRecord:
        record = self.find(operation, request)
        if record["EndpointStatus"] not in statuses:
            message = (
                f"Cannot update endpoint '{record['EndpointArn']}' in status {record['EndpointStatus']}: "
                f"{operation} requires the status {' or '.join(statuses)}"
            )
            raise ValidationException(message)
        return record

    def _update(self, record: StoredRecord, internal: Record, **members: Any) -> None:
        internal = internal | {"PendingSince": now()}
        self._check_capacity(record["EndpointName"], record.internal | internal)
        members |= {"EndpointStatus": "Updating", "LastModifiedTime": now()}
        self.store.update(self.kind, record["EndpointName"], internal, **members)

    def _make_deployment(self, request: Record) -> Record:
        deployment = make_deployment(self.store, request["EndpointConfigName"])
        for variant in deployment["Variants"]:
            for image in images(variant["Model"]):
                self.check_image(image)
        return deployment

    def _check_capacity(self, name: str, internal: Record) -> None:
        other_endpoints = [record for record in self.store.all(self.kind) if record["EndpointName"] != name]
        running_endpoints = [record.internal for record in other_endpoints if record["EndpointStatus"] != "Failed"]
        if sum(map(max_instances, [*running_endpoints, internal])) > MAX_INSTANCES:
            message = f"All endpoints together can have at most {MAX_INSTANCES} instances"
            raise ServiceError("ResourceLimitExceeded", message)
