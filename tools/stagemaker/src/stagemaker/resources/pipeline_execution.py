"""Pipeline executions, which can be started, stopped, retried and described, and resume when a simulator restarts."""

import contextlib
import operator
import secrets
import string
import time
from collections.abc import Callable
from functools import cache, partial
from typing import ClassVar

from stagemaker.orchestration.pipelines.context import StepContext
from stagemaker.orchestration.pipelines.definition import PipelineDefinition, read_definition
from stagemaker.orchestration.pipelines.document import DefinitionError
from stagemaker.orchestration.pipelines.execution_work import ExecutionWork
from stagemaker.orchestration.pipelines.expressions import parse
from stagemaker.orchestration.pipelines.parameters import format_value, parameter_values
from stagemaker.orchestration.pipelines.records import (
    DEFINITION,
    EXECUTED_DEFINITION,
    SELECTION,
    StepRecords,
    selected_steps,
)
from stagemaker.protocol.errors import ValidationException
from stagemaker.protocol.service_model import operation_model, value_problems
from stagemaker.resources.experiment import TrackedExperiments, Trials
from stagemaker.resources.paging import Position, make_page
from stagemaker.resources.pipeline import Pipelines
from stagemaker.resources.resource import Filter, Resource, reject_other_members
from stagemaker.state.records import Record, StoredRecord, now

CHANGEABLE_MEMBERS = {"PipelineExecutionDisplayName", "PipelineExecutionDescription", "ParallelismConfiguration"}
START_MEMBERS = CHANGEABLE_MEMBERS | {"PipelineName", "PipelineParameters", "ClientRequestToken", "RoleArn"}
START_MEMBERS |= {SELECTION}
MAX_RUNNING_EXECUTIONS = 200
PATTERN_SECONDS = 0.5  # CPU time for matching the patterns of the names of an experiment and its trial
ID_LENGTH, ID_ALPHABET = 12, string.ascii_lowercase + string.digits
ReadDefinition = Callable[[str], PipelineDefinition]
# carries out a request, and appends the keys of the executions that must run to the list
Action = Callable[[list[str], ReadDefinition, Record], Record]


