"""The job queue: the order in which jobs start, and what happens if no thread can be started."""

import threading
from pathlib import Path
from typing import NoReturn

import pytest
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from stagemaker.compute.queue import JobQueue


def fail_to_start_thread(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("can't start new thread")  # Python's own message


@pytest.mark.parametrize("computes", [True, False])
def test_work_without_a_thread_is_refused_and_never_runs(
    computes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, runs = JobQueue(tmp_path), []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail_to_start_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            queue.submit("refused", lambda job: runs.append("refused"), computes)
    queue.submit("next", lambda job: runs.append("next"), computes)
    wait_until(lambda: "next" in runs)
    queue.close()
    assert runs == ["next"]


def test_a_job_fails_if_no_thread_can_be_started(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobQueue, "submit", fail_to_start_thread)
    job = client.process("pass")
    assert (job["ProcessingJobStatus"], "can't start new thread" in job["FailureReason"]) == ("Failed", True)


def test_an_endpoint_fails_if_no_thread_can_be_started(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is already in service keeps its instances."""
    first_config, second_config = (endpoints.config(variant(endpoints.named(name))) for name in ("first", "second"))
    endpoint_in_service = endpoints.create(first_config)
    with monkeypatch.context() as patch:
        patch.setattr(JobQueue, "submit", fail_to_start_thread)
        failed_endpoint = endpoints.create(second_config, wait=False)
        endpoints.sagemaker.update_endpoint(EndpointName=endpoint_in_service, EndpointConfigName=second_config)
        for name, status in ((failed_endpoint, "Failed"), (endpoint_in_service, "InService")):
            described = endpoints.describe(name)
            assert (described["EndpointStatus"], described["EndpointConfigName"]) == (
                status,
                first_config if name == endpoint_in_service else second_config,
            )
            assert "can't start new thread" in described["FailureReason"]
    assert b"first" in endpoints.invoke(endpoint_in_service, "x")["Body"].read()
    endpoints.sagemaker.update_endpoint(EndpointName=endpoint_in_service, EndpointConfigName=second_config)
    assert endpoints.settle(endpoint_in_service)["EndpointStatus"] == "InService"
    assert b"second" in endpoints.invoke(endpoint_in_service, "x")["Body"].read()
