"""One step of an execution from its start to its end, in the step's record, with one attempt after the other."""

import contextlib
import datetime
import logging
from collections.abc import Collection, Iterator
from typing import Any

from recore.simulator.compute.failure import JobStopped
from recore.simulator.compute.job import Job
from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.pipelines.definitions.arguments import resolve
from recore.simulator.orchestration.pipelines.definitions.conditions import holds
from recore.simulator.orchestration.pipelines.definitions.definition import PipelineDefinition
from recore.simulator.orchestration.pipelines.definitions.expressions import parse
from recore.simulator.orchestration.pipelines.definitions.parameters import as_text
from recore.simulator.orchestration.pipelines.definitions.problems import StepFailure
from recore.simulator.orchestration.pipelines.definitions.step import PipelineStep
from recore.simulator.orchestration.pipelines.definitions.step_types.condition import ConditionStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.fail import FailStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType
from recore.simulator.orchestration.pipelines.executions.execution_records import StepRecords
from recore.simulator.orchestration.pipelines.executions.step_cache import StepCache
from recore.simulator.orchestration.pipelines.executions.step_context import StepContext
from recore.simulator.orchestration.pipelines.executions.step_work import StepWork
from recore.simulator.state.records import Record, now

logger = logging.getLogger(__name__)

LONGEST_REASON = 1024  # characters


