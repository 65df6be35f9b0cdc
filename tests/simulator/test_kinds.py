"""A new kind of resource is one class and one line: it is answered over HTTP, with lists, tags and identity by ARN."""

import contextlib
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import botocore.exceptions
import pytest

from recore.simulator.api.service_model import sagemaker_model
from recore.simulator.resources import registry
from recore.simulator.resources.registry import KINDS, operations_table
from recore.simulator.resources.resource import Filter, Resource
from recore.simulator.server import Simulator
from recore.simulator.state.records import Record

DOCS = Path(__file__).parents[2] / "docs/simulator.md"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


class Experiments(Resource):
    """Of a name, with filters of its own."""

    kind = "Experiment"
    arn_type = "experiment"
    verbs = ("Describe", "List", "Delete")
    filters: ClassVar[dict[str, Filter]] = {
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
    }

    def CreateExperiment(self, request: Record) -> Record:
        return {"ExperimentArn": self.add(request)}


class Versions(Resource):
    """Of a group and a version, found by ARN."""

    kind = "ModelPackage"
    arn_type = "model-package"
    verbs = ("Describe", "List", "Delete")
    filters: ClassVar[dict[str, Filter]] = {"ModelPackageGroupName": ("ModelPackageGroupName", operator.eq)}

    def CreateModelPackage(self, request: Record) -> Record:
        group = request["ModelPackageGroupName"]
        version = 1 + sum(record["ModelPackageGroupName"] == group for record in self.store.all(self.kind))
        members = {"ModelPackageVersion": version, "ModelPackageStatus": "Completed"}
        return {"ModelPackageArn": self.add(request, f"{group}/{version}", **members)}


class Executions(Resource):
    """Of an ARN alone, below that of another kind; they can be stopped."""

    kind = "PipelineExecution"
    arn_type = "pipeline"
    verbs = ("Describe", "List", "Stop")
    filters: ClassVar[dict[str, Filter]] = {"PipelineName": ("PipelineName", operator.eq)}
    orders: ClassVar[dict[str, str]] = {"PipelineExecutionArn": "PipelineExecutionArn"}
    runs = True

    def StartPipelineExecution(self, request: Record) -> Record:
        key = f"{request['PipelineName']}/execution/{len(self.store.all(self.kind)):012}"
        return {"PipelineExecutionArn": self.add(request, key, PipelineExecutionStatus="Executing")}

    def stop(self, operation: str, request: Record) -> Record:
        execution = self.find(operation, request)
        self.store.update(self.kind, self.key(request), PipelineExecutionStatus="Stopped")
        return {"PipelineExecutionArn": execution["PipelineExecutionArn"]}


@pytest.fixture(scope="module")
def sagemaker() -> Iterator[Any]:
    with contextlib.ExitStack() as ends:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "KINDS", (*KINDS, Experiments, Versions, Executions))
            simulator = ends.enter_context(Simulator(isolation="off"))
        yield simulator.client("sagemaker")


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**request)
    return f"{caught.value.response['Error']['Code']}: {caught.value}"


