"""What a simulator keeps in its state folder, and that it keeps nothing else."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import pytest
from support.checkout import ROOT, environment

from recore.simulator.server import BUCKET, Simulator

PROGRAM = """
import json, sys
from pathlib import Path
from recore.simulator.server import Simulator
with Simulator(state=Path(sys.argv[1]) if len(sys.argv) > 1 else None) as simulator:
    print(json.dumps(simulator.variables()), flush=True)
    sys.stdin.read()
"""


def start(*arguments: Path) -> tuple[subprocess.Popen, dict[str, str]]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, json.loads(process.stdout.readline())


def client_of(variables: dict[str, str], service: str):
    return boto3.client(
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_DEFAULT_REGION"],
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def test_acknowledged_objects_survive_a_kill(tmp_path: Path) -> None:
    process, variables = start(tmp_path)
    s3, sagemaker = client_of(variables, "s3"), client_of(variables, "sagemaker")
    s3.create_bucket(Bucket="mine")
    for number in range(20):
        s3.put_object(
            Bucket="mine", Key=f"a/{number}", Body=b"first", ContentType="text/csv", Metadata={"n": str(number)}
        )
    s3.put_object(Bucket="mine", Key="a/3", Body=b"second")
    s3.delete_object(Bucket="mine", Key="a/4")
    s3.delete_objects(Bucket="mine", Delete={"Objects": [{"Key": "a/5"}, {"Key": "a/6"}]})
    s3.copy_object(Bucket="mine", Key="copy ü", CopySource="mine/a/7")
    large = s3.create_multipart_upload(Bucket="mine", Key="large")["UploadId"]
    part = s3.upload_part(Bucket="mine", Key="large", UploadId=large, PartNumber=1, Body=b"x" * 6_000_000)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket="mine", Key="large", UploadId=large, MultipartUpload=parts)
    sagemaker.create_model(
        ModelName="kept",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
        PrimaryContainer={"Image": "sklearn:1"},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    process.send_signal(signal.SIGKILL)
    process.wait()

    process, variables = start(tmp_path)
    s3, sagemaker = client_of(variables, "s3"), client_of(variables, "sagemaker")
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket="mine")["Contents"]}
    assert keys == {*(f"a/{number}" for number in range(20)), "copy ü", "large"} - {"a/4", "a/5", "a/6"}
    assert s3.get_object(Bucket="mine", Key="a/3")["Body"].read() == b"second"
    seven = s3.get_object(Bucket="mine", Key="a/7")
    assert (seven["Body"].read(), seven["ContentType"], seven["Metadata"]) == (b"first", "text/csv", {"n": "7"})
    assert s3.get_object(Bucket="mine", Key="copy ü")["Body"].read() == b"first"
    assert s3.head_object(Bucket="mine", Key="large")["ContentLength"] == 6_000_000
    model = sagemaker.describe_model(ModelName="kept")
    assert sagemaker.list_tags(ResourceArn=model["ModelArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    leftovers = list(tmp_path.rglob("*.part"))
    assert not leftovers
    assert len(list((tmp_path / "s3/mine").iterdir())) == 2 * len(keys)


def test_a_job_interrupted_by_a_kill_has_failed_afterwards(tmp_path: Path) -> None:
    records = tmp_path / "records/TrainingJob"
    with Simulator(state=tmp_path) as simulator:
        simulator.client("s3").put_object(Bucket=BUCKET, Key="x", Body=b"x")
    records.mkdir(exist_ok=True)
    record = {"TrainingJobName": "cut", "TrainingJobArn": "arn", "TrainingJobStatus": "InProgress"}
    record |= {"CreationTime": {"$time": 1.0}, "LastModifiedTime": {"$time": 1.0}, "SecondaryStatus": "Training"}
    (records / "cut.json").write_text(json.dumps(record))
    with Simulator(state=tmp_path) as simulator:
        [job] = simulator.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        assert job["TrainingJobStatus"] == "Failed"


def test_a_folder_serves_one_simulator_at_a_time(tmp_path: Path) -> None:
    with Simulator(state=tmp_path), pytest.raises(OSError, match="in use by another simulator"):
        Simulator(state=tmp_path)
    with Simulator(state=tmp_path):
        pass


def test_without_a_state_folder_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    process, variables = start()
    s3 = client_of(variables, "s3")
    s3.put_object(Bucket=BUCKET, Key="x", Body=b"x" * 20_000_000)
    assert os.listdir(tmp_path)
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert not os.listdir(tmp_path)
    process, variables = start()
    assert "Contents" not in client_of(variables, "s3").list_objects_v2(Bucket=BUCKET)
    process.stdin.close()
    process.wait(timeout=30)


def test_versioned_buckets_are_supported(tmp_path: Path) -> None:
    with Simulator(state=tmp_path) as simulator:
        s3 = simulator.client("s3")
        s3.create_bucket(Bucket="versioned")
        s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="versioned", Key="x", Body=b"1")
        s3.delete_object(Bucket="versioned", Key="x")
        s3.put_object(Bucket="versioned", Key="y", Body=b"2")
    with Simulator(state=tmp_path) as simulator:
        keys = [item["Key"] for item in simulator.client("s3").list_objects_v2(Bucket="versioned")["Contents"]]
        assert keys == ["y"]
