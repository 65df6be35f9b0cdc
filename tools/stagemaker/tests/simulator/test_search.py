"""Search: filters by type and operator, nested filters, expressions, sort order and pages, through boto3."""

import datetime
from typing import Any

import botocore.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.model_packages import Packages
from stagemaker_support.pipelines import Pipelines, model
from stagemaker_support.simulator_client import Client, numbers

from stagemaker.resources.paging import sort_key
from stagemaker.server import BUCKET, Simulator

SCORES = ("-2.5", "0.5", "0.5", "10")
METRIC_SCRIPT = 'print("loss={value}")'


@pytest.fixture(scope="module")
def packages() -> Any:
    """Return the packages of a separate simulator, because a search finds all resources."""
    with Simulator(isolation="off") as simulator:
        yield Packages(Client(simulator))


@pytest.fixture(scope="module")
def versions(packages: Packages) -> list[str]:
    """Create eleven versions, the first four with scores, and one in another group; return the ARNs of the eleven."""
    group = packages.group()
    arns = []
    for number in range(11):
        properties = {"score": SCORES[number], "a.b": f"v{number}"} if number < len(SCORES) else {"other": "x"}
        containers = [{"Image": f"image-{number}", "Environment": {"NUMBER": str(number)}}, {"Image": "last"}]
        specification = {"Containers": containers, "SupportedContentTypes": ["text/csv", f"text/{number}"]}
        arns.append(
            packages.version(group, CustomerMetadataProperties=properties, InferenceSpecification=specification)
        )
    packages.approve(arns[1], ApprovalDescription="good")
    packages.version(packages.group())
    return arns


@pytest.fixture(scope="module")
def jobs(packages: Packages) -> list[str]:
    """Return the names of three training jobs with the rates 0.1, 0.7 and 3. Their losses are 1.5, -1 and undefined."""
    client, names = packages.client, []
    for rate, script in (
        ("0.1", METRIC_SCRIPT.format(value=1.5)),
        ("0.7", METRIC_SCRIPT.format(value=-1)),
        ("3", "print()"),
    ):
        algorithm = {
            "TrainingImage": client.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        }
        channels = [
            {"ChannelName": channel, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
            for channel, uri in (("train", f"s3://{BUCKET}/train-{rate}"), ("test", f"s3://{BUCKET}/test"))
        ]
        for channel in channels:
            client.put(channel["DataSource"]["S3DataSource"]["S3Uri"].removeprefix(f"s3://{BUCKET}/"), "x")
        job = client.train(
            script,
            AlgorithmSpecification=algorithm,
            HyperParameters={"rate": rate, "name": "ridge"},
            InputDataConfig=channels,
            Tags=[{"Key": "team.name", "Value": f"team-{rate}"}],
        )
        assert job["TrainingJobStatus"] == "Completed", job
        names.append(job["TrainingJobName"])
    return names


def search(packages: Packages, resource: str = "ModelPackage", *filters: Any, **request: Any) -> list[str]:
    """Return the ARNs or names of all results, read in pages of 3. The filters are arguments of `condition`."""
    conditions = [condition(*item) for item in filters]
    if conditions:
        request["SearchExpression"] = {"Filters": conditions}
    pages = list(packages.sagemaker.get_paginator("search").paginate(Resource=resource, MaxResults=3, **request))
    results = [result[resource] for page in pages for result in page["Results"]]
    assert all(page["TotalHits"] == {"Value": len(results), "Relation": "EqualTo"} for page in pages)
    return [item.get("TrainingJobName") or item[f"{resource}Arn"] for item in results]


def condition(name: str, operator: str | None = None, value: str | None = None) -> dict[str, str]:
    members = {"Name": name, "Operator": operator, "Value": value}
    return {key: member for key, member in members.items() if member is not None}


def refusal(packages: Packages, **request: Any) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        packages.sagemaker.search(**request)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return str(caught.value)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("ModelPackageVersion", "Equals", "3")], [3]),
        ([("ModelPackageVersion", None, "3.0")], [3]),
        ([("ModelPackageVersion", "NotEquals", "3")], [1, 2, *range(4, 12)]),
        ([("ModelPackageVersion", "GreaterThan", "9")], [10, 11]),
        ([("ModelPackageVersion", "GreaterThanOrEqualTo", "9"), ("ModelPackageVersion", "LessThan", "11")], [9, 10]),
        ([("ModelPackageVersion", "LessThanOrEqualTo", "1.5")], [1]),
        ([("ModelApprovalStatus", "Equals", "Approved")], [2]),
        ([("ModelApprovalStatus", "In", "Rejected,Approved")], [2]),
        ([("ApprovalDescription", "Exists")], [2]),
        ([("ApprovalDescription", "NotEquals", "good"), ("ModelPackageVersion", "LessThan", "4")], [1, 3]),
        ([("CustomerMetadataProperties.score", "Equals", "0.5")], [2, 3]),
        ([("CustomerMetadataProperties.score", "NotExists")], [*range(5, 12)]),
        ([("CustomerMetadataProperties.a.b", "In", "v0,v3,v9")], [1, 4]),
        ([("CustomerMetadataProperties.a.b", "Contains", "v")], [1, 2, 3, 4]),
        ([("InferenceSpecification.Containers.Image", "Equals", "image-4")], [5]),
        ([("InferenceSpecification.Containers.Environment.NUMBER", "Equals", "7")], [8]),
        ([("InferenceSpecification.SupportedContentTypes", "Contains", "/9")], [10]),
        ([("InferenceSpecification", "NotExists")], []),
        ([("ModelPackageArn", "Contains", "model-package/group")], [*range(1, 12)]),
        ([("CreationTime", "LessThan", "2020-01-01T00:00:00")], []),
        ([("CreationTime", "GreaterThan", "2020-01-01T00:00:00+02:00")], [*range(1, 12)]),
    ],
    ids=str,
)
def test_filters_select_versions(
    packages: Packages, versions: list[str], filters: list[Any], expected: list[int]
) -> None:
    group = versions[0].split("/")[1]
    filters = [*filters, ("ModelPackageGroupName", "Equals", group)]
    result = search(packages, "ModelPackage", *filters, SortBy="ModelPackageVersion", SortOrder="Ascending")
    assert result == [versions[number - 1] for number in expected]


