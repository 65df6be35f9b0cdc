"""A new kind of resource needs only one class and one line. It then works over HTTP, with lists and tags."""

import contextlib
import operator
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import botocore.exceptions
import pytest
from stagemaker_support.documented_tables import assert_documented

from stagemaker.compute.ineffective import ineffective_table
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import sagemaker_model
from stagemaker.resources import registry
from stagemaker.resources.model import UNSIMULATED_MEMBERS
from stagemaker.resources.pipeline_execution import PipelineExecutions
from stagemaker.resources.registry import EMPTY_KINDS, KINDS
from stagemaker.resources.resource import Filter, Resource
from stagemaker.resources.search import Searches
from stagemaker.resources.tags import Tags
from stagemaker.resources.training_job import TrainingJobs
from stagemaker.resources.tuning_job import TuningJobs
from stagemaker.server import Simulator
from stagemaker.state.records import Record, Store

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
MEMBERS = {
    "CreateModelInput": {
        "ModelName", "PrimaryContainer", "Containers", "InferenceExecutionConfig", "ExecutionRoleArn", "Tags",
        "VpcConfig", "EnableNetworkIsolation",
    },
    "ContainerDefinition": {
        "ContainerHostname", "Image", "Mode", "ModelDataUrl", "ModelDataSource", "ModelPackageName",
        "InferenceSpecificationName", "Environment", *UNSIMULATED_MEMBERS,
    },
    "CreateTransformJobRequest": {
        "TransformJobName", "ModelName", "MaxConcurrentTransforms", "ModelClientConfig", "MaxPayloadInMB",
        "BatchStrategy", "Environment", "TransformInput", "TransformOutput", "TransformResources", "DataProcessing",
        "Tags", "ExperimentConfig", "DataCaptureConfig",
    },
    "TransformOutput": {"S3OutputPath", "Accept", "AssembleWith", "KmsKeyId"},
    "TransformResources": {"InstanceType", "InstanceCount", "VolumeKmsKeyId", "TransformAmiVersion"},
    "DataCaptureConfig": {
        "EnableCapture", "InitialSamplingPercentage", "DestinationS3Uri", "CaptureOptions", "CaptureContentTypeHeader",
        "KmsKeyId",
    },
    "CreateModelPackageGroupInput": {
        "ModelPackageGroupName", "ModelPackageGroupDescription", "Tags", "ManagedConfiguration",
    },
}  # fmt: skip


class Experiments(Resource):
    """A kind of resource that the simulator does not have. Its resources have names, and its lists have filters."""

    kind = "Experiment"
    arn_type = "experiment"
    verbs = ("Describe", "List", "Delete")
    filters: ClassVar[dict[str, Filter]] = {
        "CreatedAfter": ("CreationTime", operator.gt),
        "CreatedBefore": ("CreationTime", operator.lt),
    }

    def CreateExperiment(self, request: Record) -> Record:
        return {"ExperimentArn": self.add(request)}


@pytest.fixture(scope="module")
def sagemaker() -> Iterator[Any]:
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "KINDS", (*KINDS, Experiments))
            simulator = stack.enter_context(Simulator(isolation="off"))
        yield simulator.client("sagemaker")


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**request)
    return f"{caught.value.response['Error']['Code']}: {caught.value}"


