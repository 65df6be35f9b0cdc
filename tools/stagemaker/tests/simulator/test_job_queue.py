"""The job queue: the order of jobs, many concurrent jobs, threads that cannot start, and stops at the last moment."""

import os
import threading
import time
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from stagemaker import machine
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.platform import Platform
from stagemaker.compute.queue import JobQueue
from stagemaker.isolation.unsandboxed import Unsandboxed
from stagemaker.protocol.errors import ServiceError
from stagemaker.resources.processing_job import ProcessingJobs
from stagemaker.resources.training_job import TrainingJobs
from stagemaker.resources.transform_job import TransformJobs
from stagemaker.state.records import Store


def fail_to_start_thread(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("can't start new thread")  # Python's own message


@pytest.mark.parametrize("computes", [True, False])
def test_work_without_a_thread_is_rejected_and_never_runs(
    computes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, runs = JobQueue(tmp_path), []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail_to_start_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            queue.submit("rejected", lambda job: runs.append("rejected"), computes)
    queue.submit("next", lambda job: runs.append("next"), computes)
    wait_until(lambda: "next" in runs)
    queue.close()
    assert runs == ["next"]


def test_a_job_with_the_name_of_one_that_is_just_ending_runs(tmp_path: Path) -> None:
    """A job that has ended can be deleted, and its name used again, before its files are removed."""
    queue, may_end, runs = JobQueue(tmp_path), threading.Event(), []
    queue.submit("name", lambda job: runs.append("first") or may_end.wait(30))
    wait_until(lambda: runs == ["first"])
    queue.submit("name", lambda job: job.stopping.wait(30) and runs.append("stopped"))
    may_end.set()
    wait_until(lambda: queue.position("name") == 0)
    queue.stop("name")
    wait_until(lambda: runs == ["first", "stopped"])
    queue.close()


def test_a_job_fails_if_no_thread_can_be_started(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobQueue, "submit", fail_to_start_thread)
    job = client.process("pass")
    assert (job["ProcessingJobStatus"], "can't start new thread" in job["FailureReason"]) == ("Failed", True)


def test_an_endpoint_fails_if_no_thread_can_be_started(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    first_config, second_config = (endpoints.config(variant(endpoints.named(name))) for name in ("first", "second"))
    endpoint_in_service = endpoints.create(first_config)
    with monkeypatch.context() as patch:
        patch.setattr(JobQueue, "submit", fail_to_start_thread)
        failed_endpoint = endpoints.create(second_config, wait=False)
        endpoints.sagemaker.update_endpoint(EndpointName=endpoint_in_service, EndpointConfigName=second_config)
        for name, status in ((failed_endpoint, "Failed"), (endpoint_in_service, "InService")):
            description = endpoints.describe(name)
            assert (description["EndpointStatus"], description["EndpointConfigName"]) == (
                status,
                first_config if name == endpoint_in_service else second_config,
            )
            assert "can't start new thread" in description["FailureReason"]
    assert b"first" in endpoints.invoke(endpoint_in_service, "x")["Body"].read()
    endpoints.sagemaker.update_endpoint(EndpointName=endpoint_in_service, EndpointConfigName=second_config)
    assert endpoints.settle(endpoint_in_service)["EndpointStatus"] == "InService"
    assert b"second" in endpoints.invoke(endpoint_in_service, "x")["Body"].read()


def run_many(client, count):
    app_specification = {"ImageUri": client.image, "ContainerEntrypoint": ["true"]}
    other_processes = set(psutil.Process().children())
    jobs = [client.process("", wait=False, AppSpecification=app_specification) for _ in range(count)]
    assert [client.end(job, 300)["ProcessingJobStatus"] for job in jobs] == ["Completed"] * count
    wait_until(lambda: set(psutil.Process().children()) <= other_processes)


def test_more_jobs_than_cores_complete(client):
    run_many(client, 4 * (os.cpu_count() or 1))


@pytest.mark.timing
def test_two_hundred_jobs_use_little_memory(client):
    memory_before = psutil.Process().memory_info().rss
    run_many(client, 200)
    assert psutil.Process().memory_info().rss - memory_before < 100 << 20


def jobs_of(kind, run, queue, client, folder):
    """Return a resource for jobs of this kind, which call `run` instead of running a program."""

    class Jobs(kind):
        job_run = type("Run", (kind.job_run,), {"run": run})

    return Jobs(Platform(Store(), queue, client.simulator.client, Unsandboxed(), folder, folder))


def fail():
    raise JobFailed("AlgorithmError: too late")


def raise_unexpected_error():
    raise ZeroDivisionError


@pytest.mark.slow
@pytest.mark.parametrize("end", [dict, fail, raise_unexpected_error], ids=["completes", "fails", "breaks"])
@pytest.mark.parametrize("kind", [ProcessingJobs, TrainingJobs])
def test_a_job_that_is_stopped_at_the_very_end_ends_as_stopped(client, tmp_path, kind, end):
    may_end, has_stopped = threading.Event(), threading.Event()

    def run(self):
        may_end.set()
        assert has_stopped.wait(30)
        end()

    jobs = JobQueue(tmp_path)
    resource, name = jobs_of(kind, run, jobs, client, tmp_path), f"{kind.kind}Name"
    resource.submit({name: "j"}, SecondaryStatusTransitions=[{"Status": "Starting"}])
    assert may_end.wait(30)
    resource.stop(f"Stop{kind.kind}", {name: "j"})
    has_stopped.set()
    wait_until(lambda: resource.store.get(kind.kind, "j")[f"{kind.kind}Status"] not in ("InProgress", "Stopping"))
    job = resource.store.get(kind.kind, "j")
    assert job[f"{kind.kind}Status"] == "Stopped"
    assert "FailureReason" not in job
    if kind is TrainingJobs:
        assert job["SecondaryStatus"] == job["SecondaryStatusTransitions"][-1]["Status"] == "Stopped"
    with pytest.raises(ServiceError, match="request was rejected"):
        resource.stop(f"Stop{kind.kind}", {name: "j"})
    jobs.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ProcessingJobs, TrainingJobs, TransformJobs])
def test_a_job_that_is_stopped_before_it_is_queued_never_runs(client, tmp_path, kind):
    executed_records, name = [], f"{kind.kind}Name"

    class StoppingQueue(JobQueue):
        def submit(self, arn, work, computes=True):
            resource.stop(f"Stop{kind.kind}", {name: "j"})
            return super().submit(arn, work, computes)

    jobs = StoppingQueue(tmp_path)
    resource = jobs_of(kind, lambda self: executed_records.append(self.record), jobs, client, tmp_path)
    resource.submit({name: "j"}, SecondaryStatusTransitions=[{"Status": "Starting"}])
    wait_until(lambda: resource.store.get(kind.kind, "j")[f"{kind.kind}Status"] == "Stopped")
    jobs.close()
    assert not executed_records


@pytest.mark.slow
def test_every_job_whose_stop_is_acknowledged_ends_as_stopped(client):
    image = {"ImageUri": client.image, "ContainerEntrypoint": ["true"]}
    acknowledged_count = 0
    for index in range(12):
        job = client.process("", wait=False, AppSpecification=image)
        time.sleep(0.04 * index)
        try:
            client.stop(job)
        except client.sagemaker.exceptions.ClientError:
            assert client.end(job)["ProcessingJobStatus"] == "Completed"
            continue
        acknowledged_count += 1
        assert client.end(job)["ProcessingJobStatus"] == "Stopped"
    assert acknowledged_count


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [1, 2])
def test_work_that_waits_for_queued_jobs_does_not_deadlock(tmp_path, monkeypatch, cpus):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cpus))
    queue = JobQueue(tmp_path)
    results, finish_count = [], threading.Semaphore(0)

    def orchestrate(number):
        def work(job):
            events = [threading.Event() for _ in range(3)]
            for index, event in enumerate(events):
                queue.submit(f"{number}-{index}", lambda job, event=event: (results.append(1), event.set()))
            assert all(event.wait(120) for event in events)
            finish_count.release()

        return work

    for number in range(8):  # more jobs than CPUs
        queue.submit(f"pipeline-{number}", orchestrate(number), computes=False)
    for _ in range(8):
        assert finish_count.acquire(timeout=120)
    assert len(results) == 24
    queue.close()


@pytest.mark.parametrize(("limit", "start_count"), [("max 100000", [4, 2, 1, 1]), ("150000 100000", [2, 1])])
def test_jobs_that_compute_at_once_share_the_cores(limit, start_count, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4))
    monkeypatch.setattr(machine, "CONTROL_GROUP", tmp_path)
    (tmp_path / "cpu.max").write_text(limit)
    queue, shares, end = JobQueue(tmp_path / "jobs"), [], threading.Event()
    for index in range(5):
        queue.submit(f"job-{index}", lambda job: (shares.append(job.cores), end.wait(60)))
        wait_until(lambda count=index + 1: len(shares) == min(count, len(start_count)))
    assert shares == start_count
    assert [queue.position(f"job-{index}") for index in range(5)] == (
        [0] * len(start_count) + list(range(1, 6 - len(start_count)))
    )
    end.set()
    wait_until(lambda: len(shares) == 5)
    queue.close()
