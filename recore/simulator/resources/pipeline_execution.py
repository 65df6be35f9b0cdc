"""Executions of pipelines: started, stopped, retried, described with their steps, and resumed after a restart."""

import contextlib
import operator
import secrets
import string
from collections.abc import Callable
from functools import cache, partial
from typing import ClassVar

from recore.simulator.orchestration.pipelines.definitions.context import StepContext
from recore.simulator.orchestration.pipelines.definitions.definition import PipelineDefinition, read_definition
from recore.simulator.orchestration.pipelines.definitions.expressions import parse
from recore.simulator.orchestration.pipelines.definitions.parameters import as_text, parameter_values
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError
from recore.simulator.orchestration.pipelines.executions.execution_records import (
    DEFINITION,
    EXECUTED_DEFINITION,
    StepRecords,
)
from recore.simulator.orchestration.pipelines.executions.execution_work import ExecutionWork
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.client_token import once
from recore.simulator.resources.paging import Position, page
from recore.simulator.resources.pipeline import Pipelines
from recore.simulator.resources.resource import Filter, Resource, refuse_others
from recore.simulator.state.records import Record, now

DESCRIBED = {"PipelineExecutionDisplayName", "PipelineExecutionDescription", "ParallelismConfiguration"}
STARTED = DESCRIBED | {"PipelineName", "PipelineParameters", "ClientRequestToken", "RoleArn"}
MOST_RUNNING = 200
ID_LENGTH, ALPHABET = 12, string.ascii_lowercase + string.digits
Read = Callable[[str], PipelineDefinition]
Act = Callable[[list[str], Read, Record], Record]  # adds the keys of the executions to run to the list


