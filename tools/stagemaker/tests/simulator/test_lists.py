"""Lists: pages, filters and order, and boto3's waiters."""

import base64
import datetime
import json
import operator
import time
import uuid
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest
from stagemaker_support.simulator_client import Client

from stagemaker.orchestration.pipelines.executions.execution_records import StepRecords
from stagemaker.protocol.account import arn
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import operation_model
from stagemaker.resources.registry import KINDS
from stagemaker.resources.resource import PAGING_MEMBERS, Resource
from stagemaker.server import Simulator
from stagemaker.state.records import Store

INVALID_TOKENS = [
    "",
    "!",
    "from 10",
    base64.b64encode(b"from 10").decode(),
    base64.b64encode(b"[1, 2]").decode(),
    base64.b64encode(b'["x"]').decode(),
    base64.b64encode(b'{"a": 1, "b": 2}').decode() + "x",
    base64.b64encode(b"null").decode(),
    base64.b64encode(b"\xff\xff").decode(),
    base64.b64encode(b"[" * 5000).decode(),
    "x" * 9000,
]

EARLY, LATE = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2000, 3000))
FILTERS = {  # for each filter, a value that matches a record in `one_of_each_kind`, and a value that does not
    "NameContains": ("ONE", "other"),
    "StatusEquals": ("Completed", "Failed"),
    "CrossAccountFilterOption": ("SameAccount", "CrossAccount"),
    "ModelApprovalStatus": ("Approved", "Rejected"),
    "ModelPackageGroupName": ("one", "other"),
    "ModelPackageType": ("Versioned", "Unversioned"),
    "PipelineNamePrefix": ("on", "other"),
    "ManagedBy": ("CUSTOMER", "AWS"),
    **{f"{time}After": (EARLY, LATE) for time in ("CreationTime", "LastModifiedTime", "Created")},
    **{f"{time}Before": (LATE, EARLY) for time in ("CreationTime", "LastModifiedTime", "Created")},
}
EXECUTION = {"PipelineExecutionArn": arn("pipeline/one")}
EMPTY_LIST = "ListPipelineVersions"  # is always empty, because versions are not simulated
REQUIRED_MEMBERS = {  # members that requests require, such as the resource whose parts are listed
    "ListTrainingJobsForHyperParameterTuningJob": {"HyperParameterTuningJobName": "one"},
    "ListPipelineExecutions": {"PipelineName": "one"},
    "ListPipelineExecutionSteps": EXECUTION,
    "ListPipelineParametersForExecution": EXECUTION,
    "ListModelPackages": {"ModelPackageType": "Versioned"},
}
REFUSALS = {  # of other values of these members
    "HyperParameterTuningJobName": "can't find a tuning job called",
    "PipelineName": "Could not find pipeline",
    "PipelineExecutionArn": "Could not find pipeline execution",
}
RECORD_MEMBERS = {  # the members that lists of these kinds read from records
    "TrainingJob": {"FinalMetricDataList": [{"MetricName": "loss", "Value": 1.0}]},
    "HyperParameterTuningJob": {"HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {}}},
    "ModelPackage": {
        "ModelApprovalStatus": "Approved",
        "ModelPackageGroupName": "one",
        "ModelPackageType": "Versioned",
    },
    "PipelineExecution": {"PipelineArn": arn("pipeline/one")},
}
INTERNAL_MEMBERS = {"HyperParameterTuningJob": {"TuningId": "id"}, "PipelineExecution": {"Parameters": {"x": 1}}}
TRIAL = {
    "TrainingJobName": "one",
    "TuningId": "id",
    "HyperParameterTuningJobName": "one",
    "DefinitionName": "",
    "ObjectiveType": "Minimize",
    "MetricName": "loss",
    "Values": {},
}


class Jobs(Resource):
    kind = "TrainingJob"
    arn_type = "training-job"


@pytest.fixture(scope="module")
def models(client: Client) -> list[str]:
    """Create 25 models and return their names, oldest first. The names share a word that no other name contains."""
    word = uuid.uuid4().hex[:8]
    names = [f"{word}-{chr(97 + number * 7 % 25)}" for number in range(25)]
    for name in names:
        client.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "image"})
    return names


