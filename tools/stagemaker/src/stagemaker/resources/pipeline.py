"""Pipelines: validated definitions, from which executions are started."""

import operator
from typing import ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker.orchestration.pipelines.definition import read_definition
from stagemaker.orchestration.pipelines.document import MAX_BYTES, locate_errors
from stagemaker.orchestration.pipelines.records import DEFINITION, EXECUTED_DEFINITION, EXECUTION, StepRecords
from stagemaker.orchestration.pipelines.step_cache import cache_kind
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.paging import make_page
from stagemaker.resources.resource import Filter, Resource, reject_other_members
from stagemaker.state.records import Record, now

LOCATION = "PipelineDefinitionS3Location"
CHANGEABLE_MEMBERS = {"PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration"}
SIMULATED_MEMBERS = CHANGEABLE_MEMBERS | {"PipelineName", DEFINITION, LOCATION, "ClientRequestToken", "Tags"}


class Pipelines(Resource):
    """The pipelines. Definitions are in separate records, so that List operations need not read them."""

    kind = "Pipeline"
    arn_type = "pipeline"
    exists_message = error_messages.PIPELINE_EXISTS
    verbs = ("List",)
    newest_first = True
    runs = True
    filters: ClassVar[dict[str, Filter]] = {
        "PipelineNamePrefix": ("PipelineName", str.startswith),
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
        "ManagedBy": ("PipelineName", lambda _, owner: owner == "CUSTOMER"),
    }

    def CreatePipeline(self, request: Record) -> Record:
        reject_other_members(request, SIMULATED_MEMBERS, "CreatePipeline")
        definition = self._validated_definition(request)
        if definition is None:
            raise ValidationException(f"A pipeline must have either a {DEFINITION} or a {LOCATION}")

        def create(request: Record) -> Record:
            with self.store.transaction():
                members = {name: value for name, value in request.items() if name not in (DEFINITION, LOCATION)}
                members.setdefault("PipelineDisplayName", request["PipelineName"])
                arn = self.add(members, PipelineStatus="Active", CreatedBy={}, LastModifiedBy={})
                self.store.add(DEFINITION, request["PipelineName"], {DEFINITION: definition})
            return {"PipelineArn": arn}

        return self.run_once("CreatePipeline", request, create)

    def UpdatePipeline(self, request: Record) -> Record:
        reject_other_members(request, SIMULATED_MEMBERS, "UpdatePipeline")
        self.find("UpdatePipeline", request)
        definition = self._validated_definition(request)
        members = {name: request[name] for name in CHANGEABLE_MEMBERS if name in request}
        with self.store.transaction():  # the pipeline may have been deleted since the check above
            pipeline = self.find("UpdatePipeline", request)
            name = pipeline["PipelineName"]
            self.store.update(self.kind, name, LastModifiedTime=now(), **members)
            if definition is not None:
                self.store.update(DEFINITION, name, **{DEFINITION: definition})
        return {"PipelineArn": pipeline["PipelineArn"]}

    def DescribePipeline(self, request: Record) -> Record:
        reject_other_members(request, {"PipelineName"}, "DescribePipeline")
        with self.store.transaction():
            pipeline = self.find("DescribePipeline", request)
            return pipeline | (self.store.get(DEFINITION, pipeline["PipelineName"]) or {})

    def DeletePipeline(self, request: Record) -> Record:
        return self.run_once("DeletePipeline", request, self._delete)

    def ListPipelineVersions(self, request: Record) -> Record:
        """Return an empty list, because versions are not simulated."""
        self.find("ListPipelineVersions", request)
        return make_page(request, "PipelineVersionSummaries", [], descending=True)

    def _delete(self, request: Record) -> Record:
        with self.store.transaction():  # so that no execution starts before the pipeline is deleted
            pipeline = self.find("DeletePipeline", request)
            name = pipeline["PipelineName"]
            executions = {key: record for key, record in self.store.items(EXECUTION) if key.partition("/")[0] == name}
            for execution in executions.values():
                if execution["PipelineExecutionStatus"] in ("Executing", "Stopping"):
                    reason = f"the execution {execution['PipelineExecutionArn']} is running"
                    message = f"Cannot delete pipeline '{name}': {reason}"
                    raise self.error("DeletePipeline", "ConflictException", message)
            for key, execution in executions.items():
                steps = StepRecords(self.store, key)
                for step in list(steps.by_name):
                    steps.delete(step)
                self.store.delete(EXECUTED_DEFINITION, key)
                self.store.delete("Tags", execution["PipelineExecutionArn"])
                self.store.delete(EXECUTION, key)
            for key, _ in self.store.items(cache_kind(name)):
                self.store.delete(cache_kind(name), key)
            self.store.delete(DEFINITION, name)
            self.delete("DeletePipeline", request)
        return {"PipelineArn": pipeline["PipelineArn"]}

    def _validated_definition(self, request: Record) -> str | None:
        if DEFINITION in request and LOCATION in request:
            raise ValidationException(f"A pipeline can have either a {DEFINITION} or a {LOCATION}, not both")
        definition = self._read_from_s3(request[LOCATION]) if LOCATION in request else request.get(DEFINITION)
        if definition is not None:
            with locate_errors(DEFINITION):
                read_definition(definition)
        return definition

    def _read_from_s3(self, location: Record) -> str:
        version = {"VersionId": location["VersionId"]} if "VersionId" in location else {}
        uri = f"s3://{location['Bucket']}/{location['ObjectKey']}"
        try:
            response = self.platform.s3.get_object(Bucket=location["Bucket"], Key=location["ObjectKey"], **version)
            if response["ContentLength"] > MAX_BYTES:
                raise ValidationException(f"{LOCATION}: {uri} is larger than {MAX_BYTES} bytes")
            return str(response["Body"].read().decode())
        except (ClientError, BotoCoreError, UnicodeDecodeError) as error:
            raise ValidationException(f"{LOCATION}: {uri} could not be read: {error}"[:1000]) from None
