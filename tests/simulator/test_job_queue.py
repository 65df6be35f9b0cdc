"""The queue of jobs: the order in which jobs start, and what happens if no thread can be started."""

import contextlib
import threading
from pathlib import Path
from typing import NoReturn

import pytest
from support.endpoints import Endpoints, variant
from support.job_traces import wait_until
from support.simulator_client import Client

from recore.simulator.compute.queue import JobQueue


def no_thread(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("can't start new thread")  # Python's own message


def test_delayed_work_starts_when_the_block_ends_without_an_error(tmp_path: Path) -> None:
    queue, ran = JobQueue(tmp_path), {}
    with contextlib.suppress(OSError), queue.delayed():
        queue.submit("never", lambda job: ran.update(never=False), computes=False)
        raise OSError
    with queue.delayed():
        queue.submit("one", lambda job: ran.update(one=job.stopping.is_set()), computes=False)
        queue.submit("two", lambda job: ran.update(two=job.stopping.is_set()))
        queue.stop("two")
        assert not ran
    wait_until(lambda: len(ran) == 2)
    queue.close()
    assert ran == {"one": False, "two": True}


@pytest.mark.parametrize("computes", [True, False])
def test_work_without_a_thread_is_refused_and_never_runs(
    computes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, ran = JobQueue(tmp_path), []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            queue.submit("refused", lambda job: ran.append("refused"), computes)
    queue.submit("next", lambda job: ran.append("next"), computes)
    wait_until(lambda: "next" in ran)
    queue.close()
    assert ran == ["next"]


def test_a_job_fails_if_no_thread_can_be_started(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobQueue, "submit", no_thread)
    job = client.process("pass")
    assert (job["ProcessingJobStatus"], "can't start new thread" in job["FailureReason"]) == ("Failed", True)


def test_an_endpoint_fails_if_no_thread_can_be_started(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is already in service keeps its instances."""
    first, second = (endpoints.config(variant(endpoints.named(name))) for name in ("first", "second"))
    serving = endpoints.create(first)
    with monkeypatch.context() as patch:
        patch.setattr(JobQueue, "submit", no_thread)
        failed = endpoints.create(second, wait=False)
        endpoints.sagemaker.update_endpoint(EndpointName=serving, EndpointConfigName=second)
        for name, status in ((failed, "Failed"), (serving, "InService")):
            described = endpoints.describe(name)
            assert (described["EndpointStatus"], described["EndpointConfigName"]) == (
                status,
                first if name == serving else second,
            )
            assert "can't start new thread" in described["FailureReason"]
    assert b"first" in endpoints.invoke(serving, "x")["Body"].read()
    endpoints.sagemaker.update_endpoint(EndpointName=serving, EndpointConfigName=second)
    assert endpoints.settle(serving)["EndpointStatus"] == "InService"
    assert b"second" in endpoints.invoke(serving, "x")["Body"].read()
