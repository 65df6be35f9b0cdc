"""Experiments: what programs record about their runs, and what is known about jobs with an ExperimentConfig.

An experiment has trials, with which trial components are associated: a run of version 2 of the SDK is one component.
"""

import math
import operator
from typing import Any, ClassVar

from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.resources.resource import Filter, Resource
from stagemaker.state.records import Record, StoredRecord, now
from stagemaker.text import parse_number

MAX_NAME_LENGTH = 120  # of a trial component
# of the names of jobs' components
SUFFIXES = {
    "TrainingJob": "-aws-training-job",
    "ProcessingJob": "-aws-processing-job",
    "TransformJob": "-aws-transform-job",
}
MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")


class Tracked(Resource):
    """A kind whose records are made and changed by their users alone, with the same five operations."""

    verbs = ("Create", "Describe", "List", "Update", "Delete")
    missing_text = "{title} '{arn}' does not exist"
    exists_text = "{title} '{name}' already exists"  # version 2 of the SDK searches for these words
    newest_first = True
    filters: ClassVar[dict[str, Filter]] = {
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
    }

    def handle(self, operation: str, request: Record) -> Any:
        own = {self.operation("Create"): self.create, self.operation("Update"): self.update}
        return own[operation](request) if operation in own else super().handle(operation, request)

    def create(self, request: Record) -> Record:
        name = request[f"{self.kind}Name"]
        return {f"{self.kind}Arn": self.add({"DisplayName": name} | request)}

    def update(self, request: Record) -> Record:
        record = self.find(self.operation("Update"), request)
        self.store.update(self.kind, self.key(request), **request, LastModifiedTime=now())
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
        """Return descriptions of what must be deleted, or disassociated, before a record."""
        return []

    def require(self, kind: str, name: str) -> StoredRecord:
        record = self.store.get(kind, name)
        if record is None:
            raise ServiceError("ResourceNotFound", f"{kind} '{name}' does not exist")
        return record


class Experiments(Tracked):
    kind = "Experiment"
    arn_type = "experiment"
    title = "experiment"

    def dependents(self, name: str) -> list[str]:
        trials = self.store.shared("Trial")
        return [f"the trial '{trial['TrialName']}'" for trial in trials if trial["ExperimentName"] == name]


