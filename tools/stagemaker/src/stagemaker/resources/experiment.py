"""Experiments: records of the runs that programs log, and of jobs with an ExperimentConfig.

An experiment has trials, with which trial components are associated. Version 2 of the SDK logs a run as one component.
"""

import itertools
import math
import operator
from typing import Any, ClassVar

from stagemaker.compute.logs.metrics import add_value
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.resources.resource import Filter, Resource
from stagemaker.state.records import Record, StoredRecord, now
from stagemaker.text import parse_number

# of the names of job components
SUFFIXES = {
    "TrainingJob": "-aws-training-job",
    "ProcessingJob": "-aws-processing-job",
    "TransformJob": "-aws-transform-job",
}
MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")


class Tracked(Resource):
    """Base class of the kinds that share the operations Create, Describe, List, Update and Delete.

    Names are case-insensitive, so keys are in lower case.
    """

    verbs = ("Create", "Describe", "List", "Update", "Delete")
    missing_message = "{title} '{arn}' does not exist"
    exists_message = "{title} '{name}' already exists"  # version 2 of the SDK searches for this message
    newest_first = True
    new_internal: ClassVar[Record] = {}  # the internal members of a new record
    filters: ClassVar[dict[str, Filter]] = {
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
    }

    @classmethod
    def key(cls, request: Record) -> str:
        return super().key(request).lower()

    def handle(self, operation: str, request: Record) -> Any:
        handlers = {self.operation("Create"): self.create, self.operation("Update"): self.update}
        return handlers[operation](request) if operation in handlers else super().handle(operation, request)

    def create(self, request: Record) -> Record:
        name = request[f"{self.kind}Name"]
        return {f"{self.kind}Arn": self.add({"DisplayName": name} | request, None, self.new_internal)}

    def update(self, request: Record) -> Record:
        record = self.find(self.operation("Update"), request)
        members = {name: value for name, value in request.items() if name != f"{self.kind}Name"}
        self.store.update(self.kind, self.key(request), **members, LastModifiedTime=now())
        return {f"{self.kind}Arn": record[f"{self.kind}Arn"]}

    def delete(self, operation: str, request: Record) -> Record:
        with self.store.transaction():
            record = self.find(operation, request)
            if dependents := self.dependents(self.key(request)):
                message = f"{self.title} '{self.key(request)}' cannot be deleted: it has {dependents[0]}"
                raise ValidationException(message)
            super().delete(operation, request)
        return {f"{self.kind}Arn": record[f"{self.kind}Arn"]}

    def dependents(self, name: str) -> list[str]:
        """Return labels of the resources that must be deleted or disassociated before a record can be deleted."""
        return []

    def require(self, kind: str, name: str) -> StoredRecord:
        """Return the record with this name and kind. Raises ServiceError if it does not exist."""
        record = self.store.get(kind, name.lower())
        if record is None:
            raise ServiceError("ResourceNotFound", f"{kind} '{name}' does not exist")
        return record


class TrackedExperiments(Tracked):
    kind = "Experiment"
    arn_type = "experiment"
    title = "experiment"

    def dependents(self, name: str) -> list[str]:
        trials = self.store.shared("Trial")
        return [f"the trial '{trial['TrialName']}'" for trial in trials if trial["ExperimentName"].lower() == name]


class Trials(Tracked):
    kind = "Trial"
    arn_type = "experiment-trial"
    title = "trial"
    filters: ClassVar[dict[str, Filter]] = Tracked.filters | {
        "ExperimentName": ("ExperimentName", lambda experiment, name: experiment.lower() == name.lower())
    }

    def create(self, request: Record) -> Record:
        self.require("Experiment", request["ExperimentName"])
        return super().create(request)

    def dependents(self, name: str) -> list[str]:
        components = self.store.shared("TrialComponent")
        return [
            f"the trial component '{component['TrialComponentName']}'"
            for component in components
            if name in component.internal["Trials"]
        ]

    def matching_records(self, operation: str, request: Record) -> list[StoredRecord]:
        other_members = {name: value for name, value in request.items() if name != "TrialComponentName"}
        records = super().matching_records(operation, other_members)
        if "TrialComponentName" not in request:
            return records
        component = self.store.get("TrialComponent", request["TrialComponentName"].lower())
        keys = component.internal["Trials"] if component else []
        return [record for record in records if self.key(record) in keys]


