"""The work of one pipeline execution: it starts steps, polls them and ends the execution."""

from collections.abc import Iterator

from stagemaker.compute.failure import JobStopped
from stagemaker.orchestration.pipelines.definition import read_definition
from stagemaker.orchestration.pipelines.records import (
    DEFINITION,
    EXECUTED_DEFINITION,
    EXECUTION,
    RUNNING,
    StepRecords,
    selected_steps,
)
from stagemaker.orchestration.pipelines.step import PipelineStep
from stagemaker.orchestration.pipelines.step_run import StepRunner
from stagemaker.orchestration.runner import Work
from stagemaker.state.records import Record, StoredRecord, now

POLL_INTERVAL = 0.05  # seconds between polls of up to JOBS_PER_POLL jobs; proportionally longer for more
JOBS_PER_POLL = 10
MAX_PARALLEL_STEPS = 50  # the default limit on steps that run at a time
STEP_FAILURE = "Step failure: One or multiple steps failed."  # AWS's message; the steps have the reasons


class ExecutionWork(Work):
    """The work of one execution, which waits for the jobs of its steps."""

    _is_open = False

    def run(self) -> None:
        execution, definition = self.store.get(EXECUTION, self.key), self.store.get(EXECUTED_DEFINITION, self.key)
        if execution is None or definition is None:
            return
        self._definition = read_definition(definition[DEFINITION])
        self._records = StepRecords(self.store, self.key)
        self._steps = StepRunner(self, execution, self._definition, self._records)
        self._selected = selected_steps(execution)
        self._is_open = True
        self._resume()
        while self._advance():
            running = sum(1 for _ in self._running_steps())
            self.wait(POLL_INTERVAL * max(1, running / JOBS_PER_POLL) if running else 0)

    def _advance(self) -> bool:
        self.job.raise_if_stopping()
        execution, ending = self._execution(), self._is_ending()
        if ending:
            self._stop_running()
        for step, record in list(self._running_steps()):
            if record["StepStatus"] != "Starting":
                self._steps.poll(step)
        if not ending:
            self._start_ready(execution)
        if any(self._running_steps()) or (not ending and next(self._startable_steps(), None) is not None):
            return True
        self._end()
        return False

    def fail(self, reason: str) -> None:
        for step, record in list(self._running_steps()) if self._is_open else ():
            if record["StepStatus"] == "Starting":
                self._steps.adopt(step)
            if self._records.by_name[step.name]["StepStatus"] == "Executing":
                self._steps.stop(step)
            self._records.put(step.name, StepStatus="Failed", EndTime=now(), RetryAt=None, FailureReason=reason)
        members = {"PipelineExecutionStatus": "Failed", "FailureReason": reason, "LastModifiedTime": now()}
        self.store.update(EXECUTION, self.key, **members)

    def _resume(self) -> None:
        """Rerun jobs that the end of an earlier simulator interrupted, and continue attempts without a recorded job."""
        ending = self._is_ending()
        for step, record in list(self._running_steps()):
            if record.internal.get("RetryAt"):
                continue
            if ending:
                if record["StepStatus"] == "Starting":
                    self._steps.adopt(step)
            elif self._steps.was_interrupted(step):
                self._records.put(step.name, StepStatus="Starting", RetryAt=now())
            elif record["StepStatus"] == "Starting":
                self._steps.attempt(step)

    def _start_ready(self, execution: Record) -> None:
        parallelism = execution.get("ParallelismConfiguration", {})
        running = sum(1 for _ in self._running_steps(with_retries=False))
        free_slots = parallelism.get("MaxParallelExecutionSteps", MAX_PARALLEL_STEPS) - running
        self._steps.cache.forget_contents()
        for step in self._startable_steps():
            self.job.raise_if_stopping()
            if free_slots <= 0 or self._is_ending():
                return
            self._steps.start(step)
            record = self._records.by_name[step.name]
            if record["StepStatus"] in RUNNING and not record.internal.get("RetryAt"):
                free_slots -= 1

    def _startable_steps(self) -> Iterator[PipelineStep]:
        """Yield the steps that can start, in the order of the definition. Records may change during the iteration."""
        for step in self._definition.steps.values():
            if self._selected is not None and step.name not in self._selected:
                continue
            record = self._records.by_name.get(step.name)
            retry_at = record.internal.get("RetryAt") if record else None
            if (retry_at and retry_at <= now()) or (record is None and self._may_start(step)):
                yield step

    def _may_start(self, step: PipelineStep) -> bool:
        records = self._records.by_name
        for name, endings in step.needs.items():
            if name not in records or records[name]["StepStatus"] not in endings:
                return False
        if step.branch is None:
            return True
        condition, outcome = step.branch
        # a string in executions that an earlier version began
        return str(records[condition].internal["Properties"]["Outcome"]) == str(outcome)

    def _stop_running(self) -> None:
        for step, record in list(self._running_steps()):
            if record.internal.get("RetryAt") or record["StepStatus"] == "Starting":
                self._records.put(step.name, StepStatus="Stopped", EndTime=now(), RetryAt=None)
            elif record["StepStatus"] == "Executing":
                self._steps.stop(step)

    def _running_steps(self, with_retries: bool = True) -> Iterator[tuple[PipelineStep, StoredRecord]]:
        for name, record in self._records.by_name.items():
            if record["StepStatus"] in RUNNING and (with_retries or not record.internal.get("RetryAt")):
                yield self._definition.steps[name], record

    def _is_ending(self) -> bool:
        return self._execution()["PipelineExecutionStatus"] == "Stopping" or self._has_run_fail_step()

    def _has_run_fail_step(self) -> bool:
        return any("Fail" in (record.get("Metadata") or {}) for record in self._records.by_name.values())

    def _execution(self) -> Record:
        execution = self.store.get(EXECUTION, self.key)
        if execution is None:
            raise JobStopped
        return execution

    def _end(self) -> None:
        records = self._records.by_name.values()
        failures = [record for record in records if record["StepStatus"] == "Failed"]
        # the end of the execution, which also stops steps, does not count
        failures += [record for record in records if record["StepStatus"] == "Stopped" and record["FailureReason"]]
        status = "Failed" if failures else "Succeeded"
        if failures and all(map(self._has_successor, failures)):
            status = "CompletedWithFailures"

        def end(execution: Record) -> Record:
            is_stopped = execution["PipelineExecutionStatus"] == "Stopping" and not self._has_run_fail_step()
            reason = STEP_FAILURE if failures and not is_stopped else None
            members = {"PipelineExecutionStatus": "Stopped" if is_stopped else status, "FailureReason": reason}
            return execution | members | {"LastModifiedTime": now()}

        self.store.change(EXECUTION, self.key, end)

    def _has_successor(self, record: Record) -> bool:
        name, status = record["StepName"], record["StepStatus"]
        return any(status in self._definition.steps[other].needs.get(name, ()) for other in self._records.by_name)