class PipelineExecutions(Resource):
    """The executions. A key consists of the pipeline's key and an ID.

    An execution keeps the definition with which it was started.
    """

    kind = "PipelineExecution"
    arn_type = "pipeline"
    title = "pipeline execution"
    verbs = ("Describe",)
    newest_first = True
    runs = True
    work = ExecutionWork
    running_statuses = ("Executing", "Stopping")
    filters: ClassVar[dict[str, Filter]] = {
        "PipelineName": ("PipelineArn", operator.eq),
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
    }
    sort_members: ClassVar[dict[str, str]] = {"PipelineExecutionArn": "PipelineExecutionArn"}

    def StartPipelineExecution(self, request: Record) -> Record:
        reject_other_members(request, START_MEMBERS, "StartPipelineExecution")
        name = request["PipelineName"].removeprefix(self.arn(""))
        return self._run("StartPipelineExecution", request, self._definition_source(DEFINITION, name), self._start)

    def StopPipelineExecution(self, request: Record) -> Record:
        return self.run_once("StopPipelineExecution", request, partial(self.stop, "StopPipelineExecution"))

    def stop(self, operation: str, request: Record) -> Record:
        return super().stop(operation, request) | {"PipelineExecutionArn": self.arn(self.key(request))}

    def RetryPipelineExecution(self, request: Record) -> Record:
        definition_source = self._definition_source(EXECUTED_DEFINITION, self.key(request))
        return self._run("RetryPipelineExecution", request, definition_source, self._retry)

    def _definition_source(self, kind: str, key: str) -> str:
        record: Record = self.store.get(kind, key) or {}
        return str(record.get(DEFINITION, ""))

    def _run(self, operation: str, request: Record, definition_source: str, act: Action) -> Record:
        """Carry out a request that starts executions of a definition.

        Parsing a large definition takes seconds, during which a transaction would block all other changes. The
        definition is therefore parsed before the transaction, and again only if it has changed in the meantime.
        """
        read, started_keys = cache(read_definition), list[str]()
        with contextlib.suppress(DefinitionError):
            read(definition_source)
        response = self.run_once(operation, request, partial(act, started_keys, read))
        for key in started_keys:
            self.begin_work(key)
        return response

    def UpdatePipelineExecution(self, request: Record) -> Record:
        with self.store.transaction():
            execution = self.find("UpdatePipelineExecution", request)
            members = {name: request[name] for name in CHANGEABLE_MEMBERS if name in request}
            self.store.update(self.kind, self.key(request), LastModifiedTime=now(), **members)
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}

    def DescribePipelineDefinitionForExecution(self, request: Record) -> Record:
        with self.store.transaction():
            execution = self.find("DescribePipelineDefinitionForExecution", request)
            definition: Record = self.store.get(EXECUTED_DEFINITION, self.key(request)) or {}
        return {"CreationTime": execution["CreationTime"]} | definition

    def ListPipelineExecutions(self, request: Record) -> Record:
        pipeline = Pipelines(self.platform).find("ListPipelineExecutions", request)
        response = self.page("ListPipelineExecutions", request | {"PipelineName": pipeline["PipelineArn"]})
        for record in response["PipelineExecutionSummaries"]:
            record["StartTime"] = record["CreationTime"]
            record["PipelineExecutionFailureReason"] = record.get("FailureReason")
        return response

    def ListPipelineExecutionSteps(self, request: Record) -> Record:
        if "PipelineExecutionArn" not in request:
            raise ValidationException("ListPipelineExecutionSteps: PipelineExecutionArn is missing")
        self.find("ListPipelineExecutionSteps", request)
        records: list[tuple[Position, Record]] = [
            ((f"{record.internal['Position']:06}", name), record)
            for name, record in StepRecords(self.store, self.key(request)).by_name.items()
        ]
        descending = request.get("SortOrder", "Descending") == "Descending"
        return make_page(request, "PipelineExecutionSteps", records, descending)

    def ListPipelineParametersForExecution(self, request: Record) -> Record:
        execution = self.find("ListPipelineParametersForExecution", request)
        values = enumerate(execution.internal["Parameters"].items())
        entries = [
            ((f"{number:06}", name), {"Name": name, "Value": format_value(value)}) for number, (name, value) in values
        ]
        return make_page(request, "PipelineParameters", entries, descending=False)

    def _start(self, started_keys: list[str], read: ReadDefinition, request: Record) -> Record:
        pipeline = Pipelines(self.platform).find("StartPipelineExecution", request)
        name = pipeline["PipelineName"]
        self._check_running_count("StartPipelineExecution")
        definition_source = self._definition_source(DEFINITION, name)
        definition = read(definition_source)
        values, reused = self._select(request, definition)
        key = f"{name}/execution/{''.join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))}"
        members = {member: request[member] for member in (*CHANGEABLE_MEMBERS, "RoleArn") if member in request}
        for member in ("RoleArn", "ParallelismConfiguration"):
            if member in pipeline:
                members.setdefault(member, pipeline[member])
        members.setdefault("PipelineExecutionDisplayName", f"execution-{now().timestamp() * 1000:.0f}")
        members |= {SELECTION: request[SELECTION]} if SELECTION in request else {}
        members |= {"PipelineArn": pipeline["PipelineArn"], "CreatedBy": {}, "LastModifiedBy": {}}
        arn = self.add(members, key, {"Parameters": values}, PipelineExecutionStatus="Executing")
        if definition.experiment:
            names = self._experiment_config(key, definition)
            self.store.update(self.kind, key, PipelineExperimentConfig=names)
            self._add_trial(names)
        self.store.add(EXECUTED_DEFINITION, key, {DEFINITION: definition_source})
        self.store.update("Pipeline", name, LastRunTime=now(), LastExecutionTime=now())
        records = StepRecords(self.store, key)
        for step, record in reused.items():
            records.put(step, **record)
        started_keys.append(key)
        return {"PipelineExecutionArn": arn}

    def _select(self, request: Record, definition: PipelineDefinition) -> tuple[Record, dict[str, Record]]:
        """Return an execution's parameters and, for a selective execution, the step records it reuses from its source.

        Parameters that the request of a selective execution lacks come from the source execution.
        """
        selected_names, parameters = selected_steps(request), request.get("PipelineParameters", [])
        if selected_names is None:
            return parameter_values(definition.parameters, parameters), {}
        if unknown_names := sorted(selected_names - definition.steps.keys()):
            raise ValidationException(f"{SELECTION}: the pipeline has no step '{unknown_names[0]}'")
        if gap := _steps_between(definition, selected_names):
            message = f"step '{gap[0]}' is between selected steps; select it, too"
            raise ValidationException(f"{SELECTION}: {message}")
        needed_names = {need for name in selected_names for need in definition.steps[name].needs} - selected_names
        arn, records = request[SELECTION].get("SourcePipelineExecutionArn"), dict[str, StoredRecord]()
        if arn:
            source = self.find("StartPipelineExecution", {"PipelineExecutionArn": arn})
            if source["PipelineArn"].rpartition("/")[2] != request["PipelineName"].removeprefix(self.arn("")):
                raise ValidationException(f"{SELECTION}: '{arn}' is an execution of a different pipeline")
            if source["PipelineExecutionStatus"] in self.running_statuses:
                raise ValidationException(f"{SELECTION}: '{arn}' has not ended")
            records = StepRecords(self.store, self.key({"PipelineExecutionArn": arn})).by_name
            other_names = definition.parameters.keys() - {item["Name"] for item in parameters}
            old_values = {name: value for name, value in source.internal["Parameters"].items() if name in other_names}
            earlier_parameters = ({"Name": name, "Value": format_value(value)} for name, value in old_values.items())
            parameters = [*parameters, *earlier_parameters]
        values = parameter_values(definition.parameters, parameters)
        reused_records: dict[str, Record] = {}
        for name in sorted(needed_names, key=[*definition.steps].index):
            if name not in records or records[name]["StepStatus"] != "Succeeded":
                reason = "did not succeed in the source execution" if arn else "is needed by selected steps"
                fix = "select it, too" if arn else "select it, too, or specify a SourcePipelineExecutionArn"
                raise ValidationException(f"{SELECTION}: step '{name}' {reason}; {fix}")
            result = {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": arn}}
            members = {"Position": len(reused_records) + 1, "Properties": records[name].internal["Properties"]}
            reused_records[name] = records[name] | members | result
        return values, reused_records

    def _experiment_config(self, key: str, definition: PipelineDefinition) -> Record:
        execution = self.find("StartPipelineExecution", {"PipelineExecutionArn": self.arn(key)})
        context = StepContext(execution, self.platform.s3, {})
        return {
            name: format_value(parse(value, definition.scope()).evaluate(context))
            for name, value in definition.experiment.items()
        }

    def _add_trial(self, names: Record) -> None:
        """Create an execution's experiment and trial if they do not exist. Do nothing if the names are invalid."""
        shape, deadline = operation_model("CreateTrial").input_shape, time.thread_time() + PATTERN_SECONDS
        if value_problems(shape, names, "PipelineExperimentConfig", deadline):
            return
        for resource in (TrackedExperiments(self.platform), Trials(self.platform)):
            if self.store.get(resource.kind, resource.key(names)) is None:
                members = operation_model(f"Create{resource.kind}").input_shape.members
                resource.create({name: value for name, value in names.items() if name in members})

    def _retry(self, started_keys: list[str], read: ReadDefinition, request: Record) -> Record:
        execution = self.find("RetryPipelineExecution", request)
        status, key = execution["PipelineExecutionStatus"], self.key(request)
        if status not in ("Failed", "Stopped", "CompletedWithFailures"):
            message = f"The execution is in status {status}; only a failed or stopped execution can be retried"
            raise ValidationException(message)
        self._check_running_count("RetryPipelineExecution")
        self._reschedule_steps(StepRecords(self.store, key), read(self._definition_source(EXECUTED_DEFINITION, key)))
        members = {"PipelineExecutionStatus": "Executing", "FailureReason": None, "LastModifiedTime": now()}
        members |= {name: request[name] for name in CHANGEABLE_MEMBERS if name in request}
        self.store.update(self.kind, key, **members)
        started_keys.append(key)
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}

    def _reschedule_steps(self, records: StepRecords, definition: PipelineDefinition) -> None:
        steps_to_repeat = set[str]()
        for name, step in definition.steps.items():
            if name not in records.by_name:
                continue
            if not steps_to_repeat.isdisjoint(step.needs):
                steps_to_repeat.add(name)
                records.delete(name)
            elif records.by_name[name]["StepStatus"] != "Succeeded":
                steps_to_repeat.add(name)
                attempt = {"StepStatus": "Starting", "RetryAt": now(), "Retries": {}, "FirstFailed": None}
                records.put(name, Metadata=None, **attempt)

    def _check_running_count(self, operation: str) -> None:
        count = sum(record["PipelineExecutionStatus"] in self.running_statuses for record in self.store.all(self.kind))
        if count >= MAX_RUNNING_EXECUTIONS:
            message = f"At most {MAX_RUNNING_EXECUTIONS} executions can run at a time"
            raise self.error(operation, "ResourceLimitExceeded", message)


def _steps_between(definition: PipelineDefinition, selected_names: set[str]) -> list[str]:
    """Return the unselected steps on dependency paths from one selected step to another."""
    later_names, earlier_names = set[str](), set[str]()
    for name, step in definition.steps.items():  # each after the steps it needs
        if not (selected_names | later_names).isdisjoint(step.needs):
            later_names.add(name)
    for name in reversed(definition.steps):
        if name in selected_names | earlier_names:
            earlier_names.update(definition.steps[name].needs)
    return [name for name in definition.steps if name in (later_names & earlier_names) - selected_names]
