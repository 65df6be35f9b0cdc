"""The records of the steps of one execution: each has one as soon as it starts."""

from typing import Any

from recore.simulator.state.records import Record, Store

# the kinds of records of executions, of the definitions with which they were started, and of those of pipelines
EXECUTION, EXECUTED_DEFINITION, DEFINITION = "PipelineExecution", "PipelineExecutionDefinition", "PipelineDefinition"
RUNNING = ("Starting", "Executing", "Stopping")


class StepRecords:
    """Of one execution. The members that ListPipelineExecutionSteps answers, and these besides:

    Position: the order of the starts. Job: the name of the resource that the present attempt creates. Properties: what
    others refer to. CacheKey: of a step whose result is to be kept. RetryAt: when a step that failed runs again.
    Retries: how often each of its retry policies was applied. FirstFailed: when the first attempt failed.
    """

    def __init__(self, store: Store, execution: str):
        """execution: its key."""
        self._store, self._kind = store, steps_kind(execution)

    def all(self) -> list[Record]:
        return [*self._store.all(self._kind)]

    def get(self, name: str) -> Record | None:
        return self._store.get(self._kind, name)

    def put(self, name: str, **members: Any) -> Record:
        """Change members of a record, which is created if it does not exist."""
        return self._store.change(self._kind, name, lambda record: record | members, {})

    def delete(self, name: str) -> None:
        self._store.delete(self._kind, name)

    def delete_all(self) -> None:
        for record in self.all():
            self.delete(record["StepName"])


def steps_kind(execution: str) -> str:
    return f"PipelineStep {execution}"
