"""Batch Transform: objects are split into requests for a real server, and the responses are assembled."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, counter
from stagemaker_support.transform_jobs import container, create_model, failure_reason, run_batch, transform

from stagemaker.server import BUCKET

pytestmark = pytest.mark.everywhere

# A script that responds with one line: the request's number of lines and bytes, its content type and accepted type.
COUNTING_SCRIPT = """
import json

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    body = data.encode() if isinstance(data, str) else data
    return json.dumps([body.count(b"\\n"), len(body), content_type, accept])
"""
# A script that responds to each line with a line that contains it twice.
DOUBLING_SCRIPT = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    if "reject" in data:
        raise ValueError("this row is rejected")
    return "".join(line + line + "\\n" for line in data.splitlines())
"""
ROWS = "".join(f"{number},{number}\n" for number in range(1000))
CSV = {"Input": {"ContentType": "text/csv"}}
LINES = {"Input": {"ContentType": "text/csv", "SplitType": "Line"}}
JOIN_MEMBERS = LINES | {"Output": {"AssembleWith": "Line", "Accept": "text/csv"}}


def reason_of(client: Client, script: str, objects: dict[str, str | bytes], **members: Any) -> str:
    return failure_reason(client, create_model(client, script), objects, **members)


def test_an_object_is_sent_as_one_request_by_default_and_a_prefix_selects_objects(any_client: Client) -> None:
    folder = f"selected/{next(counter)}"
    for key, body in {"part-1.csv": ROWS, "part-2.csv": "b\n", "other.csv": "c\n", "empty.csv": ""}.items():
        any_client.put(f"{folder}/{key}", body)
    source = {"S3Uri": f"s3://{BUCKET}/{folder}/part-"}
    job, out = transform(any_client, create_model(any_client, COUNTING_SCRIPT), {}, Source=source, **CSV)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert any_client.keys(f"{out}/") == ["part-1.csv.out", "part-2.csv.out"]
    assert json.loads(any_client.get(f"{out}/part-1.csv.out")) == [1000, len(ROWS), "text/csv", "application/json"]
    assert job["TransformStartTime"] <= job["TransformEndTime"]


@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_lines_are_sent_together_or_one_by_one_and_responses_keep_their_order(client: Client, strategy: str) -> None:
    contents = {"a.csv": "".join(f"{index * 'x'}\n" for index in range(100)), "deep/er/b.csv": "xxx\ny\n"}
    members = JOIN_MEMBERS | {"BatchStrategy": strategy, "MaxPayloadInMB": 1, "MaxConcurrentTransforms": 4}
    results = run_batch(client, create_model(client, COUNTING_SCRIPT), contents, **members)
    for result, content in zip(results, contents.values(), strict=True):
        requests = [content] if strategy == "MultiRecord" else content.splitlines(keepends=True)
        expected = [[request.count("\n"), len(request), "text/csv", "text/csv"] for request in requests]
        assert [json.loads(line) for line in result.splitlines()] == expected


def test_without_a_content_type_the_default_of_the_container_applies(client: Client) -> None:
    [result] = run_batch(client, create_model(client, COUNTING_SCRIPT), {"a.csv": "a\n"})
    assert json.loads(result)[2:] == ["application/json", "application/json"]


def test_variables_of_the_job_replace_those_of_the_model(client: Client) -> None:
    script = COUNTING_SCRIPT.replace("json.dumps([", "os.environ['A'] + os.environ['B'] + str([")
    definition = container(client, f"import os\n{script}", Variables={"A": "model", "B": "model"})
    model = create_model(client, definition)
    [result] = run_batch(client, model, {"a.csv": "a\n"}, Environment={"B": "job"}, **CSV)
    assert result.startswith(b"modeljob[")


def test_payloads_above_the_default_reach_the_server(client: Client) -> None:
    body = "x" * (30 << 20)
    [result] = run_batch(client, create_model(client, COUNTING_SCRIPT), {"a.csv": body}, MaxPayloadInMB=100, **CSV)
    assert json.loads(result)[1] == len(body)