class TrialComponents(Tracked):
    """The trial components. Their internal members:

    Trials: the keys of the trials with which a component is associated. Metrics: the statistics of each metric, by
    name. JobKind: the kind of the job from which the component's state is still read, or None.
    """

    kind = "TrialComponent"
    arn_type = "experiment-trial-component"
    title = "trial component"
    new_internal: ClassVar[Record] = {"Trials": [], "Metrics": {}}
    filters: ClassVar[dict[str, Filter]] = Tracked.filters | {
        "TrialName": ("Trials", lambda keys, name: name.lower() in keys),
        "ExperimentName": ("Experiments", lambda keys, name: name.lower() in keys),
        "SourceArn": ("SourceArn", operator.eq),
    }

    def update(self, request: Record) -> Record:
        def apply_changes(record: StoredRecord) -> Record:
            for name in MAPS:
                removed_keys = request.get(f"{name}ToRemove", ())
                remaining = {key: value for key, value in record.get(name, {}).items() if key not in removed_keys}
                record[name] = remaining | request.get(name, {})
            members = {name: request[name] for name in request if not name.startswith((*MAPS, "TrialComponentName"))}
            return record | members | {"LastModifiedTime": now()}

        arn: str = self.find("UpdateTrialComponent", request)["TrialComponentArn"]
        with self.store.transaction():
            self.keep(self.key(request))
            self.store.change(self.kind, self.key(request), apply_changes)
        return {"TrialComponentArn": arn}

    def dependents(self, name: str) -> list[str]:
        record = self.store.get(self.kind, name)
        return [f"the trial '{trial}'" for trial in record.internal["Trials"]] if record else []

    def AssociateTrialComponent(self, request: Record) -> Record:
        return self._associate("AssociateTrialComponent", request, is_associated=True)

    def DisassociateTrialComponent(self, request: Record) -> Record:
        return self._associate("DisassociateTrialComponent", request, is_associated=False)

    def BatchPutMetrics(self, request: Record) -> Record:
        """Add values to the metrics of a component. This operation is part of the separate SageMaker Metrics API."""

        def with_values(record: StoredRecord) -> Record:
            metrics = record.internal["Metrics"]
            for item in request["MetricData"]:
                name = item["MetricName"]
                metrics[name] = add_value(metrics.get(name, {}), item["Value"], item["Timestamp"])
            return record | {"LastModifiedTime": now()}

        try:
            self.store.change(self.kind, self.key(request), with_values)
        except KeyError:
            raise ServiceError("ResourceNotFound", f"{request['TrialComponentName']} does not exist") from None
        return {"Errors": []}

    def describe_record(self, record: StoredRecord) -> Record:
        record = self._add_job(record)
        source = record.get("Source", {}).get("SourceArn", record["TrialComponentArn"])
        trials = [self.require("Trial", key) for key in record.internal["Trials"]]
        parents = [{name: trial[name] for name in ("TrialName", "ExperimentName")} for trial in trials]
        summaries = [_summary(source, name, metric) for name, metric in record.internal["Metrics"].items()]
        return record | {"Metrics": summaries, "Parents": parents, "TrialComponentSource": record.get("Source")}

    def _add_job(self, record: StoredRecord) -> StoredRecord:
        kind: str = record.internal.get("JobKind") or ""
        job = kind and self.store.get(kind, record["Source"]["SourceArn"].rpartition("/")[2])
        if not job:
            return record
        members = job_members(job, kind)
        members |= {name: members[name] | record[name] for name in MAPS if name in record}
        metrics = job.internal.get("Metrics", {}) | record.internal["Metrics"]
        return StoredRecord(record | members, record.internal | {"Metrics": metrics}, record.revision)

    def keep(self, key: str) -> None:
        """If a component's job has ended, copy the job's state to the component, which can then be changed."""

        def add_job(record: StoredRecord) -> Record:
            new_record = self._add_job(record)
            if new_record.get("Status", {}).get("PrimaryStatus") not in ("InProgress", "Stopping"):
                record.internal |= new_record.internal | {"JobKind": None}
                return new_record
            return record

        if self.store.get(self.kind, key):  # the user may have deleted it
            self.store.change(self.kind, key, add_job)

    def page(self, operation: str, request: Record) -> Record:
        response = super().page(operation, request)
        summaries = [self.describe_record(record) for record in response["TrialComponentSummaries"]]
        return response | {"TrialComponentSummaries": summaries}

    def add_job_component(self, request: Record, kind: str, arn: str) -> str:
        """Add a trial component for a job with an ExperimentConfig, and return the component's key.

        With an ExperimentName but no TrialName, the component gets its own trial. Raises ServiceError if the experiment
        or trial does not exist, or if they do not match.
        """
        config = request["ExperimentConfig"]
        name = f"{request[f'{kind}Name']}{SUFFIXES[kind]}"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        kinds = (self.kind, "Trial")
        component = next(name for name in names if not any(self.store.get(kind, name.lower()) for kind in kinds))
        trial_name, trials = config.get("TrialName"), []
        if "ExperimentName" in config:
            experiment = self.require("Experiment", config["ExperimentName"])["ExperimentName"]
            if trial_name is None:
                trial_name = component
                Trials(self.platform).create({"TrialName": component, "ExperimentName": experiment})
        if trial_name:
            trial = self.require("Trial", trial_name)
            owner, requested = trial["ExperimentName"], config.get("ExperimentName", trial["ExperimentName"])
            if owner.lower() != requested.lower():
                message = f"the trial '{trial['TrialName']}' belongs to the experiment '{owner}', not '{requested}'"
                raise ValidationException(f"ExperimentConfig: {message}")
            trials = [trial["TrialName"].lower()]
        members = {
            "TrialComponentName": component,
            "DisplayName": config.get("TrialComponentDisplayName", component),
            "Source": {"SourceArn": arn, "SourceType": f"SageMaker{kind}"},
        }
        self.add(members, None, self.new_internal | {"Trials": trials, "JobKind": kind})
        return component.lower()

    def listed_value(self, record: Record, member: str) -> Any:
        assert isinstance(record, StoredRecord)  # noqa: S101
        if member == "Trials":
            return record.internal["Trials"]
        if member == "Experiments":
            return [self.require("Trial", key)["ExperimentName"].lower() for key in record.internal["Trials"]]
        if member == "SourceArn":
            return record.get("Source", {}).get("SourceArn")
        return super().listed_value(record, member)

    def _associate(self, operation: str, request: Record, is_associated: bool) -> Record:
        with self.store.transaction():
            component = self.find(operation, request)
            trial = self.require("Trial", request["TrialName"])
            key = trial["TrialName"].lower()
            other_members = [each for each in component.internal["Trials"] if each != key]
            trials = [*other_members, key] if is_associated else other_members
            self.store.update(self.kind, self.key(request), {"Trials": trials})
        return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}