@pytest.fixture
def jobs() -> Jobs:
    """Return a resource with 25 jobs that were created a minute apart and cycle through three statuses."""
    resource = Jobs(SimpleNamespace(store=Store()))
    for number in range(25):
        time = datetime.datetime(2026, 1, 1, 0, number, tzinfo=datetime.UTC)
        status = ("Completed", "Failed", "InProgress")[number % 3]
        name = f"job-{chr(97 + number * 7 % 25)}"
        resource.add({"TrainingJobName": name}, TrainingJobStatus=status, CreationTime=time, LastModifiedTime=time)
    return resource


def names(jobs: Jobs, **request: Any) -> list[str]:
    """Return the names of the jobs on all pages."""
    collected_names, token = [], {}
    while True:
        page = jobs.page("ListTrainingJobs", request | token)
        assert len(page["TrainingJobSummaries"]) <= request.get("MaxResults", 10)
        collected_names += [record["TrainingJobName"] for record in page["TrainingJobSummaries"]]
        if "NextToken" not in page:
            return collected_names
        token = {"NextToken": page["NextToken"]}


def all_names(pages: list[list[str]]) -> list[str]:
    return [name for page in pages for name in page]


def list_pages(client: Client, word: str, **request: Any) -> list[list[str]]:
    pages = client.sagemaker.get_paginator("list_models").paginate(NameContains=word, **request)
    return [[model["ModelName"] for model in page["Models"]] for page in pages]


@pytest.mark.parametrize("size", [1, 7, 25, 100])
def test_the_paginator_returns_all_models_in_pages(client: Client, models: list[str], size: int) -> None:
    pages = list_pages(client, models[0][:8], PaginationConfig={"PageSize": size})
    assert [len(page) for page in pages] == [size] * (25 // size) + ([25 % size] if 25 % size else [])
    assert all_names(pages) == models[::-1]  # newest first


def test_models_are_sorted_and_filtered_by_name(client: Client, models: list[str]) -> None:
    word = models[0][:8]
    assert all_names(list_pages(client, word, SortBy="Name", SortOrder="Ascending")) == sorted(models)
    assert all_names(list_pages(client, word, SortBy="CreationTime", SortOrder="Ascending")) == models
    assert all_names(list_pages(client, word.upper())) == models[::-1]
    assert list_pages(client, word + "-nobody") == [[]]


def test_a_page_has_ten_results_by_default(client: Client, models: list[str]) -> None:
    assert len(client.sagemaker.list_models(NameContains=models[0][:8])["Models"]) == 10


def test_deleting_between_pages_skips_no_result(client: Client) -> None:
    word = uuid.uuid4().hex[:8]
    for number in range(25):
        client.sagemaker.create_model(ModelName=f"{word}-{number}", PrimaryContainer={"Image": "image"})
    for page in client.sagemaker.get_paginator("list_models").paginate(NameContains=word):
        for model in page["Models"]:
            client.sagemaker.delete_model(ModelName=model["ModelName"])
    assert list_pages(client, word) == [[]]


def test_creating_between_pages_repeats_no_result(client: Client, models: list[str]) -> None:
    word = models[0][:8]
    first_page = client.sagemaker.list_models(NameContains=word)
    client.sagemaker.create_model(ModelName=f"{word}-new", PrimaryContainer={"Image": "image"})
    second_page = client.sagemaker.list_models(NameContains=word, NextToken=first_page["NextToken"])
    client.sagemaker.delete_model(ModelName=f"{word}-new")
    listed_names = [model["ModelName"] for model in first_page["Models"] + second_page["Models"]]
    assert listed_names == models[::-1][:20]


def test_lists_share_the_decoded_records_of_the_store() -> None:
    store = Store()
    store.add("Model", "a", {"Name": "a"}, {"Inner": 1})
    [shared] = store.shared("Model")
    assert store.shared("Model")[0] is shared
    assert (shared, shared.internal, shared.revision) == ({"Name": "a"}, {"Inner": 1}, 1)
    store.update("Model", "a", Name="b")
    assert store.shared("Model") == [{"Name": "b"}]
    store.delete("Model", "a")
    store.add("Model", "a", {"Name": "b"})
    assert store.shared("Model")[0].internal == {}


@pytest.mark.timing
def test_ten_thousand_models_are_listed_in_seconds() -> None:
    with Simulator(isolation="off") as simulator:
        sagemaker = simulator.client("sagemaker")
        for number in range(10_000):
            record = {"ModelName": f"m{number}", "ModelArn": arn(f"model/m{number}"), "CreationTime": EARLY}
            simulator._store.add("Model", f"m{number}", record | {"PrimaryContainer": {"Image": "image"}})
        start = time.monotonic()
        pages = sagemaker.get_paginator("list_models").paginate(PaginationConfig={"PageSize": 100})
        assert sum(len(page["Models"]) for page in pages) == 10_000
        assert time.monotonic() - start < 30


@pytest.mark.parametrize("token", INVALID_TOKENS, ids=lambda token: token[:20])
@pytest.mark.parametrize("kind", ["models", "training_jobs", "processing_jobs", "transform_jobs"])
def test_an_invalid_token_is_refused(client: Client, kind: str, token: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(client.sagemaker, f"list_{kind}")(NextToken=token)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_token_from_another_request_returns_a_page(jobs: Jobs) -> None:
    token = jobs.page("ListTrainingJobs", {})["NextToken"]
    for sort_key in ("Name", "Status", "CreationTime"):
        page = jobs.page("ListTrainingJobs", {"NextToken": token, "SortBy": sort_key})
        assert page["TrainingJobSummaries"] is not None
    past_the_end = base64.b64encode(json.dumps(["9999", "arn"]).encode()).decode()
    assert jobs.page("ListTrainingJobs", {"NextToken": past_the_end}) == {"TrainingJobSummaries": []}


@pytest.mark.parametrize("number", [0, -1, 101, 10**12])
@pytest.mark.parametrize("kind", ["models", "training_jobs", "processing_jobs", "transform_jobs"])
def test_max_results_outside_its_range_is_refused(client: Client, kind: str, number: int) -> None:
    with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError)) as caught:
        getattr(client.sagemaker, f"list_{kind}")(MaxResults=number)
    assert number < 1 or "ValidationException" in str(caught.value)