class Trials(Tracked):
    kind = "Trial"
    arn_type = "experiment-trial"
    title = "trial"
    filters: ClassVar[dict[str, Filter]] = Tracked.filters | {
        "ExperimentName": ("ExperimentName", operator.eq),
        "TrialComponentName": ("Components", lambda names, name: name in names),
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

    def listed_value(self, record: Record, member: str) -> Any:
        if member != "Components":
            return super().listed_value(record, member)
        components = self.store.shared("TrialComponent")
        return [each["TrialComponentName"] for each in components if record["TrialName"] in each.internal["Trials"]]


class TrialComponents(Tracked):
    """The trial components. Their internal members:

    Trials: the names of those that a component is associated with. Metrics: the statistics of each metric, by name.
    """

    kind = "TrialComponent"
    arn_type = "experiment-trial-component"
    title = "trial component"
    filters: ClassVar[dict[str, Filter]] = Tracked.filters | {
        "TrialName": ("Trials", lambda names, name: name in names),
        "ExperimentName": ("Experiments", lambda names, name: name in names),
        "SourceArn": ("SourceArn", operator.eq),
    }

    def create(self, request: Record) -> Record:
        members = {"DisplayName": request["TrialComponentName"]} | request
        return {"TrialComponentArn": self.add(members, None, {"Trials": [], "Metrics": {}})}

    def update(self, request: Record) -> Record:
        def with_changes(record: StoredRecord) -> Record:
            for name in MAPS:
                removed = request.get(f"{name}ToRemove", ())
                kept = {key: value for key, value in record.get(name, {}).items() if key not in removed}
                record[name] = kept | request.get(name, {})
            members = {name: value for name, value in request.items() if not name.startswith(MAPS)}
            return record | members | {"LastModifiedTime": now()}

        arn: str = self.find("UpdateTrialComponent", request)["TrialComponentArn"]
        self.store.change(self.kind, self.key(request), with_changes)
        return {"TrialComponentArn": arn}

    def dependents(self, name: str) -> list[str]:
        record = self.store.get(self.kind, name)
        return [f"the trial '{trial}'" for trial in record.internal["Trials"]] if record else []

    def AssociateTrialComponent(self, request: Record) -> Record:
        return self._associate("AssociateTrialComponent", request, is_associated=True)

    def DisassociateTrialComponent(self, request: Record) -> Record:
        return self._associate("DisassociateTrialComponent", request, is_associated=False)

    def BatchPutMetrics(self, request: Record) -> Record:
        """Add values to the metrics of a component, an operation of the service SageMaker Metrics."""

        def with_values(record: StoredRecord) -> Record:
            for item in request["MetricData"]:
                metric = record.internal["Metrics"].setdefault(item["MetricName"], {"Values": [0, 0.0, 0.0]})
                value, (count, total, squares) = item["Value"], metric["Values"]
                metric["Values"] = [count + 1, total + value, squares + value * value]
                metric |= {"Last": value, "TimeStamp": item["Timestamp"]}
                metric |= {"Max": max(value, metric.get("Max", value)), "Min": min(value, metric.get("Min", value))}
            return record | {"LastModifiedTime": now()}

        try:
            self.store.change(self.kind, request["TrialComponentName"], with_values)
        except KeyError:
            raise ServiceError("ResourceNotFound", f"{request['TrialComponentName']} does not exist") from None
        return {"Errors": []}

    def describe_record(self, record: StoredRecord) -> Record:
        kind, members = record.internal.get("JobKind"), Record()
        if kind and (job := self.store.get(kind, record["Source"]["SourceArn"].rpartition("/")[2])):
            members = job_members(job, kind)
            members |= {name: members[name] | record[name] for name in MAPS if name in record}
        metrics = members.pop("Metrics", {}) | record.internal["Metrics"]
        source = record.get("Source", {}).get("SourceArn", record["TrialComponentArn"])
        trials = [(name, self.require("Trial", name)["ExperimentName"]) for name in record.internal["Trials"]]
        parents = [{"TrialName": trial, "ExperimentName": experiment} for trial, experiment in trials]
        summaries = [_summary(source, name, metric) for name, metric in metrics.items()]
        common = {"Metrics": summaries, "Parents": parents, "TrialComponentSource": record.get("Source")}
        return record | members | common

    def page(self, operation: str, request: Record) -> Record:
        response = super().page(operation, request)
        summaries = [self.describe_record(record) for record in response["TrialComponentSummaries"]]
        return response | {"TrialComponentSummaries": summaries}

    def add_of_job(self, request: Record, kind: str, arn: str) -> None:
        """Add the component of a job with an ExperimentConfig. Raises ServiceError if its trial does not exist."""
        config, name = request["ExperimentConfig"], request[f"{kind}Name"]
        for parent in ("Experiment", "Trial"):
            if f"{parent}Name" in config:
                self.require(parent, config[f"{parent}Name"])
        component = f"{name[: MAX_NAME_LENGTH - len(SUFFIXES[kind])]}{SUFFIXES[kind]}"
        members = {
            "TrialComponentName": component,
            "DisplayName": config.get("TrialComponentDisplayName", component),
            "Source": {"SourceArn": arn, "SourceType": f"SageMaker{kind}"},
        }
        trials = [config["TrialName"]] if "TrialName" in config else []
        self.add(members, None, {"Trials": trials, "Metrics": {}, "JobKind": kind})

    def listed_value(self, record: Record, member: str) -> Any:
        assert isinstance(record, StoredRecord)  # noqa: S101
        if member == "Trials":
            return record.internal["Trials"]
        if member == "Experiments":
            return [self.require("Trial", name)["ExperimentName"] for name in record.internal["Trials"]]
        if member == "SourceArn":
            return record.get("Source", {}).get("SourceArn")
        return super().listed_value(record, member)

    def _associate(self, operation: str, request: Record, is_associated: bool) -> Record:
        with self.store.transaction():
            component = self.find(operation, request)
            trial = self.require("Trial", request["TrialName"])
            others = [name for name in component.internal["Trials"] if name != request["TrialName"]]
            trials = [*others, request["TrialName"]] if is_associated else others
            self.store.update(self.kind, self.key(request), {"Trials": trials})
        return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}


def job_members(record: Record, kind: str) -> Record:
    """Return what the component of a job says about it. record: the job's. kind: its kind."""
    activity = kind.removesuffix("Job")
    metrics = {
        metric["MetricName"]: {"Values": [1, metric["Value"], metric["Value"] ** 2], "TimeStamp": metric["Timestamp"]}
        | dict.fromkeys(("Last", "Max", "Min"), metric["Value"])
        for metric in record.get("FinalMetricDataList") or []
    }
    artifacts = {}
    if "ModelArtifacts" in record:
        artifacts["SageMaker.ModelArtifact"] = record["ModelArtifacts"]["S3ModelArtifacts"]
    inputs = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in record.get("InputDataConfig", [])
    }
    return {
        "Status": {"PrimaryStatus": record[f"{kind}Status"], "Message": record.get("FailureReason")},
        "StartTime": record.get(f"{activity}StartTime"),
        "EndTime": record.get(f"{activity}EndTime"),
        "Parameters": {name: _parameter(value) for name, value in record.get("HyperParameters", {}).items()},
        "InputArtifacts": {name: {"Value": uri} for name, uri in inputs.items()},
        "OutputArtifacts": {name: {"Value": uri} for name, uri in artifacts.items()},
        "Metrics": metrics,
    }


def _parameter(text: str) -> Record:
    number = parse_number(text)
    return {"StringValue": text} if number is None else {"NumberValue": number}


def _summary(source: str, name: str, metric: Record) -> Record:
    count, total, squares = metric["Values"]
    mean = total / count
    deviation = math.sqrt(max(squares / count - mean**2, 0.0))
    return metric | {"MetricName": name, "SourceArn": source, "Count": count, "Avg": mean, "StdDev": deviation}
