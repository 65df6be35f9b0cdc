"""Search: filters, expressions, sort order and pages, compared with a naive implementation; rejections; boto3."""

import datetime
import operator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.model_packages import Packages
from stagemaker_support.pipelines import Pipelines, model
from stagemaker_support.simulator_client import Client, counter, rejection

from stagemaker.resources.paging import sort_key
from stagemaker.resources.resource import Resource
from stagemaker.resources.search import Searches
from stagemaker.state.records import Record, Store

COMPARISONS = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "In": lambda value, values: value in values,
}
ORDER = ("Equals", "NotEquals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
WORDS = st.sampled_from(["a", "b"])
TIMES = st.integers(0, 2).map(lambda hour: datetime.datetime(2026, 1, 1, hour, tzinfo=datetime.UTC))
# A job's properties in the naive model, each with its values and the operators of filters on it.
FIELDS: dict[str, tuple[st.SearchStrategy[Any], tuple[str, ...]]] = {
    "TrainingJobStatus": (WORDS, ("Equals", "NotEquals", "In")),
    "BillableTimeInSeconds": (st.integers(0, 2), ORDER),
    "Metrics.loss": (st.sampled_from([-2.5, 0.5, 10]), ORDER),
    "LastModifiedTime": (TIMES, ORDER),
    "EnableNetworkIsolation": (st.booleans(), ("Equals", "NotEquals")),
    "Environment.a.b": (WORDS, ("Equals", "NotEquals", "In")),
    "Tags.a.b": (WORDS, ("Equals", "NotEquals", "In")),
}
CHANNEL = {f"InputDataConfig.{name}": (WORDS, ("Equals", "NotEquals")) for name in ("ChannelName", "ContentType")}
# a job in the naive model: a value or None for each property, and a list of the channels' pairs of values
JOBS = st.lists(
    st.fixed_dictionaries(
        {name: st.none() | values for name, (values, _) in FIELDS.items()}
        | {"LastModifiedTime": TIMES, "channels": st.lists(st.tuples(WORDS, WORDS), max_size=3)}
    ),
    max_size=8,
)


def filters(properties: dict[str, tuple[st.SearchStrategy[Any], tuple[str, ...]]]) -> st.SearchStrategy[Any]:
    return st.lists(
        st.one_of(
            *[
                st.tuples(st.just(name), st.just(comparison), st.lists(values) if comparison == "In" else values)
                for name, (values, operators) in properties.items()
                for comparison in operators
            ],
            st.tuples(st.sampled_from(list(properties)), st.sampled_from(["Exists", "NotExists"])),
        ),
        min_size=1,
        max_size=3,
    )


def expressions(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"Operator": st.sampled_from(["And", "Or"]), "Filters": filters(FIELDS | CHANNEL)},
        optional={"NestedFilters": filters(CHANNEL), **members},
    )


EXPRESSIONS = expressions(SubExpressions=st.lists(expressions(), min_size=1, max_size=2))


def values_of(job: Record, name: str) -> list[Any]:
    if name in CHANNEL:
        return [channel[list(CHANNEL).index(name)] for channel in job["channels"]]
    return [] if job[name] is None else [job[name]]


def is_satisfied(job: Record, expression: Record) -> bool:
    results = [is_true(job, *item) for item in expression["Filters"]]
    if "NestedFilters" in expression:
        channels = [{"channels": [channel]} for channel in job["channels"]]
        results.append(any(all(is_true(item, *nested) for nested in expression["NestedFilters"]) for item in channels))
    results += [is_satisfied(job, item) for item in expression.get("SubExpressions", [])]
    return any(results) if expression["Operator"] == "Or" else all(results)


def is_true(job: Record, name: str, comparison: str, operand: Any = None) -> bool:
    values = values_of(job, name)
    if comparison in ("Exists", "NotExists"):
        return bool(values) == (comparison == "Exists")
    if comparison == "NotEquals":
        return operand not in values
    return any(COMPARISONS[comparison](value, operand) for value in values)


def requested(expression: Record) -> Record:
    members = expression | {"Filters": [condition(*item) for item in expression["Filters"]]}
    if "NestedFilters" in expression:
        conditions = [condition(*item) for item in expression["NestedFilters"]]
        members["NestedFilters"] = [{"NestedPropertyName": "InputDataConfig", "Filters": conditions}]
    if "SubExpressions" in expression:
        members["SubExpressions"] = [requested(item) for item in expression["SubExpressions"]]
    return members


