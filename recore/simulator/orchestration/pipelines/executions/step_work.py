"""The resource of a step: created, looked at, described and stopped by requests to the simulator."""

import re
import secrets
import string
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.simulator.compute.failure import was_interrupted
from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.pipelines.definitions.problems import StepFailure
from recore.simulator.orchestration.pipelines.definitions.retries import OF_CODES, OF_REASONS
from recore.simulator.orchestration.pipelines.definitions.step_types.register_model import RegisterModelStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.tuning import LIST_JOBS, SUMMARIES, TuningStepType
from recore.simulator.orchestration.requests import raise_if_unavailable, send
from recore.simulator.state.records import Record

RANDOM = 10  # characters at the end of a name
ALPHABET = string.ascii_letters + string.digits


class StepWork:
    """Carries out what the steps of one execution do with the resources that they create."""

    def __init__(self, platform: Platform):
        self._platform, self._store = platform, platform.store

    def new_name(self, step_type: RequestStepType, execution: str, step: str, prefix: str = "") -> str:
        """A name for the resource of one attempt. execution: its ID. prefix: the one that the arguments name."""
        end = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
        if prefix:
            start = prefix
        elif step_type.name_length < 63:
            start = f"{execution}-{step}"
        else:
            start = f"pipelines-{execution}-{step}"
        start = re.sub("[^A-Za-z0-9-]", "-", start[: step_type.name_length - RANDOM - 1]).strip("-")
        return f"{start}-{end}" if start else end

    def create(self, step_type: RequestStepType, request: Record, name: str) -> str:
        """Create the resource, if an earlier simulator has not; its ARN. Raises StepFailure."""
        registers = isinstance(step_type, RegisterModelStepType)
        if arn := self.created(step_type, name):
            return arn
        try:
            if registers:
                self._create_group(request)
                request = request | {"ClientToken": str(uuid.uuid5(uuid.NAMESPACE_OID, name))}
            else:
                request = request | {step_type.named: name}
            answer = send(self._platform, step_type.create, request)
        except ClientError as error:
            code, message = (str(error.response["Error"].get(part, "")) for part in ("Code", "Message"))
            text = f"ClientError: sagemaker:{step_type.create} was refused: {message} ({code})"
            raise StepFailure(text, OF_CODES.get(code, "")) from None
        except BotoCoreError as error:
            raise StepFailure(f"ClientError: sagemaker:{step_type.create}: {error}") from None
        return str(answer[f"{step_type.kind}Arn"])

    def created(self, step_type: RequestStepType, name: str) -> str | None:
        """The ARN of the resource, if it is there. A model package has another name, and is created once anyway."""
        if isinstance(step_type, RegisterModelStepType):
            return None
        record = self._store.get(step_type.kind, name)
        return str(record[f"{step_type.kind}Arn"]) if record else None

    def interrupted(self, step_type: RequestStepType, name: str) -> bool:
        """Whether the resource is a job that was in progress when an earlier simulator ended."""
        return step_type.runs and was_interrupted(self._store.get(step_type.kind, name) or {})

    def ended(self, step_type: RequestStepType, name: str) -> bool:
        """Whether the resource has ended well. Raises StepFailure if it ended otherwise."""
        if not step_type.runs:
            return True
        kind = step_type.kind
        record = self._store.get(kind, name)
        if record is None:
            raise StepFailure(f"ClientError: The {kind} '{name}' was deleted")
        status = record[f"{kind}Status"]
        if status == "Failed":
            reason = record.get("FailureReason") or "AlgorithmError: The job gave no reason"
            raise StepFailure(reason, OF_REASONS.get(reason.partition(":")[0], ""))
        if status == "Stopped":
            message = f"ClientError: The {kind} '{name}' was stopped, by its time limit or by request"
            raise StepFailure(message, status="Stopped")
        return bool(status == "Completed")

    def stop(self, step_type: RequestStepType, name: str) -> None:
        """Order the job to stop; it may have ended by itself. Raises OSError where the order was not taken."""
        if step_type.runs:
            try:
                send(self._platform, step_type.stop, {step_type.named: name})
            except ClientError as error:
                raise_if_unavailable(error)

    def describe(self, step_type: RequestStepType, name: str, arn: str) -> Record:
        """The properties of a resource. Raises StepFailure if it is not there any more."""
        named = arn if isinstance(step_type, RegisterModelStepType) else name
        try:
            answer = send(self._platform, step_type.describe, {step_type.named: named})
            if isinstance(step_type, TuningStepType):
                answer[SUMMARIES] = self._training_jobs(name, answer)
        except ClientError as error:
            raise StepFailure(f"ClientError: sagemaker:{step_type.describe}: {error}") from None
        return {member: value for member, value in answer.items() if member != "ResponseMetadata"}

    def _training_jobs(self, name: str, tuning: Record) -> list[Any]:
        """The training jobs of a tuning job, the best first, at most a hundred; those without a value are last."""
        configuration = tuning.get("HyperParameterTuningJobConfig", {})
        objective: Record = configuration.get("HyperParameterTuningJobObjective") or next(
            (
                definition["TuningObjective"]
                for definition in tuning.get("TrainingJobDefinitions", [])
                if "TuningObjective" in definition
            ),
            {},
        )
        order = "Ascending" if objective.get("Type") == "Minimize" else "Descending"
        by = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 100}
        listed = send(self._platform, LIST_JOBS, {"HyperParameterTuningJobName": name} | by)
        jobs: list[Any] = listed[SUMMARIES]
        jobs.sort(key=lambda job: "FinalHyperParameterTuningJobObjectiveMetric" not in job)
        return jobs

    def _create_group(self, request: Record) -> None:
        """Create the group of a model package, unless it exists."""
        group = request.get("ModelPackageGroupName", "")
        if group and not group.startswith("arn:") and self._store.get("ModelPackageGroup", group) is None:
            try:
                send(self._platform, "CreateModelPackageGroup", {"ModelPackageGroupName": group})
            except ClientError:
                if self._store.get("ModelPackageGroup", group) is None:  # no other step has created it meanwhile
                    raise
