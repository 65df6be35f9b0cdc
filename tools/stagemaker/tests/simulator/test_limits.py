"""Jobs' time and memory limits, requests to stop jobs, and the processes that a job has started."""

import json
import os
import re
import subprocess
import sys

import botocore.session
import pytest
from stagemaker_support.archives import content
from stagemaker_support.job_traces import Mark, assert_no_trace, wait_until
from stagemaker_support.sandbox import needs_sandbox
from stagemaker_support.simulator_client import make_input, status_of
from stagemaker_support.training_jobs import SUCCESS

from stagemaker.compute import job_run
from stagemaker.compute.processes import process, supervisor
from stagemaker.isolation.instances import Instance, instance_of
from stagemaker.server import BUCKET

STUBBORN_SCRIPT = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('sleeping' + 'now', flush=True)\ntime.sleep(600)"
)
POLITE_SCRIPT = """
import os, signal, sys, time
def leave(*_):
    open(os.environ['SM_MODEL_DIR'] + '/saved', 'w').write('in time')
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print('sleeping' + 'now', flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _short_grace_period(monkeypatch):
    monkeypatch.setattr(process, "GRACE_SECONDS", 2.0)


def test_a_processing_job_past_its_time_limit_is_stopped(any_client):
    mark = Mark()
    job = any_client.process(STUBBORN_SCRIPT, seconds=1, Environment=mark.environment)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert "MaxRuntimeInSeconds" in any_client.log(job)
    assert_no_trace(any_client, mark)


@pytest.mark.parametrize("reaches_limit", [False, True])
def test_a_stopped_training_job_keeps_its_model(any_client, reaches_limit):
    mark = Mark()
    for seconds in (4, 20, 60) if reaches_limit else (600,):  # on a busy machine, the script may not start in time
        job = any_client.train(POLITE_SCRIPT, wait=reaches_limit, seconds=seconds, Environment=mark.environment)
        if "sleepingnow" in any_client.log(job):
            break
    if not reaches_limit:
        wait_until(lambda: "sleepingnow" in any_client.log(job))
        any_client.stop(job)
        job = any_client.end(job)
    statuses = ["Uploading", "MaxRuntimeExceeded"] if reaches_limit else ["Stopping", "Stopped"]
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", statuses[-1])
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == [*SUCCESS[:3], *statuses]
    assert content(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"saved": b"in time"}
    assert_no_trace(any_client, mark)


ALLOCATIONS = {
    "itself": "block = b'x' * (1 << 30)\ntime.sleep(600)",
    "children": """
for _ in range(4):
    if os.fork() == 0:
        block = b'x' * (150 << 20)
        break
