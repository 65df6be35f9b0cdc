"""Lists: filters, sort order and pages, compared with a naive implementation; rejected members; boto3's waiters."""

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
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.simulator_client import Client, rejection

from stagemaker.orchestration.pipelines.records import StepRecords
from stagemaker.protocol.account import arn
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.protocol.service_model import operation_model
from stagemaker.resources.registry import KINDS
from stagemaker.resources.resource import PAGING_MEMBERS, Resource
from stagemaker.resources.training_job import TrainingJobs
from stagemaker.state.records import Record, Store

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

EARLY_TIME, LATE_TIME = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2000, 3000))
FILTERS = {  # for each filter, a value that matches a record of the fixture, and a value that does not
    "NameContains": ("ONE", "other"),
    "StatusEquals": ("Completed", "Failed"),
    "WarmPoolStatusEquals": ("Terminated", "Reused"),
    "CrossAccountFilterOption": ("SameAccount", "CrossAccount"),
    "ModelApprovalStatus": ("Approved", "Rejected"),
    "ModelPackageGroupName": ("one", "other"),
    "ModelPackageType": ("Versioned", "Unversioned"),
    "PipelineNamePrefix": ("on", "other"),
    "ManagedBy": ("CUSTOMER", "AWS"),
    "SourceArn": ("arn:one", "arn:other"),
    **{f"{name}Name": ("one", "other") for name in ("Experiment", "Trial", "TrialComponent")},
    **{f"{time}After": (EARLY_TIME, LATE_TIME) for time in ("CreationTime", "LastModifiedTime", "Created")},
    **{f"{time}Before": (LATE_TIME, EARLY_TIME) for time in ("CreationTime", "LastModifiedTime", "Created")},
}
EXECUTION = {"PipelineExecutionArn": arn("pipeline/one")}
EMPTY_LIST = "ListPipelineVersions"  # always empty, because versions are not simulated
REQUIRED_MEMBERS = {  # members that requests require, such as the resource whose parts are listed
    "ListTrainingJobsForHyperParameterTuningJob": {"HyperParameterTuningJobName": "one"},
    "ListPipelineExecutions": {"PipelineName": "one"},
    "ListPipelineExecutionSteps": EXECUTION,
    "ListPipelineParametersForExecution": EXECUTION,
    "ListModelPackages": {"ModelPackageType": "Versioned"},
}
REJECTIONS = {  # the error messages for other values of these members
    "HyperParameterTuningJobName": "can't find a tuning job called",
    "PipelineName": "Could not find pipeline",
    "PipelineExecutionArn": "Could not find pipeline execution",
}
RECORD_MEMBERS = {  # the members that lists of these kinds read from records
    "TrainingJob": {
        "FinalMetricDataList": [{"MetricName": "loss", "Value": 1.0}],
        "WarmPoolStatus": {"Status": "Terminated"},
    },
    "HyperParameterTuningJob": {"HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {}}},
    "ModelPackage": {
        "ModelApprovalStatus": "Approved",
        "ModelPackageGroupName": "one",
        "ModelPackageType": "Versioned",
    },
    "PipelineExecution": {"PipelineArn": arn("pipeline/one")},
    "Trial": {"ExperimentName": "one"},
    "TrialComponent": {"Source": {"SourceArn": "arn:one"}},
}
INTERNAL_MEMBERS = {
    "HyperParameterTuningJob": {"TuningId": "id"},
    "PipelineExecution": {"Parameters": {"x": 1}},
    "TrialComponent": {"Trials": ["one"], "Metrics": {}},
}
TRIAL = {"TrainingJobName": "one", "TuningId": "id", "HyperParameterTuningJobName": "one", "DefinitionName": ""}
TRIAL |= {"ObjectiveType": "Minimize", "MetricName": "loss", "Values": {}}


class Jobs(Resource):
    kind = "TrainingJob"
    arn_type = "training-job"


STATUSES = st.sampled_from(["Completed", "Failed", "InProgress"])
TIMES = st.integers(0, 4).map(lambda minute: datetime.datetime(2026, 1, 1, 0, minute, tzinfo=datetime.UTC))
JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "TrainingJobName": st.text("aB-", min_size=1, max_size=4),
            "TrainingJobStatus": STATUSES,
            "CreationTime": TIMES,
            "LastModifiedTime": TIMES,
        }
    ),
    max_size=12,
    unique_by=operator.itemgetter("TrainingJobName"),
)
SORT_MEMBERS = {"CreationTime": "CreationTime", "Name": "TrainingJobName", "Status": "TrainingJobStatus"}
REQUESTS = st.fixed_dictionaries(
    {"MaxResults": st.integers(1, 5)},
    optional={
        "NameContains": st.text("Ab", min_size=1, max_size=2),
        "StatusEquals": STATUSES,
        **{f"{member}{side}": TIMES for member in ("CreationTime", "LastModifiedTime") for side in ("After", "Before")},
        "SortBy": st.sampled_from(list(SORT_MEMBERS)),
        "SortOrder": st.sampled_from(["Ascending", "Descending"]),
    },
)