def test_a_new_kind_works_over_http(sagemaker: Any) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    arn = sagemaker.create_experiment(ExperimentName="one", DisplayName="shown", Tags=tags)["ExperimentArn"]
    assert arn == f"{ARN}experiment/one"
    assert "already existing experiment" in refusal(sagemaker.create_experiment, ExperimentName="one")
    described = sagemaker.describe_experiment(ExperimentName="one")
    assert (described["ExperimentArn"], described["DisplayName"]) == (arn, "shown")
    sagemaker.create_experiment(ExperimentName="two")
    listed = sagemaker.list_experiments(SortBy="Name", SortOrder="Descending", MaxResults=1)
    assert [item["ExperimentName"] for item in listed["ExperimentSummaries"]] == ["two"]
    created_later = sagemaker.list_experiments(CreatedAfter=described["CreationTime"])["ExperimentSummaries"]
    assert "two" in [item["ExperimentName"] for item in created_later]
    assert not sagemaker.list_experiments(CreatedBefore="2020-01-01")["ExperimentSummaries"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    sagemaker.delete_experiment(ExperimentName="one")
    assert "ResourceNotFound: " in refusal(sagemaker.describe_experiment, ExperimentName="one")
    assert "not found" in refusal(sagemaker.list_tags, ResourceArn=arn)
    sagemaker.create_experiment(ExperimentName="one")
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_an_unregistered_kind_is_unknown(client: Any) -> None:
    assert "NotImplemented" in refusal(client.sagemaker.describe_experiment, ExperimentName="one")
    assert "not found" in refusal(client.sagemaker.list_tags, ResourceArn=f"{ARN}experiment/one")


@pytest.mark.parametrize("kind", [TrainingJobs, TuningJobs, PipelineExecutions], ids=operator.attrgetter("kind"))
def test_a_job_that_has_ended_cannot_be_stopped(kind: type[Resource]) -> None:
    resource = kind(SimpleNamespace(store=Store()))
    resource.add({}, "one", **{f"{kind.kind}Status": "Stopped"})
    noun_phrase = re.sub("(?<!^)(?=[A-Z])", " ", kind.kind).lower()
    with pytest.raises(ServiceError, match=f"rejected because the {noun_phrase} is in status Stopped"):
        resource.handle(f"Stop{kind.kind}", {f"{kind.kind}Arn": resource.arn("one")})


def test_the_settings_without_effect_are_documented() -> None:
    assert_documented(ineffective_table())


def test_the_docs_list_every_supported_operation() -> None:
    assert_documented(operations_table())


def test_the_table_covers_every_operation_of_the_service() -> None:
    *rows, last_row = operations_table().splitlines()
    named_operations = set(re.findall(r"`(\w+)`", "".join(rows)))
    other_nouns = re.findall(r"`(\w+)`", last_row)
    assert len(other_nouns) < 100
    for operation in set(sagemaker_model().operation_names) - named_operations:
        assert any(noun.removesuffix("y") in operation for noun in other_nouns), operation
    assert not named_operations & set(other_nouns)


@pytest.mark.parametrize("shape", MEMBERS)
def test_a_new_member_of_a_request_is_noticed(shape: str) -> None:
    """The simulator refuses some members of these shapes and accepts all others; a new one requires a decision."""
    assert set(sagemaker_model().shape_for(shape).members) == MEMBERS[shape]


def test_every_operation_is_in_the_service_model_and_belongs_to_one_kind() -> None:
    names = [name for kind in KINDS for name in kind.operations()]
    assert len(names) == len(set(names))
    assert set(names) <= set(sagemaker_model().operation_names)


def operations_table() -> str:
    """Return the table in tools/stagemaker/docs/operations.md: one row per kind, and one for everything else."""
    rows = ["| resource | simulated | recorded only | not supported |", "|---|---|---|---|"]
    kinds: tuple[type[Resource], ...] = (*KINDS, Tags, Searches, *EMPTY_KINDS)
    other_operations = set(sagemaker_model().operation_names).difference(*(kind.operations() for kind in kinds))
    for kind in kinds:
        supported_operations = kind.operations()
        missing_operations = sorted(name for name in other_operations if _noun(name) == kind.kind)
        other_operations -= set(missing_operations)
        run, recorded = (supported_operations, []) if kind.runs else ([], supported_operations)
        cells = " | ".join(", ".join(f"`{name}`" for name in names) for names in (run, recorded, missing_operations))
        rows.append(f"| {kind.title or kind.arn_type.replace('-', ' ')}s | {cells} |")
    nouns = sorted({_noun(name) for name in other_operations})
    shortest_nouns = [noun for noun in nouns if not any(noun != other and noun.startswith(other) for other in nouns)]
    rows.append(f"| everything else |  |  | {', '.join(f'`{noun}`' for noun in shortest_nouns)} |")
    return "\n".join(rows)


def _noun(operation: str) -> str:
    """Return the singular form of the noun in an operation's name."""
    noun = re.sub("^(Batch)?[A-Z][a-z]+(?=[A-Z])", "", operation)
    if not operation.startswith("List"):
        return noun
    for plural, singular in (("ies", "y"), ("ases", "as"), ("s", "")):
        if noun.endswith(plural):
            return noun.removesuffix(plural) + singular
    return noun
