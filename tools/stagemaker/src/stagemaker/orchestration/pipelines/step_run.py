"""Run attempts at steps, from start to end."""

import contextlib
import datetime
from collections.abc import Collection, Iterator

from stagemaker.compute.failure import JobStopped
from stagemaker.orchestration.pipelines.arguments import resolve
from stagemaker.orchestration.pipelines.conditions import parse_condition
from stagemaker.orchestration.pipelines.context import StepContext
from stagemaker.orchestration.pipelines.definition import PipelineDefinition
from stagemaker.orchestration.pipelines.document import StepFailure
from stagemaker.orchestration.pipelines.expressions import parse
from stagemaker.orchestration.pipelines.parameters import format_value
from stagemaker.orchestration.pipelines.records import StepRecords
from stagemaker.orchestration.pipelines.step import PipelineStep
from stagemaker.orchestration.pipelines.step_cache import StepCache
from stagemaker.orchestration.pipelines.step_resource import StepResource, new_name
from stagemaker.orchestration.pipelines.step_types import ConditionStepType, FailStepType, RequestStepType
from stagemaker.orchestration.runner import MAX_REASON_LENGTH, Work
from stagemaker.state.records import Record, StoredRecord, now
from stagemaker.text import printable, printable_logger

logger = printable_logger(__name__)