time.sleep(600)""",
    "files": "open('/dev/shm/x', 'wb').write(b'x' * (1 << 28) + b'y' * (1 << 27))",
}


def assert_memory_limit_ends_job(run, allocation, monkeypatch, reason):
    monkeypatch.setattr(job_run, "instance_of", lambda instance_type: Instance(300 << 20, 2))
    mark = Mark()
    job = run(f"import os, time\n{ALLOCATIONS[allocation]}", Environment=mark.environment)
    assert status_of(job) == "Failed"
    assert re.match(f"AlgorithmError: {reason}", job["FailureReason"])
    wait_until(lambda: not mark.processes())


@pytest.mark.parametrize(("kind", "allocation"), [("process", "itself"), ("process", "children"), ("train", "itself")])
def test_a_job_that_exceeds_the_memory_of_its_instance_type_fails(any_client, monkeypatch, kind, allocation):
    reason = "The job needed more memory than its instance type has"
    assert_memory_limit_ends_job(getattr(any_client, kind), allocation, monkeypatch, reason)


@needs_sandbox  # without a sandbox, a job uses the host's /dev/shm
def test_files_in_memory_count_as_memory(client, monkeypatch):
    assert_memory_limit_ends_job(client.process, "files", monkeypatch, ".*(memory|No space left)")


def test_memory_that_processes_share_counts_once(any_client, monkeypatch):
    monkeypatch.setattr(job_run, "instance_of", lambda instance_type: Instance(400 << 20, 2))
    script = "import os, time\nblock = b'x' * (150 << 20)\nfor _ in range(3):\n    os.fork()\ntime.sleep(1)"
    assert any_client.process(script)["ProcessingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("instance_type", "gibibytes"),
    [
        ("ml.t3.medium", 4), ("ml.t3.large", 8), ("ml.m5.large", 8), ("ml.m5.xlarge", 16), ("ml.m5.4xlarge", 64),
        ("ml.c5.xlarge", 8), ("ml.c5.18xlarge", 144), ("ml.r5.large", 16), ("ml.g4dn.xlarge", 16),
        ("ml.g6e.xlarge", 32), ("ml.inf1.xlarge", 8), ("ml.p4d.24xlarge", 1152),
    ],
)  # fmt: skip
def test_each_instance_type_has_its_own_amount_of_memory(instance_type, gibibytes):
    assert instance_of(instance_type).memory == gibibytes << 30


def test_every_instance_type_has_some_memory():
    model = botocore.session.get_session().get_service_model("sagemaker")
    for shape in ("TrainingInstanceType", "ProcessingInstanceType", "TransformInstanceType"):
        for name in model.shape_for(shape).enum:
            assert instance_of(name).memory >= 2 << 30, name


def test_a_job_can_be_stopped_while_it_runs(any_client):
    mark = Mark()
    job = any_client.process(STUBBORN_SCRIPT, wait=False, seconds=600, Environment=mark.environment)
    wait_until(lambda: "sleepingnow" in any_client.log(job))
    any_client.stop(job)
    assert status_of(any_client.end(job)) == "Stopped"
    with pytest.raises(any_client.sagemaker.exceptions.ClientError, match="request was rejected"):
        any_client.stop(job)
    assert_no_trace(any_client, mark)


def test_a_job_can_be_stopped_while_it_waits(any_client):
    running_jobs = [any_client.process(STUBBORN_SCRIPT, wait=False, seconds=600) for _ in range(os.cpu_count() or 1)]
    waiting_job = any_client.process("print('never')", wait=False)
    last_job = any_client.train("print('never')", wait=False)

    def position():
        *_, transition = any_client.describe("TrainingJob", last_job["TrainingJobName"])["SecondaryStatusTransitions"]
        return transition["StatusMessage"]

    assert position() == "Waiting for a free CPU: position 2 in the queue"
    any_client.stop(waiting_job)
    job = any_client.end(waiting_job)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "ProcessingStartTime" not in job
    assert position() == "Waiting for a free CPU: position 1 in the queue"
    any_client.stop(last_job)
    for job in running_jobs:
        assert status_of(any_client.describe("ProcessingJob", job["ProcessingJobName"])) == "InProgress"
        any_client.stop(job)
    assert {status_of(any_client.end(job)) for job in running_jobs} == {"Stopped"}


def test_a_job_can_be_stopped_while_it_downloads(client):
    for index in range(200):
        client.put(f"many/{index}", "x")
    job = client.process("print('never')", wait=False, **make_input(f"s3://{BUCKET}/many/"))
    wait_until(lambda: "ProcessingStartTime" in client.describe("ProcessingJob", job["ProcessingJobName"]))
    client.stop(job)
    assert status_of(client.end(job)) == "Stopped"
    assert "never" not in client.log(job)


# A program with a child and a grandchild. It prints the three process IDs, and the results before and after their end.
PROGRAM = """
import json, os, re, subprocess, sys, threading
from stagemaker.compute.processes import supervisor

supervisor.KERNEL_LISTS_CHILDREN &= ENABLED
assert supervisor.descendants() == []
read = set()
sys.addaudithook(lambda event, values: event == "open" and read.update(re.findall("^/proc/([0-9]+)/", str(values[0]))))
child = []
command = ["sh", "-c", "sleep 60 & echo $!; wait"]
thread = threading.Thread(target=lambda: child.append(subprocess.Popen(command, stdout=subprocess.PIPE)))
thread.start()
thread.join()
pids = [child[0].pid, int(child[0].stdout.readline())]
descendants = supervisor.descendants()
memory = [supervisor.memory_of(pid, proportional) for pid in descendants for proportional in (False, True)]
files = sorted(map(int, read))
for pid in pids:
    os.kill(pid, 9)
child[0].wait()
print(json.dumps([os.getpid(), pids, descendants, memory, files, supervisor.memory_of(pids[0], False)]))
"""


@pytest.mark.parametrize("lists", [True, False], ids=["the kernel lists children", "psutil finds them"])
def test_descendants_and_their_memory_are_found(lists: bool) -> None:
    command = [sys.executable, "-c", PROGRAM.replace("ENABLED", str(lists))]
    program = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    own_pid, pids, descendants, memory, files, memory_after_end = json.loads(program.stdout)
    assert sorted(descendants) == sorted(pids)
    assert all(10_000 < size < 100 << 20 for size in memory)
    assert memory_after_end == 0
    if lists and supervisor.KERNEL_LISTS_CHILDREN:  # no file about any other process is read
        assert set(files) <= {own_pid, *pids}