def test_a_filter_accepts_a_time_from_a_response(packages: Packages, versions: list[str]) -> None:
    time = packages.describe(versions[4])["CreationTime"]
    for zone in (datetime.UTC, datetime.timezone(datetime.timedelta(hours=5))):
        assert versions[4] in search(
            packages, "ModelPackage", ("CreationTime", "Equals", time.astimezone(zone).isoformat())
        )


def test_nested_expressions_are_combined(packages: Packages, versions: list[str]) -> None:
    def version(number: int) -> dict[str, Any]:
        return condition("ModelPackageVersion", "Equals", str(number))

    group = {"Filters": [condition("ModelPackageGroupName", "Equals", versions[0].split("/")[1])]}
    inner = {"Operator": "Or", "Filters": [version(1), version(4)], "SubExpressions": [{"Filters": [version(9)]}]}
    expression = {"SubExpressions": [group, inner]}
    assert search(packages, SearchExpression=expression, SortBy="ModelPackageVersion") == [
        versions[8],
        versions[3],
        versions[0],
    ]
    assert search(packages, SearchExpression=expression | {"Filters": [version(4)]}) == [versions[3]]
    assert search(packages, SearchExpression={"Filters": [version(1), version(4)]}) == []


def test_training_jobs_are_filtered_and_sorted(packages: Packages, jobs: list[str]) -> None:
    for filters, expected in (
        ([("TrainingJobStatus", "Equals", "Completed")], [0, 1, 2]),
        ([("HyperParameters.rate", "LessThan", "0.5")], [0]),
        ([("HyperParameters.rate", "Equals", "0.10")], [0]),
        ([("HyperParameters.rate", "Equals", "0")], [0, 1]),  # the values are compared as integers
        ([("HyperParameters.rate", "GreaterThan", "0.5")], [1, 2]),
        ([("HyperParameters.name", "GreaterThan", "0.5")], []),
        ([("HyperParameters.rate", "GreaterThan", "0_5")], []),
        ([("HyperParameters.name", "Equals", "ridge")], [0, 1, 2]),
        ([("HyperParameters.name", "Contains", "idg")], [0, 1, 2]),
        ([("HyperParameters.rate", "In", "3,0.1")], [0, 2]),
        ([("Metrics.loss", "GreaterThan", "-2")], [0, 1]),
        ([("Metrics.loss", "LessThan", "0")], [1]),
        ([("Metrics.loss", "NotExists")], [2]),
        ([("Tags.team.name", "Equals", "team-0.7")], [1]),
        ([("InputDataConfig.ChannelName", "Equals", "test")], [0, 1, 2]),
        ([("EnableNetworkIsolation", "Equals", "true")], []),
        ([("EnableNetworkIsolation", "NotEquals", "True")], [0, 1, 2]),
        ([("ResourceConfig.VolumeSizeInGB", "Equals", "1")], [0, 1, 2]),
    ):
        assert search(packages, "TrainingJob", *filters, SortOrder="Ascending") == [
            jobs[index] for index in expected
        ], filters
    names = search(packages, "TrainingJob", SortBy="Metrics.loss", SortOrder="Ascending")
    assert names == [jobs[2], jobs[1], jobs[0]]
    assert search(packages, "TrainingJob", SortBy="Metrics.loss") == [jobs[0], jobs[1], jobs[2]]
    assert search(packages, "TrainingJob", SortBy="TrainingJobName") == sorted(jobs, reverse=True)
    assert search(packages, "TrainingJob") == jobs[::-1]  # the most recently modified job comes first


