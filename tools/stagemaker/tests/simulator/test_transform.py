"""Batch Transform: objects are split into requests for a real server, and the responses are assembled."""

import json
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.job_traces import output, wait_until
from stagemaker_support.simulator_client import IMAGE, Client, numbers
from stagemaker_support.transform_jobs import create_model
from stagemaker_support.transform_jobs import transform as transform_with_model

from stagemaker.server import BUCKET, ROLE_ARN

pytestmark = pytest.mark.everywhere

# A script that responds with one line: the request's line and byte counts, its content type and the accepted type.
COUNTING_SCRIPT = """
import json, os

def model_fn(model_dir):
    return sorted(os.listdir(model_dir))

def input_fn(data, content_type):
    return data.encode() if isinstance(data, str) else data, content_type

def predict_fn(data, model):
    return data

def output_fn(data, accept):
    return json.dumps([data[0].count(b"\\n"), len(data[0]), data[1], accept])
"""
# A script that responds to each line with a line that contains it twice.
DOUBLING_SCRIPT = """
def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    return data

def predict_fn(data, model):
    if "refuse" in data:
        raise ValueError("this row is refused")
    return data

def output_fn(data, accept):
    return "".join(line + line + "\\n" for line in data.splitlines())
"""


def transform(client: Client, script: str, objects: dict[str, str | bytes], wait: bool = True, **members: Any):
    """Run a transform job over these objects; return the job's description and its output's URI."""
    name = f"transform-{next(numbers)}"
    for key, body in objects.items():
        client.put(f"{name}/in/{key}", body)
    variables = {"SAGEMAKER_PROGRAM": "serve_me.py", "SAGEMAKER_SUBMIT_DIRECTORY": client.source(serve_me=script)}
    variables |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"} | members.pop("Variables", {})
    container = {"Image": IMAGE, "Environment": variables} | members.pop("Container", {})
    model = {"PrimaryContainer": container} | members.pop("Model", {})
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, **model)
    uri = f"s3://{BUCKET}/{name}/in/" + members.pop("Prefix", "")
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    request = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}} | members.pop("TransformInput", {}),
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"} | members.pop("TransformOutput", {}),
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    client.sagemaker.create_transform_job(**request | members)
    job = client.wait("TransformJob", name) if wait else client.describe("TransformJob", name)
    return job, f"s3://{BUCKET}/{name}/out"


ROWS = "".join(f"{number},{number}\n" for number in range(1000))


def test_an_object_is_sent_as_one_request_by_default(any_client: Client) -> None:
    job, out = transform(any_client, COUNTING_SCRIPT, {"a.csv": ROWS}, TransformInput={"ContentType": "text/csv"})
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert json.loads(any_client.get(f"{out}/a.csv.out")) == [1000, len(ROWS), "text/csv", "application/json"]
    assert job["TransformStartTime"] <= job["TransformEndTime"]


def test_lines_are_sent_together_or_one_by_one(client: Client) -> None:
    transform_input = {"SplitType": "Line", "ContentType": "text/csv"}
    transform_output = {"AssembleWith": "Line", "Accept": "text/csv"}
    for strategy, request_count in (("MultiRecord", 1), ("SingleRecord", 20)):
        rows = "".join(ROWS.splitlines(keepends=True)[:20])
        job, out = transform(
            client,
            COUNTING_SCRIPT,
            {"a.csv": rows},
            TransformInput=transform_input,
            TransformOutput=transform_output,
            BatchStrategy=strategy,
        )
        assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
        responses = [json.loads(line) for line in client.get(f"{out}/a.csv.out").splitlines()]
        assert len(responses) == request_count
        assert sum(response[0] for response in responses) == 20
        assert {tuple(response[2:]) for response in responses} == {("text/csv", "text/csv")}