def test_jobs_are_filtered_by_status_and_sorted(jobs: Jobs) -> None:
    oldest_first = names(jobs)
    assert oldest_first[:3] == ["job-a", "job-h", "job-o"]
    assert names(jobs, SortOrder="Descending", MaxResults=4) == oldest_first[::-1]
    assert names(jobs, SortBy="Name", MaxResults=1) == sorted(oldest_first)
    assert names(jobs, StatusEquals="Failed", MaxResults=3) == oldest_first[1::3]
    names_by_status = names(jobs, SortBy="Status", MaxResults=6)
    assert [sorted(names_by_status[:9]), sorted(names_by_status[9:17])] == [
        sorted(oldest_first[0::3]),
        sorted(oldest_first[1::3]),
    ]
    assert names(jobs, NameContains="B-A") == ["job-a"]


def test_jobs_are_filtered_by_time(jobs: Jobs) -> None:
    oldest_first, time = names(jobs), datetime.datetime(2026, 1, 1, 0, 5, tzinfo=datetime.UTC)
    for member in ("CreationTime", "LastModifiedTime"):
        assert names(jobs, **{f"{member}After": time}) == oldest_first[6:]
        assert names(jobs, **{f"{member}Before": time}) == oldest_first[:5]
    interval = {"CreationTimeAfter": time, "CreationTimeBefore": time + datetime.timedelta(minutes=3)}
    assert names(jobs, **interval, StatusEquals="Completed") == [oldest_first[6]]


def test_models_are_filtered_by_the_times_that_boto3_sends(client: Client, models: list[str]) -> None:
    word, hour = models[0][:8], datetime.timedelta(hours=1)
    now = datetime.datetime.now(datetime.UTC)
    assert len(all_names(list_pages(client, word, CreationTimeAfter=now - hour, CreationTimeBefore=now + hour))) == 25
    assert list_pages(client, word, CreationTimeAfter=now + hour) == [[]]
    assert list_pages(client, word, CreationTimeBefore=(now - hour).replace(tzinfo=None)) == [[]]