def test_nested_filters_must_match_the_same_item(packages: Packages, jobs: list[str]) -> None:
    def search_nested(channel: str, uri: str) -> list[str]:
        filters = [
            condition("InputDataConfig.ChannelName", "Equals", channel),
            condition("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", uri),
        ]
        expression = {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]}
        return search(packages, "TrainingJob", SearchExpression=expression)

    assert search_nested("train", "train-0.7") == [jobs[1]]
    assert search_nested("test", "train-0.7") == []


def test_a_result_contains_the_resource_and_its_tags(packages: Packages, jobs: list[str]) -> None:
    expression = {"Filters": [condition("TrainingJobName", "Equals", jobs[0])]}
    [result] = packages.sagemaker.search(Resource="TrainingJob", SearchExpression=expression)["Results"]
    description = packages.sagemaker.describe_training_job(TrainingJobName=jobs[0])
    tags = {"Tags": [{"Key": "team.name", "Value": "team-0.1"}]}
    assert result == {
        "TrainingJob": {name: value for name, value in description.items() if name in result["TrainingJob"]} | tags
    }
    assert result["TrainingJob"].keys() > {"SecondaryStatusTransitions", "FinalMetricDataList", "ModelArtifacts"}


def test_groups_are_found_by_their_tags(packages: Packages) -> None:
    word = f"team-{next(numbers)}"
    groups = [packages.group(Tags=[{"Key": "team", "Value": word}]) for _ in range(2)]
    arns = [f"arn:aws:sagemaker:us-east-1:123456789012:model-package-group/{name}" for name in groups]
    team = ("Tags.team", "Equals", word)
    assert search(packages, "ModelPackageGroup", team) == arns[::-1]
    assert search(packages, "ModelPackageGroup", team, CrossAccountFilterOption="SameAccount") == arns[::-1]
    assert search(packages, "ModelPackageGroup", team, CrossAccountFilterOption="CrossAccount") == []
    assert search(packages, "ModelPackageGroup", team, ("ModelPackageGroupName", "NotEquals", groups[0])) == arns[1:]
    assert search(packages, "Endpoint") == []


def test_pipelines_and_their_executions_are_found(packages: Packages) -> None:
    pipelines = Pipelines(packages.client)
    name = pipelines.create(model("M"))
    executions = [pipelines.start(name) for _ in range(2)]
    for execution in executions:
        pipelines.wait(execution)
    pipeline = pipelines.describe(executions[0])["PipelineArn"]
    assert search(packages, "Pipeline", ("PipelineName", "Equals", name)) == [pipeline]
    filters = [("PipelineArn", "Equals", pipeline), ("PipelineExecutionStatus", "Equals", "Succeeded")]
    assert search(packages, "PipelineExecution", *filters, SortBy="CreationTime") == executions[::-1]
    assert search(packages, "PipelineExecution", ("PipelineExecutionStatus", "Equals", "Failed")) == []


def test_a_search_for_model_cards_finds_none(packages: Packages) -> None:
    """The search is accepted, because version 2 of the SDK asks whether a model package has a model card."""
    assert search(packages, "ModelCard", ("ModelCardName", "Contains", "a")) == []
    assert "does not have the property" in refusal(
        packages, Resource="ModelCard", SearchExpression={"Filters": [condition("Nothing", "Exists")]}
    )


