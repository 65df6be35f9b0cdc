"""A step's resource, which is created, monitored, described and stopped by requests to the simulator."""

import re
import secrets
import string
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker.compute.failure import was_interrupted
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.pipelines.document import StepFailure
from stagemaker.orchestration.pipelines.retries import EXCEPTION_TYPES_BY_CODE, EXCEPTION_TYPES_BY_REASON
from stagemaker.orchestration.pipelines.step_types import LIST_JOBS, SUMMARIES, TUNING_JOB, RequestStepType
from stagemaker.orchestration.runner import raise_if_unavailable, send
from stagemaker.state.records import Record

SUFFIX_LENGTH = 10  # the number of random characters at the end of a name
ALPHABET = string.ascii_letters + string.digits


class StepResource:
    """The resource that one attempt at a step creates.

    name: the name of the resource. A model package has no name; its request contains a ClientToken derived from this
    name. execution: the ARN of the pipeline execution.
    """

    def __init__(self, platform: Platform, step_type: RequestStepType, name: str, execution: str):
        self._platform, self._type, self.name, self._execution = platform, step_type, name, execution
        self._is_package = step_type.kind == "ModelPackage"

    def create(self, request: Record) -> str:
        """Create the resource unless an earlier simulator did, and return its ARN. Raises StepFailure on failure."""
        if arn := self.find_arn():
            return arn
        operation = f"Create{self._type.kind}"
        try:
            if self._is_package:
                self._create_group(request)
                origin = {"GeneratedBy": self._execution} | request.get("MetadataProperties", {})
                token = str(uuid.uuid5(uuid.NAMESPACE_OID, self.name))
                request = request | {"ClientToken": token, "MetadataProperties": origin}
            else:
                request = request | {self._type.name_member: self.name}
            response = send(self._platform, operation, request)
        except ClientError as error:
            code, message = (str(error.response["Error"].get(part, "")) for part in ("Code", "Message"))
            reason = f"ClientError: sagemaker:{operation} was rejected: {message} ({code})"
            raise StepFailure(reason, EXCEPTION_TYPES_BY_CODE.get(code, "")) from None
        except BotoCoreError as error:
            raise StepFailure(f"ClientError: sagemaker:{operation}: {error}") from None
        return str(response[f"{self._type.kind}Arn"])

    def find_arn(self) -> str | None:
        """Return the resource's ARN, or None if it does not exist.

        For a model package, always return None, because its ClientToken prevents duplicates.
        """
        record = None if self._is_package else self._record()
        return str(record[f"{self._type.kind}Arn"]) if record else None

    def was_interrupted(self) -> bool:
        return self._type.is_job and was_interrupted(self._record() or {})

    def has_ended(self) -> bool:
        """Return whether the resource is complete. Raises StepFailure if it is a job that failed or was stopped."""
        if not self._type.is_job:
            return True
        kind, record = self._type.kind, self._record()
        if record is None:
            raise StepFailure(f"ClientError: The {kind} '{self.name}' was deleted")
        status = record[f"{kind}Status"]
        if status == "Failed":
            reason = record.get("FailureReason") or "AlgorithmError: The job failed without a FailureReason"
            raise StepFailure(reason, EXCEPTION_TYPES_BY_REASON.get(reason.partition(":")[0], ""))
        if status == "Stopped":
            message = f"ClientError: The {kind} '{self.name}' was stopped by its time limit or by a request"
            raise StepFailure(message, status="Stopped")
        return bool(status == "Completed")

    def stop(self) -> None:
        """Request that the job stop, unless it has already ended. Raises OSError if the request must be repeated."""
        if self._type.is_job:
            try:
                send(self._platform, f"Stop{self._type.kind}", {self._type.name_member: self.name})
            except ClientError as error:
                raise_if_unavailable(error)

    def describe(self, arn: str) -> Record:
        """Return the properties of the resource. Raises StepFailure if it no longer exists."""
        operation = f"Describe{self._type.kind}"
        try:
            response = send(self._platform, operation, {self._type.name_member: arn if self._is_package else self.name})
            if self._type.kind == TUNING_JOB:
                response[SUMMARIES] = self._training_jobs(response)
        except ClientError as error:
            raise StepFailure(f"ClientError: sagemaker:{operation}: {error}") from None
        return {member: value for member, value in response.items() if member != "ResponseMetadata"}

    def _record(self) -> Record | None:
        return self._platform.store.get(self._type.kind, self.name)

    def _training_jobs(self, tuning: Record) -> list[Any]:
        """Return up to 100 training jobs of a tuning job, from best to worst. Jobs without an objective come last."""
        configuration = tuning.get("HyperParameterTuningJobConfig", {})
        objectives = [configuration.get("HyperParameterTuningJobObjective")]
        objectives += [definition.get("TuningObjective") for definition in tuning.get("TrainingJobDefinitions", [])]
        kinds = [objective["Type"] for objective in objectives if objective]
        order = "Ascending" if kinds[:1] == ["Minimize"] else "Descending"
        ordering = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 100}
        response = send(self._platform, LIST_JOBS, {"HyperParameterTuningJobName": self.name} | ordering)
        return sorted(response[SUMMARIES], key=lambda job: "FinalHyperParameterTuningJobObjectiveMetric" not in job)

    def _create_group(self, request: Record) -> None:
        group, store = request.get("ModelPackageGroupName", ""), self._platform.store
        if group and not group.startswith("arn:") and store.get("ModelPackageGroup", group) is None:
            try:
                send(self._platform, "CreateModelPackageGroup", {"ModelPackageGroupName": group})
            except ClientError:
                if store.get("ModelPackageGroup", group) is None:  # if it exists, another step has created it
                    raise


def new_name(step_type: RequestStepType, execution: str, step: str, prefix: str = "") -> str:
    """Return a name for an attempt's resource. execution: the execution's ID. prefix: the name in the arguments."""
    end = "".join(secrets.choice(ALPHABET) for _ in range(SUFFIX_LENGTH))
    start = prefix or f"{execution}-{step}"
    if not prefix and step_type.name_length >= 63:
        start = f"pipelines-{start}"
    start = re.sub("[^A-Za-z0-9-]", "-", start[: step_type.name_length - SUFFIX_LENGTH - 1]).strip("-")
    return f"{start}-{end}" if start else end
