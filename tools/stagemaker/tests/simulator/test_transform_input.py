"""The input of transform jobs: compressed objects, manifests, filtered records, and objects divided among instances."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.simulator_client import Client, counter, rejection
from stagemaker_support.transform_jobs import create_model, failure_reason, run_batch, transform

from stagemaker.compute.batch_transform.manifest import source_objects
from stagemaker.compute.failure import JobFailed
from stagemaker.server import BUCKET

# A script that responds to each line with the sum of its numbers, or fails if a line contains a word.
SUMMING_SCRIPT = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    sums = [sum(map(float, line.split(","))) for line in data.splitlines()]
    return "".join(f"{number:g}\\n" for number in sums), accept
"""
LINE_INPUT = {"ContentType": "text/csv", "SplitType": "Line"}
CSV_LINES = {"Input": LINE_INPUT, "Output": {"Accept": "text/csv", "AssembleWith": "Line"}}


@pytest.fixture(scope="module")
def model(client: Client) -> str:
    return create_model(client, SUMMING_SCRIPT)


def test_an_id_is_not_sent_to_the_model_and_is_joined_to_its_result(client: Client, model: str) -> None:
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    body = "".join(f"id {index},{index},1\n" for index in range(300))
    for strategy in ("MultiRecord", "SingleRecord"):
        rows = body if strategy == "MultiRecord" else body[: body.index("id 5")]
        [result] = run_batch(client, model, {"a": rows}, DataProcessing=processing, BatchStrategy=strategy, **CSV_LINES)
        expected = [f"{row.split(',')[0]},{int(row.split(',')[1]) + 1}" for row in rows.splitlines()]
        assert result.decode().splitlines() == expected


def test_a_filter_that_selects_nothing_fails_the_job(client: Client, model: str) -> None:
    reason = failure_reason(client, model, {"a": "1,2\n3\n"}, DataProcessing={"InputFilter": "$[1]"}, **CSV_LINES)
    problem = "InputFilter '$[1]': [1] selects nothing from an array of length 1"
    assert reason == f"ClientError: DataProcessing: {problem}"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"DataProcessing": {"InputFilter": "$..a"}}, "'$..a' is not supported; the error is at '..a'"),
        ({"DataProcessing": {"JoinSource": "Input"}, "Output": {"Accept": "text/csv"}}, "requires AssembleWith Line"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_invalid_or_unsupported_requests_are_rejected(
    client: Client, model: str, members: dict[str, Any], expected: str
) -> None:
    assert expected in rejection(transform, client, model, {}, **CSV_LINES | members)


def test_compressed_objects_are_read(client: Client, model: str) -> None:
    gzip_input = {"CompressionType": "Gzip"}
    two_members = gzip.compress(b"1,2\n") + gzip.compress(b"3,4\n")
    objects = {"a.csv.gz": gzip.compress(b"1,1\n2,2\n"), "b.gz": two_members}
    assert run_batch(client, model, objects, **CSV_LINES | {"Input": LINE_INPUT | gzip_input}) == [b"2\n4\n", b"3\n7\n"]


def manifest(client: Client, content: Any) -> dict[str, str]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"S3DataType": "ManifestFile", "S3Uri": client.put(f"manifests/{next(counter)}.json", body)}


def test_a_manifest_lists_the_objects(client: Client, model: str) -> None:
    folder = f"listed-{next(counter)}"
    for key in ("x/a.csv", "b.csv", "c.csv"):
        client.put(f"{folder}/{key}", "1,2\n")
    source = manifest(client, [{"prefix": f"s3://{BUCKET}/{folder}/"}, "x/a.csv", "c.csv"])
    resources = {"InstanceCount": 20, "VolumeKmsKeyId": "alias/mine"}  # more instances than objects
    job, out = transform(client, model, {}, Source=source, Resources=resources, **CSV_LINES)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert client.keys(f"{out}/") == ["c.csv.out", "x/a.csv.out"]
    assert client.get(f"{out}/x/a.csv.out") == client.get(f"{out}/c.csv.out") == b"3\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff\xfe\xfd", "is not valid JSON"),
        (b"[" * 200_000, "is not valid JSON"),
        ({"prefix": "s3://bucket/"}, "is not a JSON array"),
        ([], "does not begin with an object whose prefix"),
        (["a.csv"], "does not begin with an object whose prefix"),
        ([{"prefix": "file:///etc/"}, "passwd"], "does not begin with an object whose prefix"),
        ([{"prefix": f"s3://{BUCKET}/"}], "must list the names of objects"),
        ([{"prefix": f"s3://{BUCKET}/"}, 5], "must list the names of objects"),
        ([{"prefix": f"s3://{BUCKET}/"}, "nowhere.csv"], f"'s3://{BUCKET}/nowhere.csv', listed in the manifest"),
        ([{"prefix": f"s3://{BUCKET}/x/"}, "a", "../y"], "lists '../y': '..' cannot be part of a name"),
        ([{"prefix": f"s3://{BUCKET}/x/"}, "a", "b", "a"], "lists 'a' more than once"),
        ([{"prefix": "s3://no-such-bucket/"}, "a"], "'s3://no-such-bucket/a', listed in the manifest"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_broken_manifests_are_rejected(client: Client, content: Any, expected: str) -> None:
    with pytest.raises(JobFailed, match=re.escape(expected)):
        source_objects(client.s3, manifest(client, content))


def test_a_missing_manifest_fails_the_job(client: Client, model: str) -> None:
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/manifests/none.json"}
    assert "none.json' could not be read" in failure_reason(client, model, {}, Source=source)


def test_objects_are_divided_among_instances(unsandboxed_client: Client, tmp_path: Path) -> None:
    """Two instances work in parallel, each with a server and a log. Each server waits until the other has an object."""
    script = f"""
import os, time
def model_fn(model_dir): return os.getpid()
def transform_fn(model, data, content_type, accept):
    print("object", data, flush=True)
    open(f"{tmp_path}/{{model}}", "w").close()
    while len(os.listdir("{tmp_path}")) < 2:
        time.sleep(0.01)
    return data
"""
    client, objects = unsandboxed_client, {f"{index}.csv": str(index) for index in range(4)}
    model = create_model(client, script)
    job, out = transform(client, model, objects, Resources={"InstanceCount": 2}, Input={"ContentType": "text/csv"})
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert [client.get(f"{out}/{key}.out").decode() for key in objects] == ["0", "1", "2", "3"]
    group, prefix = "/aws/sagemaker/TransformJobs", f"{job['TransformJobName']}/"
    streams = client.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    assert len(streams) == 2
    logs = [client.logs.get_log_events(logGroupName=group, logStreamName=item["logStreamName"]) for item in streams]
    counts = [sum(event["message"].startswith("object ") for event in log["events"]) for log in logs]
    assert sum(counts) == 4
    assert all(counts)


def test_the_failure_of_an_instance_stops_the_others(client: Client, model: str) -> None:
    objects = {"a.csv": "1\n", "b.csv": "word\n", "c.csv": "1\n" * 2000, "d.csv": "2\n"}
    members = CSV_LINES | {"Resources": {"InstanceCount": 3}, "BatchStrategy": "SingleRecord"}
    reason = failure_reason(client, model, objects, **members)
    assert "could not convert string to float: 'word'" in reason