def job_members(record: Record, kind: str) -> Record:
    """Return the members of a job's trial component. record: the job's record. kind: the job's kind."""
    activity = kind.removesuffix("Job")
    inputs, outputs = {}, {}
    for channel in record.get("InputDataConfig", []):
        media = {"MediaType": channel["ContentType"]} if "ContentType" in channel else {}
        inputs[channel["ChannelName"]] = {"Value": channel["DataSource"]["S3DataSource"]["S3Uri"]} | media
    for item in record.get("ProcessingInputs", []):
        inputs[item["InputName"]] = {"Value": item["S3Input"]["S3Uri"]}
    for item in record.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" in item:
            outputs[item["OutputName"]] = {"Value": item["S3Output"]["S3Uri"]}
    if "ModelArtifacts" in record:
        outputs["SageMaker.ModelArtifact"] = {"Value": record["ModelArtifacts"]["S3ModelArtifacts"]}
    return {
        "Status": {"PrimaryStatus": record[f"{kind}Status"], "Message": record.get("FailureReason")},
        "StartTime": record.get(f"{activity}StartTime"),
        "EndTime": record.get(f"{activity}EndTime"),
        "Parameters": {name: _parameter(value) for name, value in record.get("HyperParameters", {}).items()},
        "InputArtifacts": inputs,
        "OutputArtifacts": outputs,
    }


def _parameter(value: str) -> Record:
    number = parse_number(value)
    return {"StringValue": value} if number is None else {"NumberValue": number}


def _summary(source: str, name: str, metric: Record) -> Record:
    count, mean, squares = metric["Moments"]
    members = {"MetricName": name, "SourceArn": source, "Count": count, "Avg": mean}
    return metric | members | {"StdDev": math.sqrt(max(squares / count, 0.0))}