def condition(name: str, comparison: str | None = None, value: Any = None) -> dict[str, str]:
    if isinstance(value, list):
        value = ",".join(value)
    elif value is not None:
        value = value.isoformat() if isinstance(value, datetime.datetime) else str(value)
    members = {"Name": name, "Operator": comparison, "Value": value}
    return {key: member for key, member in members.items() if member is not None}


class Recorded(Resource):
    """A resource kind with the given stored records. `search` returns the indices of matching records."""

    arn_type = "recorded"

    def __init__(self, kind: str, *records: Record):
        self.kind = kind  # type: ignore[misc]
        super().__init__(SimpleNamespace(store=Store()))
        for index, record in enumerate(records):
            arn = f"{index:02}"
            self.store.add(kind, arn, {f"{kind}Arn": arn} | record)
            self.store.add("Tags", arn, {"Tags": record.get("Tags", [])})

    def search(self, **request: Any) -> list[int]:
        searches, results = Searches(self.platform, [self]), []
        request |= {"Resource": self.kind, "MaxResults": 3}
        while True:
            response = searches.Search(request)
            results += [int(result[self.kind][f"{self.kind}Arn"]) for result in response["Results"]]
            if "NextToken" not in response:
                assert response["TotalHits"] == {"Value": len(results), "Relation": "EqualTo"}
                return results
            assert len(response["NextToken"]) <= 8192
            request["NextToken"] = response["NextToken"]


def recorded(job: Record) -> Record:
    names = ("TrainingJobStatus", "BillableTimeInSeconds", "LastModifiedTime", "EnableNetworkIsolation")
    record = {name: job[name] for name in names if job[name] is not None}
    record["InputDataConfig"] = [{"ChannelName": name, "ContentType": kind} for name, kind in job["channels"]]
    other_metrics = [{"MetricName": "other", "Value": 3.0}, {"MetricName": "loss", "Value": float("nan")}]
    record["FinalMetricDataList"] = other_metrics
    if job["Metrics.loss"] is not None:
        record["FinalMetricDataList"] = [*other_metrics, {"MetricName": "loss", "Value": job["Metrics.loss"]}]
    if job["Environment.a.b"] is not None:
        record["Environment"] = {"a.b": job["Environment.a.b"]}
    if job["Tags.a.b"] is not None:
        record["Tags"] = [{"Key": "a.b", "Value": job["Tags.a.b"]}]
    return record


def test_in_compares_complete_values() -> None:
    resource = Recorded("TrainingJob", {"TrainingJobStatus": "a"}, {"TrainingJobStatus": "ab"})
    filters = [{"Name": "TrainingJobStatus", "Operator": "In", "Value": "ab,c"}]
    assert resource.search(SearchExpression={"Filters": filters}) == [1]


@given(
    jobs=JOBS,
    expression=st.none() | EXPRESSIONS,
    order=st.fixed_dictionaries(
        {},
        optional={"SortBy": st.sampled_from(list(FIELDS)), "SortOrder": st.sampled_from(["Ascending", "Descending"])},
    ),
)
def test_a_search_finds_matches_in_order(jobs: list[Record], expression: Record | None, order: Record) -> None:
    """In ascending order, jobs without a value to sort by come first."""
    numbers_found = [number for number, job in enumerate(jobs) if expression is None or is_satisfied(job, expression)]
    name = order.get("SortBy", "LastModifiedTime")
    numbers_found.sort(
        key=lambda number: (values_of(jobs[number], name), number), reverse=order.get("SortOrder") != "Ascending"
    )
    request = {} if expression is None else {"SearchExpression": requested(expression)}
    assert Recorded("TrainingJob", *map(recorded, jobs)).search(**order, **request) == numbers_found


NOON = datetime.datetime(2026, 1, 1, 12, 0, 0, 123456, datetime.UTC)
PACKAGE = {
    "ModelPackageVersion": 3,
    "CreationTime": NOON,
    "ModelApprovalStatus": "Approved",
    "InferenceSpecification": {
        "Containers": [{"Image": "image-4", "Environment": {"NUMBER": "7"}}, {"Image": "last"}],
        "SupportedContentTypes": ["text/csv", "text/9"],
    },
}
RATES = {"HyperParameters": {"rate": "0.1", "name": "ridge"}}