def test_a_kind_of_a_name(sagemaker: Any) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    arn = sagemaker.create_experiment(ExperimentName="one", DisplayName="shown", Tags=tags)["ExperimentArn"]
    assert arn == f"{ARN}experiment/one"
    assert "already exists" in refusal(sagemaker.create_experiment, ExperimentName="one")
    described = sagemaker.describe_experiment(ExperimentName="one")
    assert (described["ExperimentArn"], described["DisplayName"]) == (arn, "shown")
    sagemaker.create_experiment(ExperimentName="two")
    listed = sagemaker.list_experiments(SortBy="Name", SortOrder="Descending", MaxResults=1)
    assert [item["ExperimentName"] for item in listed["ExperimentSummaries"]] == ["two"]
    later = sagemaker.list_experiments(CreatedAfter=described["CreationTime"])["ExperimentSummaries"]
    assert "two" in [item["ExperimentName"] for item in later]
    assert not sagemaker.list_experiments(CreatedBefore="2020-01-01")["ExperimentSummaries"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    sagemaker.delete_experiment(ExperimentName="one")
    assert "ResourceNotFound: " in refusal(sagemaker.describe_experiment, ExperimentName="one")
    assert "not found" in refusal(sagemaker.list_tags, ResourceArn=arn)
    sagemaker.create_experiment(ExperimentName="one")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_a_kind_of_versions(sagemaker: Any) -> None:
    for group in ("g", "g", "h"):
        arn = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    assert arn == f"{ARN}model-package/h/1"
    for name in (f"{ARN}model-package/g/2", "g/2"):
        assert sagemaker.describe_model_package(ModelPackageName=name)["ModelPackageVersion"] == 2
    listed = sagemaker.list_model_packages(ModelPackageGroupName="g")["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in listed] == [1, 2]
    message = refusal(sagemaker.list_model_packages, ModelApprovalStatus="Approved")
    assert message.startswith("ValidationException")
    assert "ListModelPackages does not filter by ModelApprovalStatus here" in message
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    sagemaker.delete_model_package(ModelPackageName=arn)
    elsewhere = arn.replace("us-east-1", "eu-west-1")
    for name in (arn, elsewhere, f"{ARN}model-package/g/3", "g"):
        assert "Could not find model package" in refusal(sagemaker.describe_model_package, ModelPackageName=name)
    assert f"'{elsewhere}'" in refusal(sagemaker.describe_model_package, ModelPackageName=elsewhere)


def test_a_kind_of_an_arn_alone(sagemaker: Any) -> None:
    start = sagemaker.start_pipeline_execution
    arns = [start(PipelineName=name)["PipelineExecutionArn"] for name in ("p", "p", "other")]
    assert arns[0].startswith(f"{ARN}pipeline/p/execution/")
    assert sagemaker.stop_pipeline_execution(PipelineExecutionArn=arns[1])["PipelineExecutionArn"] == arns[1]
    described = [sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn) for arn in arns]
    assert [item["PipelineExecutionStatus"] for item in described] == ["Executing", "Stopped", "Executing"]
    listed = sagemaker.list_pipeline_executions(PipelineName="p", SortBy="PipelineExecutionArn")
    assert [item["PipelineExecutionArn"] for item in listed["PipelineExecutionSummaries"]] == arns[:2]
    sagemaker.add_tags(ResourceArn=arns[0], Tags=[{"Key": "a", "Value": "b"}])
    assert len(sagemaker.list_tags(ResourceArn=arns[0])["Tags"]) == 1
    missing = f"{ARN}pipeline/p/execution/nothing"
    assert "ResourceNotFound: " in refusal(sagemaker.describe_pipeline_execution, PipelineExecutionArn=missing)


def test_a_kind_without_a_line_is_not_there(client: Any) -> None:
    assert "NotImplemented" in refusal(client.sagemaker.describe_experiment, ExperimentName="one")
    assert "not found" in refusal(client.sagemaker.list_tags, ResourceArn=f"{ARN}experiment/one")


def test_the_docs_name_every_operation_that_is_answered() -> None:
    assert operations_table() in DOCS.read_text(), f"docs/simulator.md is stale; its table is\n{operations_table()}"


def test_the_table_has_every_operation_of_the_service() -> None:
    *rows, rest = operations_table().splitlines()
    named = set(re.findall(r"`(\w+)`", "".join(rows)))
    others = re.findall(r"`(\w+)`", rest)
    assert len(others) < 100
    for operation in set(sagemaker_model().operation_names) - named:
        assert any(noun.removesuffix("y") in operation for noun in others), operation
    assert not named & set(others)


def test_every_operation_is_in_the_service_model_and_of_one_kind() -> None:
    names = [name for kind in KINDS for name in kind.operations()]
    assert len(names) == len(set(names))
    assert set(names) <= set(sagemaker_model().operation_names)
