"""Training jobs that fail, and requests for training jobs that are rejected."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.simulator_client import rejection
from stagemaker_support.training_jobs import ALGORITHM, channel, counter, submit

from stagemaker.server import BUCKET

pytestmark = pytest.mark.everywhere


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('no columns')", "AlgorithmError: ValueError: no columns, exit code: 1"),
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


def test_the_failure_reason_names_the_missing_item(client) -> None:
    program, missing = {"sagemaker_program": "job.py"}, f"s3://{BUCKET}/nowhere.tar.gz"
    cases = [({}, "sagemaker_program"), (program, "job.py")]
    for uri, reason in (
        (client.source(other=""), "job.py"),
        (missing, missing),
        (client.put(f"single/{next(counter)}/a.csv", "1"), "a.csv could not be unpacked"),
    ):
        cases.append((program | {"sagemaker_submit_directory": uri}, reason))
    names = [submit(client, HyperParameters=settings) for settings, _ in cases]
    names.append(submit(client, AlgorithmSpecification=ALGORITHM | {"ContainerEntrypoint": ["/opt/ml/no/such"]}))
    cases.append(({}, "/opt/ml/no/such"))
    for name, (_, reason) in zip(names, cases, strict=True):
        job = client.wait("TrainingJob", name)
        assert job["TrainingJobStatus"] == "Failed"
        assert reason in job["FailureReason"]
        assert "Traceback" not in job["FailureReason"]


INVALID_METRIC = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=("}]}


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        ("Regex of loss", "AlgorithmSpecification", INVALID_METRIC),
        ("the channel name a is used twice", "InputDataConfig", [channel("a", f"s3://bucket/{n}") for n in "12"]),
    ],
)
def test_invalid_requests_are_rejected(client, message: str, name: str, value: Any) -> None:
    member = ALGORITHM | value if name == "AlgorithmSpecification" else value
    assert message in rejection(submit, client, **{name: member})