class PipelineExecutions(Resource):
    """Executions. A key is the pipeline's key and an ID. An execution keeps the definition that it was started with."""

    kind = "PipelineExecution"
    arn_type = "pipeline"
    title = "pipeline execution"
    verbs = ("Describe",)
    newest_first = True
    runs = True
    work = ExecutionWork
    running = ("Executing", "Stopping")
    filters: ClassVar[dict[str, Filter]] = {
        "PipelineName": ("PipelineArn", operator.eq),
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
    }
    orders: ClassVar[dict[str, str]] = {"PipelineExecutionArn": "PipelineExecutionArn"}

    def StartPipelineExecution(self, request: Record) -> Record:
        refuse_others(request, STARTED, "StartPipelineExecution")
        name = request["PipelineName"].removeprefix(self.arn(""))
        return self._run("StartPipelineExecution", request, self.store.get(DEFINITION, name), self._start)

    def StopPipelineExecution(self, request: Record) -> Record:
        return once(self, "StopPipelineExecution", request, partial(self.stop, "StopPipelineExecution"))

    def stop(self, operation: str, request: Record) -> Record:
        return super().stop(operation, request) | {"PipelineExecutionArn": self.arn(self.key(request))}

    def RetryPipelineExecution(self, request: Record) -> Record:
        return self._run(
            "RetryPipelineExecution", request, self.store.get(EXECUTED_DEFINITION, self.key(request)), self._retry
        )

    def _run(self, operation: str, request: Record, text: Record | None, act: Act) -> Record:
        """Carry out a request that starts executions. text: the definition's record.

        A large definition takes seconds to read, and in a transaction it would block other changes for as long. It is
        therefore read before the transaction, and read again only if it has changed by then.
        """
        read, started = cache(read_definition), list[str]()
        if text is not None:
            with contextlib.suppress(DefinitionError):
                read(text[DEFINITION])
        answer = once(self, operation, request, partial(act, started, read))
        for key in started:
            self.begin_work(key)
        return answer

    def UpdatePipelineExecution(self, request: Record) -> Record:
        with self.store.transaction():
            execution = self.find("UpdatePipelineExecution", request)
            members = {name: request[name] for name in DESCRIBED if name in request}
            self.store.update(self.kind, self.key(request), LastModifiedTime=now(), **members)
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}

    def DescribePipelineDefinitionForExecution(self, request: Record) -> Record:
        with self.store.transaction():
            execution = self.find("DescribePipelineDefinitionForExecution", request)
            definition: Record = self.store.get(EXECUTED_DEFINITION, self.key(request)) or {}
        return {"CreationTime": execution["CreationTime"]} | definition

    def ListPipelineExecutions(self, request: Record) -> Record:
        pipeline = Pipelines(self.platform).find("ListPipelineExecutions", request)
        answer = self.page("ListPipelineExecutions", request | {"PipelineName": pipeline["PipelineArn"]})
        for record in answer["PipelineExecutionSummaries"]:
            record["StartTime"] = record["CreationTime"]
            record["PipelineExecutionFailureReason"] = record.get("FailureReason")
        return answer

    def ListPipelineExecutionSteps(self, request: Record) -> Record:
        if "PipelineExecutionArn" not in request:
            raise ServiceError("ValidationException", "ListPipelineExecutionSteps: PipelineExecutionArn is missing")
        self.find("ListPipelineExecutionSteps", request)
        records: list[tuple[Position, Record]] = [
            ((f"{record.internal['Position']:06}", name), record)
            for name, record in StepRecords(self.store, self.key(request)).by_name.items()
        ]
        descending = request.get("SortOrder", "Descending") == "Descending"
        return page(request, "PipelineExecutionSteps", records, descending)

    def ListPipelineParametersForExecution(self, request: Record) -> Record:
        execution = self.find("ListPipelineParametersForExecution", request)
        values = enumerate(execution.internal["Parameters"].items())
        placed = [((f"{number:06}", name), {"Name": name, "Value": as_text(value)}) for number, (name, value) in values]
        return page(request, "PipelineParameters", placed, descending=False)

    def _start(self, started: list[str], read: Read, request: Record) -> Record:
        """Add the execution that a request asks for."""
        pipeline = Pipelines(self.platform).find("StartPipelineExecution", request)
        name = pipeline["PipelineName"]
        self._check_number("StartPipelineExecution")
        definition_record: Record = self.store.get(DEFINITION, name) or {}
        text = definition_record[DEFINITION]
        definition = read(text)
        values = parameter_values(definition.parameters, request.get("PipelineParameters", []))
        key = f"{name}/execution/{''.join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))}"
        members = {member: request[member] for member in (*DESCRIBED, "RoleArn") if member in request}
        for member in ("RoleArn", "ParallelismConfiguration"):
            if member in pipeline:
                members.setdefault(member, pipeline[member])
        members |= {"PipelineArn": pipeline["PipelineArn"], "CreatedBy": {}, "LastModifiedBy": {}}
        arn = self.add(members, key, {"Parameters": values}, PipelineExecutionStatus="Executing")
        if definition.experiment:
            self.store.update(self.kind, key, PipelineExperimentConfig=self._experiment(key, definition))
        self.store.add(EXECUTED_DEFINITION, key, {DEFINITION: text})
        self.store.update("Pipeline", name, LastRunTime=now(), LastExecutionTime=now())
        started.append(key)
        return {"PipelineExecutionArn": arn}

    def _experiment(self, key: str, definition: PipelineDefinition) -> Record:
        """Return the names of a new execution's experiment and trial."""
        execution = self.find("StartPipelineExecution", {"PipelineExecutionArn": self.arn(key)})
        context = StepContext(execution, self.platform.s3, {})
        return {
            name: as_text(parse(value, definition.scope()).evaluate(context))
            for name, value in definition.experiment.items()
        }

    def _retry(self, started: list[str], read: Read, request: Record) -> Record:
        """Run an execution's failed and stopped steps again, and the steps that ran because of how those ended."""
        execution = self.find("RetryPipelineExecution", request)
        status, key = execution["PipelineExecutionStatus"], self.key(request)
        if status not in ("Failed", "Stopped", "CompletedWithFailures"):
            message = f"The execution is in status {status}: only a failed or stopped execution can be retried"
            raise ServiceError("ValidationException", message)
        self._check_number("RetryPipelineExecution")
        executed: Record = self.store.get(EXECUTED_DEFINITION, key) or {}
        text = executed[DEFINITION]
        self._run_again(StepRecords(self.store, key), read(text))
        members = {"PipelineExecutionStatus": "Executing", "FailureReason": None, "LastModifiedTime": now()}
        members |= {name: request[name] for name in DESCRIBED if name in request}
        self.store.update(self.kind, key, **members)
        started.append(key)
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}

    def _run_again(self, records: StepRecords, definition: PipelineDefinition) -> None:
        """Schedule another attempt for steps that have not succeeded; delete the records of steps that need them."""
        again = set[str]()
        for name, step in definition.steps.items():
            if name not in records.by_name:
                continue
            if not again.isdisjoint(step.needs):
                again.add(name)
                records.delete(name)
            elif records.by_name[name]["StepStatus"] != "Succeeded":
                again.add(name)
                attempt = {"StepStatus": "Starting", "RetryAt": now(), "Retries": {}, "FirstFailed": None}
                records.put(name, Metadata=None, **attempt)

    def _check_number(self, operation: str) -> None:
        count = sum(record["PipelineExecutionStatus"] in self.running for record in self.store.all(self.kind))
        if count >= MOST_RUNNING:
            message = f"At most {MOST_RUNNING} executions can run at a time"
            raise self.error(operation, "ResourceLimitExceeded", message)
