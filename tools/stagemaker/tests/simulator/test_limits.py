"""Jobs' time and memory limits, and requests to stop jobs."""

import os

import botocore.session
import pytest
from stagemaker_support.job_traces import Mark, assert_no_trace, output, wait_until
from stagemaker_support.sandbox import needs_sandbox

from stagemaker.compute import job_run
from stagemaker.compute.processes import process
from stagemaker.isolation.instances import Instance, instance_of

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


@pytest.mark.parametrize("script", ["import time\ntime.sleep(60)", STUBBORN_SCRIPT], ids=["sleeps", "ignores SIGTERM"])
def test_a_processing_job_past_its_time_limit_is_stopped(any_client, script):
    mark = Mark()
    job = any_client.process(script, StoppingCondition={"MaxRuntimeInSeconds": 1}, Environment=mark.environment)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert "MaxRuntimeInSeconds" in output(any_client, "ProcessingJob", job["ProcessingJobName"])
    assert_no_trace(any_client, mark)


def test_a_training_job_past_its_time_limit_keeps_its_model(any_client):
    mark = Mark()
    for seconds in (4, 20, 60):  # on a busy machine, the script may not start in time
        job = any_client.train(POLITE_SCRIPT, seconds=seconds, Environment=mark.environment)
        if "sleepingnow" in output(any_client, "TrainingJob", job["TrainingJobName"]):
            break
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert len(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"])) > 100
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


def assert_memory_limit_ends_job(client, monkeypatch, allocation):
    monkeypatch.setattr(job_run, "instance_of", lambda instance_type: Instance(300 << 20, 2))
    mark = Mark()
    job = client.process(f"import os, time\n{ALLOCATIONS[allocation]}", Environment=mark.environment)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "memory" in job["FailureReason"] or "No space left" in job["FailureReason"]
    assert_no_trace(client, mark)


@pytest.mark.parametrize("allocation", ["itself", "children"])
def test_a_job_that_exceeds_the_memory_of_its_instance_type_fails(any_client, monkeypatch, allocation):
    assert_memory_limit_ends_job(any_client, monkeypatch, allocation)


@needs_sandbox  # without a sandbox, a job uses this machine's /dev/shm
def test_files_in_memory_count_as_memory(client, monkeypatch):
    assert_memory_limit_ends_job(client, monkeypatch, "files")


def test_the_memory_of_training_jobs_is_limited(any_client, monkeypatch):
    monkeypatch.setattr(job_run, "instance_of", lambda instance_type: Instance(300 << 20, 2))
    job = any_client.train("block = b'x' * (1 << 30)\nimport time; time.sleep(600)")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: The job needed more memory than its instance type has")


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


def stop(client, kind, name):
    operation = {"TrainingJob": "stop_training_job", "ProcessingJob": "stop_processing_job"}[kind]
    getattr(client.sagemaker, operation)(**{f"{kind}Name": name})


@pytest.mark.parametrize("script", [STUBBORN_SCRIPT, POLITE_SCRIPT], ids=["stubborn", "polite"])
def test_a_job_can_be_stopped_while_it_runs(any_client, script):
    mark = Mark()
    variables = mark.environment | {"SM_MODEL_DIR": "/tmp"}
    name = any_client.process(script, wait=False, seconds=600, Environment=variables)["ProcessingJobName"]
    wait_until(lambda: "sleepingnow" in output(any_client, "ProcessingJob", name))
    stop(any_client, "ProcessingJob", name)
    assert any_client.wait("ProcessingJob", name)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(any_client.sagemaker.exceptions.ClientError, match="request was rejected"):
        stop(any_client, "ProcessingJob", name)
    assert_no_trace(any_client, mark)


def test_a_stopped_training_job_keeps_its_model(any_client):
    name = any_client.train(POLITE_SCRIPT, wait=False, seconds=600)["TrainingJobName"]
    wait_until(lambda: "sleepingnow" in output(any_client, "TrainingJob", name))
    stop(any_client, "TrainingJob", name)
    job = any_client.wait("TrainingJob", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert len(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"])) > 100


def test_a_job_can_be_stopped_while_it_waits(any_client):
    jobs = [any_client.process(STUBBORN_SCRIPT, wait=False, seconds=600) for _ in range(os.cpu_count() or 1)]
    running_jobs = [job["ProcessingJobName"] for job in jobs]
    waiting_job = any_client.process("print('never')", wait=False)["ProcessingJobName"]
    stop(any_client, "ProcessingJob", waiting_job)
    job = any_client.wait("ProcessingJob", waiting_job)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "ProcessingStartTime" not in job
    assert {any_client.describe("ProcessingJob", name)["ProcessingJobStatus"] for name in running_jobs} == {
        "InProgress"
    }
    for name in running_jobs:
        stop(any_client, "ProcessingJob", name)
    assert {any_client.wait("ProcessingJob", name)["ProcessingJobStatus"] for name in running_jobs} == {"Stopped"}


def test_a_job_can_be_stopped_while_it_downloads(any_client):
    for number in range(200):
        any_client.put(f"many/{number}", "x")
    uri = "s3://" + any_client.put("many/last", "x").removeprefix("s3://").partition("/")[0] + "/many/"
    data_source = {
        "S3Uri": uri,
        "LocalPath": "/opt/ml/processing/input/many",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    inputs = [{"InputName": "many", "S3Input": data_source}]
    name = any_client.process("print('never')", wait=False, ProcessingInputs=inputs)["ProcessingJobName"]
    wait_until(lambda: "ProcessingStartTime" in any_client.describe("ProcessingJob", name))
    stop(any_client, "ProcessingJob", name)
    assert any_client.wait("ProcessingJob", name)["ProcessingJobStatus"] == "Stopped"
    assert "never" not in output(any_client, "ProcessingJob", name)