def test_responses_keep_the_order_of_the_lines(any_client: Client) -> None:
    job, out = transform(
        any_client,
        DOUBLING_SCRIPT,
        {"a.csv": ROWS, "deep/er/b.csv": "x\ny"},
        TransformInput={"SplitType": "Line", "ContentType": "text/csv"},
        TransformOutput={"AssembleWith": "Line", "Accept": "text/csv"},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=4,
        MaxPayloadInMB=1,
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    expected = "".join(line + line + "\n" for line in ROWS.splitlines())
    assert any_client.get(f"{out}/a.csv.out").decode() == expected
    assert any_client.get(f"{out}/deep/er/b.csv.out") == b"xx\nyy\n"


def test_a_prefix_selects_objects(client: Client) -> None:
    objects = {"part-1.csv": "a\n", "part-2.csv": "b\n", "other.csv": "c\n", "empty.csv": ""}
    transform_input = {"ContentType": "text/csv"}
    job, out = transform(client, DOUBLING_SCRIPT, objects, Prefix="part-", TransformInput=transform_input)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    prefix = out.removeprefix(f"s3://{BUCKET}/")
    keys = [item["Key"] for item in client.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
    assert keys == [f"{prefix}/part-1.csv.out", f"{prefix}/part-2.csv.out"]


def test_a_file_above_the_payload_limit_fails_the_job(client: Client) -> None:
    large_line = "x" * (1 << 20) + "\n"
    job, _ = transform(client, COUNTING_SCRIPT, {"a.csv": ROWS + large_line}, MaxPayloadInMB=1)
    assert job["TransformJobStatus"] == "Failed"
    assert "larger than the MaxPayloadInMB of 1" in job["FailureReason"]
    transform_input = {"SplitType": "Line", "ContentType": "text/csv"}
    job, _ = transform(
        client, COUNTING_SCRIPT, {"a.csv": ROWS + large_line}, TransformInput=transform_input, MaxPayloadInMB=1
    )
    assert "larger than the MaxPayloadInMB of 1" in job["FailureReason"]


def test_payloads_above_the_default_reach_the_server(client: Client) -> None:
    body = "x" * (30 << 20)
    job, out = transform(
        client, COUNTING_SCRIPT, {"a.csv": body}, TransformInput={"ContentType": "text/csv"}, MaxPayloadInMB=100
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert json.loads(client.get(f"{out}/a.csv.out"))[1] == len(body)


def test_the_failure_reason_names_a_refused_row(any_client: Client) -> None:
    transform_input = {"SplitType": "Line", "ContentType": "text/csv"}
    configuration = {"InvocationsMaxRetries": 1, "InvocationsTimeoutInSeconds": 20}
    job, out = transform(
        any_client,
        DOUBLING_SCRIPT,
        {"a.csv": "a\nrefuse\n"},
        TransformInput=transform_input,
        ModelClientConfig=configuration,
    )
    assert job["TransformJobStatus"] == "Failed"
    assert "this row is refused" in job["FailureReason"]
    prefix = out.removeprefix(f"s3://{BUCKET}/")
    assert "Contents" not in any_client.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def test_the_failure_reason_names_the_error_of_a_model_that_fails_to_load(any_client: Client) -> None:
    script = "def model_fn(model_dir):\n    raise OSError('no weights here')\n"
    job, _ = transform(any_client, script, {"a.csv": "a\n"})
    assert job["TransformJobStatus"] == "Failed"
    assert "no weights here" in job["FailureReason"]
    assert "no weights here" in output(any_client, "TransformJob", job["TransformJobName"])


def test_a_response_after_the_time_limit_fails_the_job(client: Client) -> None:
    script = DOUBLING_SCRIPT.replace('    if "refuse"', "    import time; time.sleep(60)\n    if ")
    script = script.replace("if  in data", "if 'refuse' in data")
    configuration = {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 1}
    job, _ = transform(
        client, script, {"a.csv": "a\n"}, TransformInput={"ContentType": "text/csv"}, ModelClientConfig=configuration
    )
    assert job["TransformJobStatus"] == "Failed"
    assert "did not respond within 1 s" in job["FailureReason"]


# A replacement for the container's server that passes health checks. HOW is replaced by its response to an invocation.
IMPOSTOR_SERVER = """
import contextlib, os, socket, sys, time

path = sys.argv[sys.argv.index("--bind") + 1].removeprefix("unix:")
os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
while True:
    connection, _ = server.accept()
    head = connection.recv(65536)
    if head.startswith(b"GET /ping"):
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    elif head.startswith(b"GET"):
        connection.sendall(b"HTTP/1.1 404 No\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    else:
        with contextlib.suppress(OSError):
            HOW
    connection.close()
"""
MISBEHAVIOURS = {
    "drips": ("for byte in b'HTTP/1.1 200 OK' + b'x' * 6000: connection.sendall(bytes([byte])) or time.sleep(0.1)", 1),
    "hangs": ("time.sleep(600)", 1),
    "exits": ("os.kill(os.getppid(), 9) or os._exit(3)", 1),
    "closes": ("pass", 5),
    "malformed": (
        r"connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')",
        5,
    ),
}


@pytest.mark.parametrize(("behaviour", "seconds"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS.keys())
def test_a_server_that_misbehaves_fails_the_job_in_time(client: Client, behaviour: str, seconds: int) -> None:
    configuration = {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": seconds}
    start = time.monotonic()
    job, _ = transform(
        client, IMPOSTOR_SERVER.replace("HOW", behaviour), {"a.csv": "a\n"}, ModelClientConfig=configuration
    )
    assert job["TransformJobStatus"] == "Failed"
    assert re.fullmatch(
        r"ClientError: The model's server failed to handle a request: the server('s response | did not respond).*",
        job["FailureReason"],
    )
    assert time.monotonic() - start < 120  # although a server may hang for ten minutes


def test_a_model_with_network_isolation_starts_only_if_it_would_on_aws(any_client: Client) -> None:
    transform_input = {"ContentType": "text/csv"}
    isolation = {"EnableNetworkIsolation": True}
    job, _ = transform(any_client, DOUBLING_SCRIPT, {"a.csv": "a\n"}, TransformInput=transform_input, Model=isolation)
    assert job["TransformJobStatus"] == "Failed"
    assert "Add PIP_NO_BUILD_ISOLATION=0 to the model's Environment" in job["FailureReason"]
    for value, status in (("1", "Failed"), ("0", "Completed")):
        job, _ = transform(
            any_client,
            DOUBLING_SCRIPT,
            {"a.csv": "a\n"},
            TransformInput=transform_input,
            Model=isolation,
            Variables={"PIP_NO_BUILD_ISOLATION": value},
        )
        assert job["TransformJobStatus"] == status, job.get("FailureReason")


@pytest.mark.parametrize("container_count", [1, 2])
def test_a_job_that_fails_to_start_logs_settings_without_effect(client: Client, container_count: int) -> None:
    model = create_model(client, *[DOUBLING_SCRIPT] * container_count, EnableNetworkIsolation=True)
    job, _ = transform_with_model(client, model, {"a": "1\n"}, Output={"KmsKeyId": "key"})
    assert "PIP_NO_BUILD_ISOLATION" in job["FailureReason"]
    lines = output(client, "TransformJob", job["TransformJobName"])
    assert "TransformOutput.KmsKeyId has no effect here" in lines


def test_a_transform_job_can_be_stopped(any_client: Client) -> None:
    script = DOUBLING_SCRIPT.replace("def predict_fn", "import time\n\ndef predict_fn").replace(
        '    if "refuse"', "    print('a row', flush=True)\n    time.sleep(0.5)\n    if 'refuse'"
    )
    transform_input = {"SplitType": "Line", "ContentType": "text/csv"}
    job, _ = transform(
        any_client, script, {"a.csv": ROWS}, wait=False, TransformInput=transform_input, BatchStrategy="SingleRecord"
    )
    name = job["TransformJobName"]
    wait_until(lambda: "a row" in output(any_client, "TransformJob", name))
    any_client.sagemaker.stop_transform_job(TransformJobName=name)
    assert any_client.wait("TransformJob", name)["TransformJobStatus"] == "Stopped"


def test_the_model_archive_is_unpacked_into_the_model_folder(client: Client) -> None:
    script = COUNTING_SCRIPT.replace("return data\n\ndef output", "return [b'', b'', model]\n\ndef output", 1)
    script = script.replace('json.dumps([data[0].count(b"\\n"), len(data[0]), data[1], accept])', "json.dumps(data[2])")
    container = {"ModelDataUrl": client.source(weights="x = 1", other="y = 2")}
    job, out = transform(
        client, script, {"a.csv": "a"}, Container=container, TransformInput={"ContentType": "text/csv"}
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert json.loads(client.get(f"{out}/a.csv.out")) == ["other.py", "weights.py"]


def test_invalid_requests_are_refused(client: Client) -> None:
    with pytest.raises(ClientError, match="must not exceed 100 MB"):
        transform(client, COUNTING_SCRIPT, {"a.csv": "a"}, MaxPayloadInMB=30, MaxConcurrentTransforms=4)
    with pytest.raises(
        ClientError, match="Only images of the scikit-learn, XGBoost, linear-learner and PyTorch families"
    ):
        transform(client, COUNTING_SCRIPT, {"a.csv": "a"}, Container={"Image": "tensorflow:1"})
    with pytest.raises(ClientError, match=r"Could not find model .*model/nowhere"):
        transform(client, COUNTING_SCRIPT, {"a.csv": "a"}, ModelName="nowhere")
