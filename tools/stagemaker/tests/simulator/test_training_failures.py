"""Training jobs that fail, and requests for training jobs that are refused."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.training_jobs import ALGORITHM, channel, numbers, submit

from stagemaker.server import BUCKET

pytestmark = pytest.mark.everywhere


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('no columns')", "AlgorithmError: ValueError: no columns, exit code: 1"),
        ("import sys; sys.exit(3)", ", exit code: 3"),
        (
            "import os; open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('too few rows'); os._exit(7)",
            "AlgorithmError: too few rows, exit code: 7",
        ),
    ],
)
def test_the_failure_reason_describes_how_the_script_failed(client, script: str, message: str) -> None:
    job = client.train(script)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert message in job["FailureReason"]
    with pytest.raises(ClientError):
        client.get(job["ModelArtifacts"]["S3ModelArtifacts"])


def test_the_failure_reason_names_what_is_missing(client) -> None:
    source = client.source(other="")
    data = client.put(f"single/{next(numbers)}/a.csv", "1")
    cases = {
        "sagemaker_program": {"HyperParameters": {}},
        "job.py": {"HyperParameters": {"sagemaker_program": "job.py", "sagemaker_submit_directory": source}},
        "nowhere.tar.gz": {
            "HyperParameters": {
                "sagemaker_program": "job.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/nowhere.tar.gz",
            }
        },
        "a.csv could not be unpacked": {
            "HyperParameters": {"sagemaker_program": "job.py", "sagemaker_submit_directory": data}
        },
        "alone.py": {"HyperParameters": {"sagemaker_program": "alone.py"}},
    }
    names = {message: submit(client, **members) for message, members in cases.items()}
    for message, name in names.items():
        job = client.wait("TrainingJob", name)
        assert job["TrainingJobStatus"] == "Failed"
        assert message in job["FailureReason"], job["FailureReason"]
        assert "Traceback" not in job["FailureReason"], job["FailureReason"]


@pytest.mark.parametrize(
    ("message", "members"),
    [
        (
            "tensorflow is a SageMaker image that is not simulated",
            {
                "AlgorithmSpecification": ALGORITHM
                | {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/tensorflow:1.7-1"}
            },
        ),
        ("InstanceType", {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}}),
        (
            "the channel name a is used twice",
            {"InputDataConfig": [channel("a", "s3://bucket/1"), channel("a", "s3://bucket/2")]},
        ),
        (
            "InputMode Pipe is not simulated: use File or FastFile",
            {"InputDataConfig": [channel("a", "s3://bucket/1", InputMode="Pipe")]},
        ),
        (
            "Regex of loss",
            {"AlgorithmSpecification": ALGORITHM | {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=("}]}},
        ),
    ],
)
def test_invalid_requests_are_refused(client, message: str, members: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        submit(client, **members)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
