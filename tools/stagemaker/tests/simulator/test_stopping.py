"""Jobs whose stop was acknowledged end as Stopped; work that waits for other jobs does not take up a processor."""

import threading
import time
from pathlib import Path

import pytest
from stagemaker_support.job_traces import wait_until

from stagemaker.compute import queue as queue_module
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.platform import Platform
from stagemaker.compute.queue import JobQueue
from stagemaker.isolation.unsandboxed import Unsandboxed
from stagemaker.protocol.errors import ServiceError
from stagemaker.resources.processing_job import ProcessingJobs
from stagemaker.resources.training_job import TrainingJobs
from stagemaker.resources.transform_job import TransformJobs
from stagemaker.server import Simulator
from stagemaker.state.records import Store

pytestmark = pytest.mark.slow


def platform_of(simulator: Simulator, jobs: JobQueue, folder: Path) -> Platform:
    return Platform(Store(), jobs, simulator.client, Unsandboxed(), folder, folder)


def fail():
    raise JobFailed("AlgorithmError: too late")


def raise_unexpected_error():
    raise ZeroDivisionError


@pytest.mark.parametrize("end", [dict, fail, raise_unexpected_error], ids=["completes", "fails", "breaks"])
@pytest.mark.parametrize("kind", [ProcessingJobs, TrainingJobs])
def test_a_job_that_is_stopped_at_the_very_end_ends_as_stopped(client, tmp_path, kind, end):
    """The stop is acknowledged after the work is done but before its end is recorded."""
    done, stopped = threading.Event(), threading.Event()

    class Run(kind.job_run):
        def run(self):
            done.set()
            assert stopped.wait(30)
            end()

    class Jobs(kind):
        job_run = Run

    jobs = JobQueue(tmp_path)
    resource, name = Jobs(platform_of(client.simulator, jobs, tmp_path)), f"{kind.kind}Name"
    resource.submit({name: "j"}, SecondaryStatusTransitions=[{"Status": "Starting"}])
    assert done.wait(30)
    resource.stop(f"Stop{kind.kind}", {name: "j"})
    stopped.set()
    wait_until(lambda: resource.store.get(kind.kind, "j")[f"{kind.kind}Status"] not in ("InProgress", "Stopping"))
    job = resource.store.get(kind.kind, "j")
    assert job[f"{kind.kind}Status"] == "Stopped"
    assert "FailureReason" not in job
    if kind is TrainingJobs:
        assert job["SecondaryStatus"] == job["SecondaryStatusTransitions"][-1]["Status"] == "Stopped"
    with pytest.raises(ServiceError, match="request was rejected"):
        resource.stop(f"Stop{kind.kind}", {name: "j"})
    jobs.close()


@pytest.mark.parametrize("kind", [ProcessingJobs, TrainingJobs, TransformJobs])
def test_a_job_that_is_stopped_before_it_is_queued_never_runs(client, tmp_path, kind):
    """The stop is acknowledged after the record is created but before the job is queued."""
    executed_records, name = [], f"{kind.kind}Name"

    class Run(kind.job_run):
        def run(self):
            executed_records.append(self.record)

    class Jobs(kind):
        job_run = Run

    class StoppingQueue(JobQueue):
        def submit(self, arn, work, computes=True):
            resource.stop(f"Stop{kind.kind}", {name: "j"})
            return super().submit(arn, work, computes)

    jobs = StoppingQueue(tmp_path)
    resource = Jobs(platform_of(client.simulator, jobs, tmp_path))
    resource.submit({name: "j"}, SecondaryStatusTransitions=[{"Status": "Starting"}])
    wait_until(lambda: resource.store.get(kind.kind, "j")[f"{kind.kind}Status"] == "Stopped")
    jobs.close()
    assert not executed_records


def test_every_job_whose_stop_is_acknowledged_ends_as_stopped(client):
    """Jobs are stopped at various moments."""
    image = {"ImageUri": client.image, "ContainerEntrypoint": ["true"]}
    acknowledged_count = 0
    for number in range(12):
        name = client.process("", wait=False, AppSpecification=image)["ProcessingJobName"]
        time.sleep(0.04 * number)
        try:
            client.sagemaker.stop_processing_job(ProcessingJobName=name)
        except client.sagemaker.exceptions.ClientError:
            assert client.wait("ProcessingJob", name)["ProcessingJobStatus"] == "Completed"
            continue
        acknowledged_count += 1
        assert client.wait("ProcessingJob", name)["ProcessingJobStatus"] == "Stopped"
    assert acknowledged_count


@pytest.mark.parametrize("processors", [1, 2])
def test_work_that_waits_for_queued_jobs_does_not_deadlock(tmp_path, monkeypatch, processors):
    monkeypatch.setattr(queue_module.os, "cpu_count", lambda: processors)
    queue = JobQueue(tmp_path)
    computed, finished = [], threading.Semaphore(0)

    def orchestrate(number):
        def work(job):
            events = [threading.Event() for _ in range(3)]
            for index, event in enumerate(events):
                queue.submit(f"{number}-{index}", lambda job, event=event: (computed.append(1), event.set()))
            assert all(event.wait(120) for event in events)
            finished.release()

        return work

    for number in range(8):  # more jobs than processors
        queue.submit(f"pipeline-{number}", orchestrate(number), computes=False)
    for _ in range(8):
        assert finished.acquire(timeout=120)
    assert len(computed) == 24
    queue.close()