FOUND = {
    "ModelPackage": [
        ("ModelPackageVersion", None, "3.0"),
        ("ModelApprovalStatus", "Contains", "prove"),
        ("InferenceSpecification.Containers.Image", "Equals", "last"),
        ("InferenceSpecification.Containers.Environment.NUMBER", "Equals", "7"),
        ("InferenceSpecification.SupportedContentTypes", "Contains", "/9"),
        # a time in a response is rounded to milliseconds, and may be in any time zone
        ("CreationTime", "Equals", "2026-01-01T12:00:00.123+00:00"),
        ("CreationTime", "Equals", "2026-01-01T17:00:00.123+05:00"),
        ("CreationTime", "Equals", "2026-01-01T12:00:00.123"),
    ],
    "TrainingJob": [
        ("HyperParameters.rate", "LessThan", "0.5"),
        ("HyperParameters.rate", "Equals", "0.10"),
        ("HyperParameters.rate", "Equals", "0"),  # the values are compared as integers
        ("HyperParameters.rate", "In", "3,0.1"),
        ("HyperParameters.name", "Equals", "ridge"),
        ("HyperParameters.name", "Contains", "idg"),
    ],
}
NOT_FOUND = {
    "ModelPackage": [
        ("ModelPackageVersion", None, "4"),
        ("ModelApprovalStatus", "Contains", "Reject"),
        ("InferenceSpecification", "NotExists"),
        ("CreationTime", "Equals", "2026-01-01T12:00:00.124"),
    ],
    "TrainingJob": [
        ("HyperParameters.rate", "GreaterThan", "0.5"),
        ("HyperParameters.rate", "GreaterThan", "0_5"),
        ("HyperParameters.name", "GreaterThan", "0.5"),
        ("HyperParameters.name", "NotEquals", "ridge"),
    ],
}


@pytest.mark.parametrize("kind", FOUND)
def test_a_filter_compares_by_the_type_of_its_property(kind: str) -> None:
    resource = Recorded(kind, PACKAGE | RATES)
    for filters, expected in ((FOUND[kind], [0]), (NOT_FOUND[kind], [])):
        for item in filters:
            expression = {"Filters": [condition(*item)]}
            assert resource.search(SearchExpression=expression, SortBy="CreationTime") == expected, item


def test_pages_can_be_sorted_by_long_strings() -> None:
    """All pages are returned, although a NextToken must not exceed 8,192 characters."""
    resource = Recorded("ModelPackage", *[{"ModelPackageDescription": "\u77f3" * 1023}] * 7)
    assert resource.search(SortBy="ModelPackageDescription") == [*range(7)][::-1]


def search(packages: Packages, resource: str, *filters: tuple[str, ...], **request: Any) -> list[str]:
    expression = {"Filters": [condition(*item) for item in filters]}
    pages = packages.sagemaker.get_paginator("search").paginate(
        Resource=resource, MaxResults=1, SearchExpression=expression, **request
    )
    return [result[resource][f"{resource}Arn"] for page in pages for result in page["Results"]]


def test_a_result_contains_the_resource_and_its_tags(client: Client) -> None:
    metrics = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}]}
    algorithm = {"TrainingImage": client.image, "TrainingInputMode": "File"} | metrics
    tags = [{"Key": "team", "Value": "a"}]
    job = client.train("print('loss=1.5')", AlgorithmSpecification=algorithm, Tags=tags)
    expression = {"Filters": [condition("TrainingJobName", "Equals", job["TrainingJobName"])]}
    [result] = client.sagemaker.search(Resource="TrainingJob", SearchExpression=expression)["Results"]
    description = {name: value for name, value in job.items() if name in result["TrainingJob"]}
    assert result == {"TrainingJob": description | {"Tags": tags}}
    assert result["TrainingJob"].keys() > {"SecondaryStatusTransitions", "FinalMetricDataList", "ModelArtifacts"}


def test_groups_are_found_by_their_tags(packages: Packages) -> None:
    word = f"team-{next(counter)}"
    groups = [packages.group(Tags=[{"Key": "team", "Value": word}]) for _ in range(2)]
    arns = [f"arn:aws:sagemaker:us-east-1:123456789012:model-package-group/{name}" for name in groups]
    team = ("Tags.team", "Equals", word)
    assert search(packages, "ModelPackageGroup", team) == arns[::-1]
    assert search(packages, "ModelPackageGroup", team, CrossAccountFilterOption="SameAccount") == arns[::-1]
    assert search(packages, "ModelPackageGroup", team, CrossAccountFilterOption="CrossAccount") == []
    assert search(packages, "ModelPackageGroup", team, ("ModelPackageGroupName", "NotEquals", groups[0])) == arns[1:]
    assert search(packages, "Endpoint", ("EndpointName", "Equals", "nobody")) == []