def expected_jobs(jobs: list[Record], request: Record) -> list[Record]:
    for member in ("CreationTime", "LastModifiedTime"):
        jobs = [job for job in jobs if job[member] > request.get(f"{member}After", EARLY_TIME)]
        jobs = [job for job in jobs if job[member] < request.get(f"{member}Before", LATE_TIME)]
    jobs = [job for job in jobs if request.get("NameContains", "").lower() in job["TrainingJobName"].lower()]
    jobs = [job for job in jobs if job["TrainingJobStatus"] == request.get("StatusEquals", job["TrainingJobStatus"])]
    return sorted(jobs, key=lambda job: rank(job, request), reverse=request.get("SortOrder") == "Descending")


def rank(job: Record, request: Record) -> tuple[Any, str]:
    return job[SORT_MEMBERS[request.get("SortBy", "CreationTime")]], job["TrainingJobName"]


def resource_of(jobs: list[Record]) -> Jobs:
    resource = Jobs(SimpleNamespace(store=Store()))
    for job in jobs:
        resource.add(job, **job)
    return resource


def names(jobs: list[Record]) -> list[str]:
    return [job["TrainingJobName"] for job in jobs]


def all_names(listed_pages: list[list[str]]) -> list[str]:
    return [name for page in listed_pages for name in page]


def pages(resource: Jobs, request: Record) -> list[list[str]]:
    responses = [resource.page("ListTrainingJobs", request)]
    while "NextToken" in responses[-1]:
        responses.append(resource.page("ListTrainingJobs", request | {"NextToken": responses[-1]["NextToken"]}))
    return [names(page["TrainingJobSummaries"]) for page in responses]


@given(jobs=JOBS, request=REQUESTS)
def test_pages_hold_the_selected_records_in_order(jobs: list[Record], request: Record) -> None:
    expected, size = names(expected_jobs(jobs, request)), request["MaxResults"]
    parts = [expected[start : start + size] for start in range(0, len(expected), size)]
    assert pages(resource_of(jobs), request) == (parts or [[]])


def test_the_status_of_training_jobs_is_compared_after_max_results_jobs_are_retrieved() -> None:
    """AWS documents this for no other operation."""
    resource, requests = TrainingJobs(SimpleNamespace(store=Store())), {"StatusEquals": "Failed"}
    for name, status in zip("abcde", ("Failed", "Completed", "Completed", "Failed", "Failed"), strict=True):
        resource.add({"TrainingJobName": name}, TrainingJobStatus=status)
    assert pages(resource, requests) == [["a", "d", "e"]]
    assert pages(resource, requests | {"MaxResults": 2}) == [["a"], ["d"], ["e"]]
    assert pages(resource, requests | {"MaxResults": 2, "SortOrder": "Descending"}) == [["e", "d"], [], ["a"]]


@given(old_jobs=JOBS, jobs=JOBS, request=REQUESTS)
def test_changes_between_pages_lose_no_record(old_jobs: list[Record], jobs: list[Record], request: Record) -> None:
    response = resource_of(old_jobs).page("ListTrainingJobs", request)
    if "NextToken" in response:
        limit = rank(response["TrainingJobSummaries"][-1], request)
        is_after = operator.lt if request.get("SortOrder") == "Descending" else operator.gt
        remaining_names = names([job for job in expected_jobs(jobs, request) if is_after(rank(job, request), limit)])
        listed_pages = pages(resource_of(jobs), request | {"NextToken": response["NextToken"]})
        assert all_names(listed_pages) == remaining_names


def test_boto3_lists_models_newest_first_in_pages_of_ten(client: Client) -> None:
    word, hour, now = uuid.uuid4().hex[:8], datetime.timedelta(hours=1), datetime.datetime.now(datetime.UTC)
    models = [f"{word}-{chr(97 + index * 7 % 25)}" for index in range(25)]
    for name in models:
        client.sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "image"})

    def listed(name: str = word, **request: Any) -> list[list[str]]:
        response_pages = client.sagemaker.get_paginator("list_models").paginate(NameContains=name, **request)
        return [[model["ModelName"] for model in page["Models"]] for page in response_pages]

    assert listed() == [models[:14:-1], models[14:4:-1], models[4::-1]]
    assert listed(word.upper(), PaginationConfig={"PageSize": 100}) == [models[::-1]]
    assert all_names(listed(SortBy="Name", SortOrder="Ascending")) == sorted(models)
    assert len(all_names(listed(CreationTimeAfter=now - hour, CreationTimeBefore=now + hour))) == 25
    assert listed(CreationTimeAfter=now + hour) == [[]]
    assert listed(CreationTimeBefore=(now - hour).replace(tzinfo=None)) == [[]]
    for page in client.sagemaker.get_paginator("list_models").paginate(NameContains=word):
        for model in page["Models"]:
            client.sagemaker.delete_model(ModelName=model["ModelName"])
    assert listed() == [[]]