def test_pages_can_be_sorted_by_long_strings(packages: Packages) -> None:
    """All pages are returned, although a NextToken must not exceed 8,192 characters."""
    group, text = packages.group(), "\u77f3" * 1023
    versions = [packages.version(group, ModelPackageDescription=text) for _ in range(7)]
    results = search(
        packages, "ModelPackage", ("ModelPackageGroupName", "Equals", group), SortBy="ModelPackageDescription"
    )
    assert sorted(results) == sorted(versions)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"Resource": "Model"}, "Resource Model is not simulated"),
        ({"Resource": "Project"}, "Resource Project is not simulated"),
        ({"Resource": "Nothing"}, "enum value set"),
        ({"SearchExpression": {}}, "must have at least one filter"),
        ({"SortBy": "Nothing"}, "ModelPackage does not have the property 'Nothing'"),
        ({"SortBy": "InferenceSpecification"}, "cannot be sorted by InferenceSpecification"),
        ({"VisibilityConditions": [{"Key": "a", "Value": "b"}]}, "VisibilityConditions are not simulated"),
        ({"NextToken": "x"}, "NextToken"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_invalid_searches_are_refused(packages: Packages, request_: dict[str, Any], reason: str) -> None:
    assert reason in refusal(packages, **({"Resource": "ModelPackage"} | request_))


@pytest.mark.parametrize(
    ("filter_", "reason"),
    [
        (("Nothing", "Exists"), "does not have the property 'Nothing'"),
        (("ModelPackageName.More", "Exists"), "does not have the property"),
        (("Metrics.loss", "Exists"), "does not have the property"),
        ((".", "Exists"), "does not have the property"),
        (("ModelPackageVersion",), "has no Value"),
        (("ModelPackageVersion", "Equals"), "has no Value"),
        (("ModelPackageVersion", "Exists", "1"), "must not have a Value if its Operator is Exists"),
        (("ModelPackageVersion", "Equals", "one"), "Value 'one' of the filter on ModelPackageVersion is not a number"),
        (("ModelPackageVersion", "Equals", "nan"), "is not a number"),
        (("ModelPackageVersion", "Contains", "1"), "Contains is not supported"),
        (("ModelPackageName", "GreaterThan", "a"), "GreaterThan is not supported"),
        (("CertifyForMarketplace", "Equals", "1"), "is not a boolean"),
        (("CertifyForMarketplace", "LessThan", "true"), "LessThan is not supported"),
        (("CreationTime", "LessThan", "yesterday"), "Value 'yesterday' of the filter on CreationTime is not a time"),
        (("InferenceSpecification", "Equals", "x"), "Equals is not supported"),
    ],
    ids=str,
)
def test_invalid_filters_are_refused(packages: Packages, filter_: tuple[str, ...], reason: str) -> None:
    expression = {"Filters": [condition(*filter_)]}
    assert reason in refusal(packages, Resource="ModelPackage", SearchExpression=expression)


def test_invalid_expressions_are_refused(packages: Packages) -> None:
    exists, contains = condition("ModelPackageName", "Exists"), condition("ModelPackageName", "Contains", "a")

    def reason(**expression: Any) -> str:
        return refusal(packages, Resource="ModelPackage", SearchExpression=expression)

    nested = {"NestedPropertyName": "InferenceSpecification.Containers", "Filters": [exists]}
    assert "must be on a property below the NestedPropertyName" in reason(NestedFilters=[nested])
    assert "not a list" in reason(NestedFilters=[nested | {"NestedPropertyName": "ModelPackageName"}])
    assert "usage limit of 1" in reason(Filters=[contains], SubExpressions=[{"Filters": [contains]}])
    assert "at most 50" in reason(SubExpressions=[{"Filters": [exists] * 18}] * 3)
    assert "at least one filter" in reason(Filters=[exists], SubExpressions=[{}])
    deep_expression: dict[str, Any] = {"Filters": [exists]}
    for _ in range(20):
        deep_expression = {"SubExpressions": [deep_expression]}
    packages.sagemaker.search(Resource="ModelPackage", SearchExpression=deep_expression)


@given(st.lists(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False), max_size=8))
def test_sort_keys_have_the_same_order_as_their_numbers(values: list[float]) -> None:
    keys = [sort_key(value) for value in sorted(values)]
    assert keys == sorted(keys)
    assert all((sort_key(a) == sort_key(b)) == (float(a) == float(b)) for a in values for b in values)
