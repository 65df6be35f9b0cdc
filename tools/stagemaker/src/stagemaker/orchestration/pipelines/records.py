"""The records of one execution's steps. A step gets its record when it starts."""

from typing import Any

from stagemaker.state.records import Record, Store, StoredRecord

# kinds of records: executions, their definitions, and the definitions of pipelines
EXECUTION, EXECUTED_DEFINITION, DEFINITION = "PipelineExecution", "PipelineExecutionDefinition", "PipelineDefinition"
SELECTION = "SelectiveExecutionConfig"
RUNNING = ("Starting", "Executing", "Stopping")
INTERNAL_MEMBERS = {"Position", "Job", "Properties", "CacheKey", "AttemptTime", "RetryAt", "Retries", "FirstFailed"}


def selected_steps(execution: Record) -> set[str] | None:
    """Return the names of the steps that an execution runs, or None for all of them."""
    if SELECTION not in execution:
        return None
    return {step["StepName"] for step in execution[SELECTION]["SelectedSteps"]}


class StepRecords:
    """The records of one execution's steps. by_name: the records of the steps that have started.

    The internal members of a record are Position (the step's place in the order of starting), Job (the name of the
    attempt's resource), Properties (to which other steps can refer), CacheKey (the result's key in the cache),
    AttemptTime (the start of the attempt), RetryAt (the time of the next attempt), Retries (the number of retries by
    policy) and FirstFailed (the time of the first failure).
    """

    def __init__(self, store: Store, execution: str):
        self._store, self._kind = store, f"PipelineStep {execution}"
        self.by_name: dict[str, StoredRecord] = dict(store.items(self._kind))

    def put(self, name: str, **members: Any) -> None:
        """Change members of a record and store it. A missing record is created."""
        changed_record = self._changed_record(name, members)

        def write(record: StoredRecord) -> Record:
            record.internal |= changed_record.internal
            return changed_record

        self.by_name[name] = self._store.change(self._kind, name, write, {})

    def begin(self, name: str, **members: Any) -> None:
        """Change members of a record in memory only; `put` writes them later."""
        self.by_name[name] = self._changed_record(name, members)

    def delete(self, name: str) -> None:
        self._store.delete(self._kind, name)
        del self.by_name[name]

    def _changed_record(self, name: str, members: Record) -> StoredRecord:
        previous = self.by_name.get(name) or StoredRecord({}, {}, 0)
        internal = {member: value for member, value in members.items() if member in INTERNAL_MEMBERS}
        public_members = {member: value for member, value in members.items() if member not in INTERNAL_MEMBERS}
        return StoredRecord(previous | public_members, previous.internal | internal, previous.revision)