@pytest.mark.timing
def test_ten_thousand_records_are_listed_in_seconds() -> None:
    jobs = [{"TrainingJobName": f"job-{index}", "CreationTime": EARLY_TIME} for index in range(10_000)]
    resource, start = resource_of(jobs), time.monotonic()
    assert len(all_names(pages(resource, {"MaxResults": 100}))) == 10_000
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("token", INVALID_TOKENS, ids=lambda token: token[:20])
def test_an_invalid_token_is_rejected(token: str) -> None:
    with pytest.raises(ValidationException):
        resource_of([]).page("ListTrainingJobs", {"NextToken": token})


def test_a_token_from_another_request_returns_a_page() -> None:
    resource = resource_of([])
    for index in range(11):
        resource.add({"TrainingJobName": f"job-{index}"}, TrainingJobStatus="Completed")
    token = resource.page("ListTrainingJobs", {})["NextToken"]
    for sort_key in ("Name", "Status", "CreationTime"):
        page = resource.page("ListTrainingJobs", {"NextToken": token, "SortBy": sort_key})
        assert page["TrainingJobSummaries"] is not None
    last_token = base64.b64encode(json.dumps(["9999", "arn"]).encode()).decode()
    assert resource.page("ListTrainingJobs", {"NextToken": last_token}) == {"TrainingJobSummaries": []}


def test_max_results_outside_its_range_is_rejected(client: Client) -> None:
    for number in (0, -1, 101, 10**12):
        for kind in ("models", "training_jobs", "processing_jobs", "transform_jobs"):
            rejection(getattr(client.raw_client(), f"list_{kind}"), MaxResults=number)


@pytest.mark.parametrize("kind", KINDS, ids=operator.attrgetter("kind"))
def test_every_member_of_a_list_request_works_or_is_rejected_by_name(kind: type[Resource]) -> None:
    resource = kind(SimpleNamespace(store=make_store()))
    for operation in [name for name in kind.operations() if name.startswith("List") and name != EMPTY_LIST]:

        def count(operation: str = operation, **request: Any) -> int:
            return len(next(iter(resource.handle(operation, REQUIRED_MEMBERS.get(operation, {}) | request).values())))

        for name, shape in operation_model(operation).input_shape.members.items():
            if name in FILTERS:
                assert [count(**{name: value}) for value in FILTERS[name]] == [1, 0], f"{operation}: {name}"
            elif name in REQUIRED_MEMBERS.get(operation, {}):
                with pytest.raises(ServiceError, match=f"{REJECTIONS[name]}.*other"):
                    count(**{name: "other"})
            elif name == "NextToken":
                with pytest.raises(ValidationException, match="Invalid NextToken"):
                    count(NextToken="!")
            elif name in PAGING_MEMBERS:
                for value in shape.metadata.get("enum", [1]):
                    assert count(**{name: value}) == 1, f"{operation}: {name}={value}"
            else:
                with pytest.raises(ValidationException, match=f"{operation}: filtering by {name} is not simulated"):
                    count(**{name: "x"})


def make_store() -> Store:
    store = Store()
    for kind in KINDS:
        members = {f"{kind.kind}Name": "one", f"{kind.kind}Status": "Completed", **RECORD_MEMBERS.get(kind.kind, {})}
        kind(SimpleNamespace(store=store)).add(members, "one", INTERNAL_MEMBERS.get(kind.kind))
    store.add("TuningTrial", "one", TRIAL)
    StepRecords(store, "one").put("step", StepName="step", Position=0)
    return store


def test_waiters_wait_until_jobs_end_and_fail_for_missing_ones(client: Client) -> None:
    finished_job = client.process("print('done')", wait=False)["ProcessingJobName"]
    failed_job = client.train("raise SystemExit(3)", wait=False)["TrainingJobName"]
    stopped_job = client.train("import time; time.sleep(60)", wait=False)["TrainingJobName"]
    client.sagemaker.stop_training_job(TrainingJobName=stopped_job)

    def wait(kind: str, name: str) -> None:
        waiter = client.sagemaker.get_waiter(f"{kind}_job_completed_or_stopped")
        waiter.wait(**{f"{kind.capitalize()}JobName": name}, WaiterConfig={"Delay": 1, "MaxAttempts": 40})

    wait("processing", finished_job)
    wait("training", stopped_job)
    with pytest.raises(botocore.exceptions.WaiterError, match="Failed"):
        wait("training", failed_job)
    for kind in ("training", "processing", "transform"):
        with pytest.raises(botocore.exceptions.WaiterError, match="ValidationException"):
            wait(kind, "nobody")
    response = client.sagemaker.list_training_jobs(StatusEquals="Stopped", NameContains=stopped_job)
    summaries = response["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in summaries] == [stopped_job]
    assert {"TrainingJobArn", "CreationTime", "TrainingEndTime"} <= set(summaries[0])