def test_the_failure_reason_names_a_rejected_row(client: Client) -> None:
    configuration = {"InvocationsMaxRetries": 1, "InvocationsTimeoutInSeconds": 20}
    reason = reason_of(client, DOUBLING_SCRIPT, {"a.csv": "a\nreject\n"}, ModelClientConfig=configuration, **LINES)
    assert "this row is rejected" in reason


def test_the_failure_reason_names_the_error_of_a_model_that_fails_to_load(any_client: Client) -> None:
    model = create_model(any_client, "def model_fn(model_dir):\n    raise OSError('no weights here')\n")
    job, out = transform(any_client, model, {"a.csv": "a\n"})
    assert (job["TransformJobStatus"], any_client.keys(out)) == ("Failed", [])
    assert "no weights here" in job["FailureReason"]
    assert "no weights here" in any_client.log(job)


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        ("time.sleep(600)", "the server did not respond within 1 s"),
        ("os.kill(os.getppid(), 9) or os._exit(3)", "the server did not respond: "),
    ],
)
def test_a_server_that_hangs_or_ends_fails_the_job_in_time(client: Client, behaviour: str, problem: str) -> None:
    configuration = {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 1}
    start = time.monotonic()
    script = f"import os, time\n{DOUBLING_SCRIPT}".replace('    if "reject"', f'    {behaviour}\n    if "reject"')
    reason = reason_of(client, script, {"a.csv": "a\n"}, ModelClientConfig=configuration)
    assert reason.startswith("ClientError: The model's server failed to handle a request: the ")
    assert problem in reason
    assert time.monotonic() - start < 120  # although a server may hang for ten minutes


@pytest.mark.parametrize(
    ("value", "containers", "status"),
    [(None, 1, "Failed"), (None, 2, "Failed"), ("1", 1, "Failed"), ("0", 1, "Completed")],
)
def test_a_model_with_network_isolation_starts_only_if_it_would_on_aws(
    client: Client, value: str | None, containers: int, status: str
) -> None:
    variables = {"PIP_NO_BUILD_ISOLATION": value} if value else {}
    definition = container(client, DOUBLING_SCRIPT, Variables=variables)
    model = create_model(client, *[definition] * containers, EnableNetworkIsolation=True)
    job, _ = transform(client, model, {"a.csv": "a\n"}, Output={"KmsKeyId": "key"}, **CSV)
    assert job["TransformJobStatus"] == status, job.get("FailureReason")
    assert value or "Add PIP_NO_BUILD_ISOLATION=0 to the model's Environment" in job["FailureReason"]
    assert "TransformOutput.KmsKeyId has no effect here" in client.log(job)  # even if no server was started


def test_a_transform_job_can_be_stopped(any_client: Client) -> None:
    slow_code = "    print('a row', flush=True)\n    time.sleep(0.5)\n    if \"reject\""
    model = create_model(any_client, "import time\n" + DOUBLING_SCRIPT.replace('    if "reject"', slow_code))
    job, _ = transform(any_client, model, {"a.csv": ROWS}, wait=False, BatchStrategy="SingleRecord", **LINES)
    wait_until(lambda: "a row" in any_client.log(job))
    any_client.stop(job)
    assert any_client.end(job)["TransformJobStatus"] == "Stopped"


def test_invalid_requests_are_rejected(client: Client) -> None:
    model = create_model(client, DOUBLING_SCRIPT)
    with pytest.raises(ClientError, match="must not exceed 100 MB"):
        transform(client, model, {}, MaxPayloadInMB=30, MaxConcurrentTransforms=4)
    with pytest.raises(ClientError, match="Only images of the scikit-learn, XGBoost, linear-learner and PyTorch fam"):
        transform(client, create_model(client, {"Image": "tensorflow:1"}), {})