class StepRunner:
    """The runner of one execution's steps. records: the steps' records, to which each change is written."""

    def __init__(self, work: Work, execution: StoredRecord, definition: PipelineDefinition, records: StepRecords):
        self._platform, self._execution, self._definition = work.platform, execution, definition
        self._records, self._raise_if_stopping = records, work.job.raise_if_stopping
        pipeline = execution["PipelineArn"].rpartition("/")[2]
        self.cache = StepCache(work.platform, pipeline, self._raise_if_stopping)

    def start(self, step: PipelineStep) -> None:
        time = now()
        previous = self._records.by_name.get(step.name)
        self._records.begin(
            step.name,
            StepName=step.name,
            StepStatus="Starting",
            StartTime=previous["StartTime"] if previous else time,
            AttemptTime=time,
            AttemptCount=previous["AttemptCount"] + 1 if previous else 1,
            Position=previous.internal["Position"] if previous else len(self._records.by_name) + 1,
            RetryAt=None,
            EndTime=None,
            FailureReason=None,
            Job=None,
            **step.labels,
        )
        # steps of other types have already ended when their records are first written
        if isinstance(step.type, RequestStepType):
            self._records.put(step.name)
        self.attempt(step)

    def attempt(self, step: PipelineStep) -> None:
        """Continue an attempt, possibly one that an earlier simulator began, until its job is created."""
        with self._catch_errors(step):
            if isinstance(step.type, ConditionStepType):
                self._decide(step)
            elif isinstance(step.type, FailStepType):
                self._fail_execution(step)
            else:
                self._create(step, step.request_type)

    def poll(self, step: PipelineStep) -> None:
        with self._catch_errors(step):
            if self._resource(step).has_ended():
                self._finish(step)

    @contextlib.contextmanager
    def _catch_errors(self, step: PipelineStep) -> Iterator[None]:
        """Fail only this step if the block raises an error other than JobStopped and OSError."""
        try:
            yield
        except StepFailure as failure:
            self._raise_if_stopping()  # the error may be due to the simulator's end
            self.fail(step, failure)
        except (JobStopped, OSError):
            raise
        except Exception as error:
            self._raise_if_stopping()
            logger.exception("Step %s failed unexpectedly", step.name)
            self.fail(step, StepFailure(f"InternalServerError: {error!r}"))

    def was_interrupted(self, step: PipelineStep) -> bool:
        return self._job_name(step) is not None and self._resource(step).was_interrupted()

    def adopt(self, step: PipelineStep) -> None:
        """Record an attempt's job if it exists but was not recorded, so that it can be stopped."""
        if self._job_name(step) and (arn := self._resource(step).find_arn()):
            self._records.put(step.name, StepStatus="Executing", Metadata={step.type.metadata: {"Arn": arn}})

    def stop(self, step: PipelineStep) -> None:
        self._resource(step).stop()
        self._records.put(step.name, StepStatus="Stopping")

    def fail(self, step: PipelineStep, failure: StepFailure) -> None:
        """End an attempt that failed. If a retry policy applies, another attempt follows.

        If the step's status is Stopping, it becomes Stopped instead.
        """
        record, time, reason = self._records.by_name[step.name], now(), str(failure)[:MAX_REASON_LENGTH]
        if record["StepStatus"] == "Stopping":
            self._records.put(step.name, StepStatus="Stopped", EndTime=time)
            return
        first_failure, retry_counts = record.internal.get("FirstFailed") or time, record.internal.get("Retries") or {}
        for index, policy in enumerate(step.retries):
            count = retry_counts.get(str(index), 0)
            delay = policy.delay(count, time - first_failure) if failure.kind in policy.exceptions else None
            if delay is not None:
                retry_at, retries = time + datetime.timedelta(seconds=delay), retry_counts | {str(index): count + 1}
                members = {"RetryAt": retry_at, "Retries": retries, "FirstFailed": first_failure}
                self._records.put(step.name, StepStatus="Starting", FailureReason=reason, **members)
                return
        self._records.put(step.name, StepStatus=failure.status, EndTime=time, FailureReason=reason)

    def _finish(self, step: PipelineStep) -> None:
        record = self._records.by_name[step.name]
        [resource] = record["Metadata"].values()
        properties = self._resource(step).describe(resource["Arn"])
        self._records.put(step.name, StepStatus="Succeeded", EndTime=now(), Properties=properties)
        if key := record.internal.get("CacheKey"):
            try:
                self._cache_result(step, key, properties)
            except (JobStopped, OSError):
                raise
            except Exception:  # the step has succeeded even if its result is not cached
                logger.exception("The result of step %s was not cached", step.name)

    def _cache_result(self, step: PipelineStep, key: str, properties: Record) -> None:
        """Cache the result, unless the inputs have changed since the start: the job may have read either version."""
        self.cache.forget_contents()
        if self.cache.key(step, self._request(step)) == key:
            metadata = self._records.by_name[step.name]["Metadata"]
            self.cache.add(step, key, self._execution["PipelineExecutionArn"], properties, metadata)

    def _job_name(self, step: PipelineStep) -> str | None:
        name: str | None = self._records.by_name[step.name].internal.get("Job")
        return name

    def _resource(self, step: PipelineStep) -> StepResource:
        execution = self._execution["PipelineExecutionArn"]
        return StepResource(self._platform, step.request_type, self._job_name(step) or "", execution)

    def _context(self, step: PipelineStep) -> StepContext:
        s3, records = self._platform.s3, self._records.by_name
        return StepContext(self._execution, s3, records, step.name, self._raise_if_stopping)

    def _decide(self, step: PipelineStep) -> None:
        scope, context = self._definition.scope(step), self._context(step)
        conditions = step.arguments["Conditions"]
        outcome = all(parse_condition(condition, scope).evaluate(context) for condition in conditions)
        # the API formats the outcome as True or False, expressions as true or false
        members = {"Metadata": {step.type.metadata: {"Outcome": str(outcome)}}, "Properties": {"Outcome": outcome}}
        self._records.put(step.name, StepStatus="Succeeded", EndTime=now(), **members)

    def _fail_execution(self, step: PipelineStep) -> None:
        expression = parse(step.arguments["ErrorMessage"], self._definition.scope(step))
        try:
            message = printable(format_value(expression.evaluate(self._context(step))))
        except StepFailure as failure:  # the execution ends even if the message cannot be evaluated
            message = str(failure)
        metadata = {step.type.metadata: {"ErrorMessage": message[:3072]}}
        reason = message[:MAX_REASON_LENGTH] or None
        self._records.put(step.name, StepStatus="Failed", EndTime=now(), FailureReason=reason, Metadata=metadata)

    def _create(self, step: PipelineStep, step_type: RequestStepType) -> None:
        if self._job_name(step) is None:
            execution = self._execution["PipelineExecutionArn"].rpartition("/")[2]
            prefix = self._resolve(step, {step_type.name_member}).get(step_type.name_member, "")
            self._records.put(step.name, Job=new_name(step_type, execution, step.name, prefix))
        request = self._request(step)
        key = self.cache.key(step, request) if step.cache.is_enabled else None
        if key and (entry := self.cache.find(step, key)):
            cache_hit = {"SourcePipelineExecutionArn": entry["SourcePipelineExecutionArn"]}
            members = {"Properties": entry["Properties"], "Metadata": entry["Metadata"], "CacheHitResult": cache_hit}
            self._records.put(step.name, StepStatus="Succeeded", EndTime=now(), Job=None, **members)
            return
        arn = self._resource(step).create(request)
        self._records.put(step.name, StepStatus="Executing", Metadata={step.type.metadata: {"Arn": arn}}, CacheKey=key)
        if not step_type.is_job:
            self._finish(step)

    def _request(self, step: PipelineStep) -> Record:
        request = self._resolve(step, step.arguments.keys() - {step.request_type.name_member})
        names = self._execution.get("PipelineExperimentConfig", {})
        trial = self._platform.store.get("Trial", names.get("TrialName", ""))
        if trial is None or "ExperimentConfig" not in step.request_type.request_shape.members:
            return request
        return request | {"ExperimentConfig": names | request.get("ExperimentConfig", {})}

    def _resolve(self, step: PipelineStep, members: Collection[str]) -> Record:
        arguments = {name: value for name, value in step.arguments.items() if name in members}
        scope, context = self._definition.scope(step), self._context(step)
        resolved: Record = resolve(step.request_type.request_shape, arguments, scope, context)
        return resolved