def test_pipelines_and_their_executions_are_found(packages: Packages) -> None:
    pipelines = Pipelines(packages.client)
    name = pipelines.create(model("M"))
    executions = [pipelines.start(name) for _ in range(2)]
    for execution in executions:
        pipelines.wait(execution)
    pipeline = pipelines.describe(executions[0])["PipelineArn"]
    assert search(packages, "Pipeline", ("PipelineName", "Equals", name)) == [pipeline]
    in_pipeline = ("PipelineArn", "Equals", pipeline)
    for status, expected in (("Succeeded", executions[::-1]), ("Failed", [])):
        filters = [in_pipeline, ("PipelineExecutionStatus", "Equals", status)]
        assert search(packages, "PipelineExecution", *filters, SortBy="CreationTime") == expected


def filtered(*filter_: str) -> Record:
    return {"SearchExpression": {"Filters": [condition(*filter_)]}}


EXISTS, CONTAINS = condition("ModelPackageName", "Exists"), condition("ModelPackageName", "Contains", "a")
FILTER = {"NestedPropertyName": "InferenceSpecification.Containers", "Filters": [EXISTS]}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"Resource": "ModelCard"} | filtered("Nothing", "Exists"), "does not have the property"),
        ({"SearchExpression": {}}, "must have at least one filter"),
        ({"SortBy": "Nothing"}, "ModelPackage does not have the property 'Nothing'"),
        ({"SortBy": "InferenceSpecification"}, "cannot be sorted by InferenceSpecification"),
        ({"NextToken": "x"}, "NextToken"),
        (filtered("Nothing", "Exists"), "does not have the property 'Nothing'"),
        (filtered("ModelPackageName.More", "Exists"), "does not have the property"),
        (filtered("Metrics.loss", "Exists"), "does not have the property"),
        (filtered(".", "Exists"), "does not have the property"),
        (filtered("ModelPackageVersion"), "has no Value"),
        (filtered("ModelPackageVersion", "Equals"), "has no Value"),
        (filtered("ModelPackageVersion", "Exists", "1"), "must not have a Value if its Operator is Exists"),
        (
            filtered("ModelPackageVersion", "Equals", "one"),
            "'one' of the filter on ModelPackageVersion is not a number",
        ),
        (filtered("ModelPackageVersion", "Equals", "nan"), "is not a number"),
        (filtered("ModelPackageVersion", "Contains", "1"), "Contains is not supported"),
        (filtered("ModelPackageName", "GreaterThan", "a"), "GreaterThan is not supported"),
        (filtered("CertifyForMarketplace", "Equals", "1"), "is not a boolean"),
        (filtered("CertifyForMarketplace", "LessThan", "true"), "LessThan is not supported"),
        (filtered("CreationTime", "LessThan", "yesterday"), "'yesterday' of the filter on CreationTime is not a time"),
        (filtered("InferenceSpecification", "Equals", "x"), "Equals is not supported"),
        ({"SearchExpression": {"NestedFilters": [FILTER]}}, "must be on a property below the NestedPropertyName"),
        ({"SearchExpression": {"NestedFilters": [FILTER | {"NestedPropertyName": "ModelPackageName"}]}}, "not a list"),
        (
            {"SearchExpression": {"Filters": [CONTAINS], "SubExpressions": [{"Filters": [CONTAINS]}]}},
            "usage limit of 1",
        ),
        ({"SearchExpression": {"SubExpressions": [{"Filters": [EXISTS] * 18}] * 3}}, "at most 50"),
        ({"SearchExpression": {"Filters": [EXISTS], "SubExpressions": [{}]}}, "at least one filter"),
    ],
    ids=lambda value: str(value)[:80],
)
def test_invalid_searches_are_rejected(client: Client, request_: dict[str, Any], reason: str) -> None:
    assert reason in rejection(client.sagemaker.search, **{"Resource": "ModelPackage"} | request_)


def test_unusual_searches_are_accepted(client: Client) -> None:
    """Version 2 of the SDK searches for a model package's model card, a resource kind that is not simulated."""
    assert client.sagemaker.search(Resource="ModelCard", **filtered("ModelCardName", "Contains", "a"))["Results"] == []
    deep_expression: dict[str, Any] = {"Filters": [EXISTS]}
    for _ in range(20):
        deep_expression = {"SubExpressions": [deep_expression]}
    client.sagemaker.search(Resource="ModelPackage", SearchExpression=deep_expression)


@given(st.lists(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False), max_size=8))
def test_sort_keys_have_the_same_order_as_their_numbers(values: list[float]) -> None:
    keys = [sort_key(value) for value in sorted(values)]
    assert keys == sorted(keys)
    assert all((sort_key(a) == sort_key(b)) == (float(a) == float(b)) for a in values for b in values)