class StepRun:
    """The steps of one execution. known: their records, which every change is put into, too."""

    def __init__(
        self,
        platform: Platform,
        execution: Record,
        definition: PipelineDefinition,
        steps: StepRecords,
        known: dict[str, Record],
        cache: StepCache,
        job: Job,
    ):
        self._platform, self._execution, self._definition = platform, execution, definition
        self._steps, self._known, self._cache, self._job = steps, known, cache, job
        self._work = StepWork(platform)

    def put(self, step: PipelineStep, **members: Any) -> None:
        self._known[step.name] = self._steps.put(step.name, **self._known.get(step.name, {}) | members)

    def start(self, step: PipelineStep) -> None:
        """Begin an attempt."""
        before, time = self._known.get(step.name, {}), now()
        self._known[step.name] = before | {
            "StepName": step.name,
            "StepStatus": "Starting",
            "StartTime": before.get("StartTime", time),
            "AttemptTime": time,
            "AttemptCount": before.get("AttemptCount", 0) + 1,
            "Position": before.get("Position", len(self._known) + 1),
            "RetryAt": None,
            "EndTime": None,
            "FailureReason": None,
            "Job": None,
            **step.described,
        }
        if isinstance(step.type, RequestStepType):  # the others have ended when they are written
            self.put(step)
        self.attempt(step)

    def attempt(self, step: PipelineStep) -> None:
        """Carry out an attempt that has begun, perhaps under an earlier simulator, until a job runs."""
        with self._or_fail(step):
            if isinstance(step.type, ConditionStepType):
                self._decide(step)
            elif isinstance(step.type, FailStepType):
                self._fail_execution(step)
            else:
                self._create(step, step.request_type)

    def look(self, step: PipelineStep) -> None:
        """End an attempt if its job has ended."""
        with self._or_fail(step):
            if self._work.ended(step.request_type, self._known[step.name]["Job"]):
                self._finish(step)

    @contextlib.contextmanager
    def _or_fail(self, step: PipelineStep) -> Iterator[None]:
        """Whatever goes wrong fails this step, and not the whole execution: other steps have jobs.

        Raises JobStopped where the simulator ends, and OSError where a change could not be written or asked for.
        """
        try:
            yield
        except StepFailure as failure:
            self._job.raise_if_stopping()  # what failed may be the simulator, which ends
            self.fail(step, failure)
        except (JobStopped, OSError):
            raise
        except Exception as error:
            self._job.raise_if_stopping()
            logger.exception("step %s", step.name)
            self.fail(step, StepFailure(f"InternalServerError: {error!r}"))

    def interrupted(self, step: PipelineStep) -> bool:
        """Whether a job ended with an earlier simulator."""
        name = self._known[step.name].get("Job")
        return name is not None and self._work.interrupted(step.request_type, name)

    def adopt(self, step: PipelineStep) -> None:
        """Record that the job of an attempt runs, if its creation was not recorded: then it can be stopped."""
        name = self._known[step.name].get("Job")
        if name and (arn := self._work.created(step.request_type, name)):
            self.put(step, StepStatus="Executing", Metadata={step.type.metadata: {"Arn": arn}})

    def _finish(self, step: PipelineStep) -> None:
        """The step has succeeded. Raises StepFailure where its properties cannot be read."""
        record = self._known[step.name]
        [created] = record["Metadata"].values()
        properties = self._work.describe(step.request_type, record["Job"], created["Arn"])
        self.put(step, StepStatus="Succeeded", EndTime=now(), Properties=properties)
        if key := record.get("CacheKey"):
            try:
                self._keep(step, key, properties)
            except (JobStopped, OSError):
                raise
            except Exception:  # the step has succeeded all the same
                logger.exception("the result of step %s is not kept", step.name)

    def _keep(self, step: PipelineStep, key: str, properties: Record) -> None:
        """Keep the result for later executions, unless what the step reads has changed since the key was made.

        Its job may have read either, if it waited for its turn meanwhile.
        """
        self._cache.forget_contents()
        if self._cache.key(step, self._request(step)) == key:
            metadata = self._known[step.name]["Metadata"]
            self._cache.keep(step, key, self._execution["PipelineExecutionArn"], properties, metadata)

    def stop(self, step: PipelineStep) -> None:
        self._work.stop(step.request_type, self._known[step.name]["Job"])
        self.put(step, StepStatus="Stopping")

    def fail(self, step: PipelineStep, failure: StepFailure) -> None:
        """End an attempt that failed: another one follows if a retry policy says so.

        A step that was ordered to stop has stopped.
        """
        record, time, reason = self._known[step.name], now(), str(failure)[:LONGEST_REASON]
        if record["StepStatus"] == "Stopping":
            self.put(step, StepStatus="Stopped", EndTime=time)
            return
        first, retries = record.get("FirstFailed") or time, record.get("Retries") or {}
        for number, policy in enumerate(step.retries):
            applied = retries.get(str(number), 0)
            if failure.kind not in policy.exceptions:
                continue
            delay = policy.delay(applied, time - first)
            if delay is not None:
                again = time + datetime.timedelta(seconds=delay)
                retries = retries | {str(number): applied + 1}
                members = {"RetryAt": again, "Retries": retries, "FirstFailed": first}
                self.put(step, StepStatus="Starting", FailureReason=reason, **members)
                return
        self.put(step, StepStatus=failure.status, EndTime=time, FailureReason=reason)

    def _context(self, step: PipelineStep) -> StepContext:
        record, check = self._known[step.name], self._job.raise_if_stopping
        return StepContext(self._execution, self._platform.s3, self._properties, record, check)

    def _properties(self, name: str) -> Record:
        properties: Record = self._known[name]["Properties"]
        return properties

    def _decide(self, step: PipelineStep) -> None:
        scope, context = self._definition.scope(step), self._context(step)
        outcome = str(all(holds(condition, scope, context) for condition in step.arguments["Conditions"]))
        properties = {"Outcome": outcome}
        members = {"Metadata": {step.type.metadata: properties}, "Properties": properties}
        self.put(step, StepStatus="Succeeded", EndTime=now(), **members)

    def _fail_execution(self, step: PipelineStep) -> None:
        expression = parse(step.arguments["ErrorMessage"], self._definition.scope(step))
        try:
            message = as_text(expression.evaluate(self._context(step)))
        except StepFailure as failure:  # the execution ends all the same
            message = str(failure)
        metadata = {step.type.metadata: {"ErrorMessage": message[:3072]}}
        reason = message[:LONGEST_REASON]
        self.put(step, StepStatus="Failed", EndTime=now(), FailureReason=reason, Metadata=metadata)

    def _create(self, step: PipelineStep, step_type: RequestStepType) -> None:
        """Create the resource of the step, or find the result of an earlier step that did the same."""
        if self._known[step.name]["Job"] is None:
            execution = self._execution["PipelineExecutionArn"].rpartition("/")[2]
            prefix = self._resolve(step, {step_type.named}).get(step_type.named, "")
            self.put(step, Job=self._work.new_name(step_type, execution, step.name, prefix))
        request = self._request(step)
        key = self._cache.key(step, request) if step.cache.enabled else None
        if key and (entry := self._cache.find(step, key)):
            hit = {"SourcePipelineExecutionArn": entry["SourcePipelineExecutionArn"]}
            members = {"Properties": entry["Properties"], "Metadata": entry["Metadata"], "CacheHitResult": hit}
            self.put(step, StepStatus="Succeeded", EndTime=now(), Job=None, **members)
            return
        arn = self._work.create(step_type, request, self._known[step.name]["Job"])
        self.put(step, StepStatus="Executing", Metadata={step.type.metadata: {"Arn": arn}}, CacheKey=key)
        if not step_type.runs:
            self._finish(step)

    def _request(self, step: PipelineStep) -> Record:
        """The request that a step makes, without the name of its resource."""
        return self._resolve(step, step.arguments.keys() - {step.request_type.named})

    def _resolve(self, step: PipelineStep, members: Collection[str]) -> Record:
        """Some members of a step's arguments, as far as it has them, with the values of their expressions."""
        arguments = {name: value for name, value in step.arguments.items() if name in members}
        scope, context = self._definition.scope(step), self._context(step)
        resolved: Record = resolve(step.request_type.request_shape, arguments, scope, context)
        return resolved