@pytest.mark.parametrize("kind", KINDS, ids=operator.attrgetter("kind"))
def test_every_member_of_a_list_request_works_or_is_refused_by_name(kind: type[Resource]) -> None:
    """Each filter is sent on its own: with a matching value, the record is listed; with another value, it is not."""
    resource = kind(SimpleNamespace(store=one_of_each_kind()))
    for operation in [name for name in kind.operations() if name.startswith("List") and name != EMPTY_LIST]:

        def count(operation: str = operation, **request: Any) -> int:
            return len(next(iter(resource.handle(operation, REQUIRED_MEMBERS.get(operation, {}) | request).values())))

        for name, shape in operation_model(operation).input_shape.members.items():
            if name in FILTERS:
                assert [count(**{name: value}) for value in FILTERS[name]] == [1, 0], f"{operation}: {name}"
            elif name in REQUIRED_MEMBERS.get(operation, {}):
                with pytest.raises(ServiceError, match=f"{REFUSALS[name]}.*other"):
                    count(**{name: "other"})
            elif name == "NextToken":
                with pytest.raises(ServiceError, match="Invalid NextToken"):
                    count(NextToken="!")
            elif name in PAGING_MEMBERS:
                for value in shape.metadata.get("enum", [1]):
                    assert count(**{name: value}) == 1, f"{operation}: {name}={value}"
            else:
                with pytest.raises(ServiceError, match=f"{operation}: filtering by {name} is not simulated"):
                    count(**{name: "x"})


def one_of_each_kind() -> Store:
    """Return a store with one record of each kind, and one part of each record whose parts can be listed."""
    store = Store()
    for kind in KINDS:
        members = {f"{kind.kind}Name": "one", f"{kind.kind}Status": "Completed", **RECORD_MEMBERS.get(kind.kind, {})}
        kind(SimpleNamespace(store=store)).add(members, "one", INTERNAL_MEMBERS.get(kind.kind))
    store.add("TuningTrial", "one", TRIAL)
    StepRecords(store, "one").put("step", StepName="step", Position=0)
    return store


def test_a_filter_that_is_not_simulated_is_refused(client: Client) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="ListTrainingJobs: filtering by WarmPool") as caught:
        client.sagemaker.list_training_jobs(WarmPoolStatusEquals="InUse")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("kind", ["training", "processing", "transform"])
def test_waiting_for_a_missing_job_fails(client: Client, kind: str) -> None:
    waiter = client.sagemaker.get_waiter(f"{kind}_job_completed_or_stopped")
    argument = {f"{kind.capitalize()}JobName": "nobody"}
    with pytest.raises(botocore.exceptions.WaiterError, match="ValidationException"):
        waiter.wait(**argument, WaiterConfig={"Delay": 1, "MaxAttempts": 2})


def test_waiters_wait_until_jobs_end(client: Client) -> None:
    finished_job = client.process("print('done')", wait=False)["ProcessingJobName"]
    failed_job = client.train("raise SystemExit(3)", wait=False)["TrainingJobName"]
    stopped_job = client.train("import time; time.sleep(60)", wait=False)["TrainingJobName"]
    client.sagemaker.stop_training_job(TrainingJobName=stopped_job)
    polling = {"Delay": 1, "MaxAttempts": 40}
    client.sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName=finished_job, WaiterConfig=polling
    )
    waiter = client.sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName=stopped_job, WaiterConfig=polling)
    with pytest.raises(botocore.exceptions.WaiterError, match="Failed"):
        waiter.wait(TrainingJobName=failed_job, WaiterConfig=polling)
    response = client.sagemaker.list_training_jobs(StatusEquals="Stopped", NameContains=stopped_job)
    listed = response["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in listed] == [stopped_job]
    assert {"TrainingJobArn", "CreationTime", "TrainingEndTime"} <= set(listed[0])
