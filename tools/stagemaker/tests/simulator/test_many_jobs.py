"""Many concurrent jobs all complete and use little memory."""

import psutil
import pytest
from stagemaker_support.job_traces import wait_until

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"


def run_many(client, count):
    app_specification = {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]}
    other_processes = set(psutil.Process().children())
    names = [
        client.process("", wait=False, AppSpecification=app_specification)["ProcessingJobName"] for _ in range(count)
    ]
    statuses = [client.wait("ProcessingJob", name, 300)["ProcessingJobStatus"] for name in names]
    assert statuses == ["Completed"] * count
    wait_until(lambda: set(psutil.Process().children()) <= other_processes)


def test_more_jobs_than_cores_complete(any_client):
    run_many(any_client, 20)


@pytest.mark.timing
def test_two_hundred_jobs_use_little_memory(any_client):
    memory_before = psutil.Process().memory_info().rss
    run_many(any_client, 200)
    assert psutil.Process().memory_info().rss - memory_before < 100 << 20
