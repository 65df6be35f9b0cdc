"""Transfers of a job's files respect stop requests, time limits, simulator shutdown and the volume size."""

import time
import uuid

import pytest
from stagemaker_support.job_traces import Mark, assert_no_trace, output, wait_until
from stagemaker_support.sandbox import ISOLATIONS
from stagemaker_support.simulator_client import Client

from stagemaker.compute import job as job_module
from stagemaker.server import BUCKET, Simulator

pytestmark = pytest.mark.slow

OUTPUT = "/opt/ml/processing/output/o"
MANY_FILES = "for number in range(10_000):\n    open(f'{folder}/{number:05d}', 'w').close()\n"
LARGE_FILE = "open(f'{folder}/large', 'wb').truncate(1_000_000_000)\n"  # sparse, so creating it takes no time


def start_job(client, script, **members):
    """Start a processing job that writes to its output folder; return the job's name and the output's URI."""
    target = f"s3://{BUCKET}/outputs-{uuid.uuid4().hex}"
    s3_output = {"S3Uri": target, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    members["Environment"] = members.get("Environment", {}) | {"FOLDER": OUTPUT}
    job = client.process(
        f"import os\nfolder = os.environ['FOLDER']\n{script}",
        wait=False,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": s3_output}]},
        **members,
    )
    return job["ProcessingJobName"], target


def uploaded_keys(client, target):
    prefix = target.removeprefix(f"s3://{BUCKET}/")
    return [item["Key"] for item in client.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


@pytest.mark.timing
@pytest.mark.parametrize("script", [MANY_FILES, LARGE_FILE], ids=["many files", "a large file"])
def test_a_job_can_be_stopped_while_its_outputs_are_uploaded(any_client, script):
    mark = Mark()
    name, _ = start_job(any_client, script + "print('written', flush=True)", seconds=600, Environment=mark.environment)
    wait_until(lambda: "written" in output(any_client, "ProcessingJob", name))
    wait_until(lambda: not mark.processes())
    any_client.sagemaker.stop_processing_job(ProcessingJobName=name)
    started = time.monotonic()
    job = any_client.wait("ProcessingJob", name, 300)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert time.monotonic() - started < 3
    assert_no_trace(any_client, mark)


@pytest.mark.timing
def test_the_time_limit_applies_to_output_uploads(any_client):
    for seconds in (6, 20, 60):  # on a busy machine, the job may not write its files in time
        name, _ = start_job(any_client, MANY_FILES + "print('written', flush=True)", seconds=seconds)
        job = any_client.wait("ProcessingJob", name, 300)
        if "written" in output(any_client, "ProcessingJob", name):
            break
    assert job["ProcessingJobStatus"] == "Stopped"
    assert (job["ProcessingEndTime"] - job["ProcessingStartTime"]).total_seconds() < seconds + 3
    assert f"its MaxRuntimeInSeconds of {seconds}" in output(any_client, "ProcessingJob", name)


@pytest.mark.timing
@pytest.mark.parametrize("script", [MANY_FILES, LARGE_FILE], ids=["many files", "a large file"])
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_the_simulator_can_shut_down_while_outputs_are_uploaded(isolation, script):
    with Simulator(isolation=isolation) as simulator:
        client = Client(simulator)
        mark = Mark()
        name, _ = start_job(client, script + "print('written', flush=True)", seconds=600, Environment=mark.environment)
        wait_until(lambda: "written" in output(client, "ProcessingJob", name))
        wait_until(lambda: not mark.processes())
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert not simulator.folder.exists()


@pytest.mark.timing
@pytest.mark.parametrize("compression", ["GZIP", "NONE"])
def test_a_job_can_be_stopped_while_its_model_is_uploaded(any_client, compression):
    script = f"import os\nfolder = os.environ['SM_MODEL_DIR']\n{MANY_FILES if compression == 'NONE' else LARGE_FILE}"
    output_config = {"S3OutputPath": f"s3://{BUCKET}/models", "CompressionType": compression}
    name = any_client.train(script, wait=False, seconds=600, OutputDataConfig=output_config)["TrainingJobName"]
    wait_until(lambda: any_client.describe("TrainingJob", name)["SecondaryStatus"] == "Uploading")
    any_client.sagemaker.stop_training_job(TrainingJobName=name)
    started = time.monotonic()
    job = any_client.wait("TrainingJob", name, 300)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert time.monotonic() - started < 3


@pytest.mark.timing
def test_the_time_limit_applies_to_model_uploads(any_client):
    script = f"import os\nfolder = os.environ['SM_MODEL_DIR']\n{MANY_FILES}print('written', flush=True)"
    output_config = {"S3OutputPath": f"s3://{BUCKET}/models", "CompressionType": "NONE"}
    for seconds in (8, 20, 60):
        job = any_client.train(script, seconds=seconds, OutputDataConfig=output_config)
        if "written" in output(any_client, "TrainingJob", job["TrainingJobName"]):
            break
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds() < seconds + 3


def test_outputs_of_a_stopped_job_are_still_uploaded(any_client):
    script = "open(folder + '/kept', 'w').write('so far')\nprint('written', flush=True)\nimport time\ntime.sleep(600)"
    name, target = start_job(any_client, script, seconds=600)
    wait_until(lambda: "written" in output(any_client, "ProcessingJob", name))
    any_client.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert any_client.wait("ProcessingJob", name)["ProcessingJobStatus"] == "Stopped"
    assert any_client.get(f"{target}/kept") == b"so far"


MANY_FILES_AND_WAIT = f"{MANY_FILES}print('written', flush=True)\nimport time\ntime.sleep(600)"


def is_complete(client, target):
    """Return whether the last of the many files has been uploaded; files are uploaded in the order of their names."""
    prefix = f"{target.removeprefix(f's3://{BUCKET}/').rstrip('/')}/09999"
    return "Contents" in client.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def test_outputs_of_a_stopped_job_are_uploaded_for_a_limited_time(any_client, monkeypatch):
    monkeypatch.setattr(job_module, "SAVING_SECONDS", 1.0)
    name, target = start_job(any_client, MANY_FILES_AND_WAIT, seconds=600)
    wait_until(lambda: "written" in output(any_client, "ProcessingJob", name))
    any_client.sagemaker.stop_processing_job(ProcessingJobName=name)
    job = any_client.wait("ProcessingJob", name, 300)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert not is_complete(any_client, target)


def run_beyond_time_limit(run):
    """Call `run` with increasing time limits until the job writes its files; return the result without the log."""
    for seconds in (8, 30, 120):
        *result, log = run(seconds)
        if "written" in log:
            return result
    raise AssertionError("the job did not write its files within any of the time limits")


def test_outputs_of_a_job_beyond_its_time_limit_are_uploaded_for_a_limited_time(any_client, monkeypatch):
    monkeypatch.setattr(job_module, "SAVING_SECONDS", 1.0)

    def run(seconds):
        name, target = start_job(any_client, MANY_FILES_AND_WAIT, seconds=seconds)
        return any_client.wait("ProcessingJob", name, 300), target, output(any_client, "ProcessingJob", name)

    job, target = run_beyond_time_limit(run)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert not is_complete(any_client, target)


def test_a_model_of_a_job_beyond_its_time_limit_is_uploaded_for_a_limited_time(any_client, monkeypatch):
    monkeypatch.setattr(job_module, "SAVING_SECONDS", 1.0)
    output_config = {"S3OutputPath": f"s3://{BUCKET}/models", "CompressionType": "NONE"}

    def run(seconds):
        script = f"import os\nfolder = os.environ['SM_MODEL_DIR']\n{MANY_FILES_AND_WAIT}"
        name = any_client.train(script, wait=False, seconds=seconds, OutputDataConfig=output_config)["TrainingJobName"]
        return any_client.wait("TrainingJob", name, 300), output(any_client, "TrainingJob", name)

    [job] = run_beyond_time_limit(run)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert not is_complete(any_client, job["ModelArtifacts"]["S3ModelArtifacts"])


def test_outputs_larger_than_the_volume_fail_the_job(any_client):
    name, target = start_job(
        any_client, "open(folder + '/sparse', 'wb').truncate(2 << 30)\nopen(folder + '/a', 'w').close()"
    )
    job = any_client.wait("ProcessingJob", name)
    assert job["ProcessingJobStatus"] == "Failed"
    reason = f"No space left on device: {OUTPUT} needs more than the VolumeSizeInGB of 1"
    assert job["FailureReason"] == f"AlgorithmError: {reason}"
    assert not uploaded_keys(any_client, target)
    assert job["FailureReason"] in output(any_client, "ProcessingJob", name)


def test_an_output_that_is_too_large_for_one_request_fails_the_job(any_client):
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    script = "open(folder + '/a', 'w').close()\nopen(folder + '/large', 'wb').truncate((5 << 30) + 1)"
    name, target = start_job(any_client, script, ProcessingResources={"ClusterConfig": resources})
    job = any_client.wait("ProcessingJob", name)
    assert job["ProcessingJobStatus"] == "Failed"
    key = f"{target.removeprefix(f's3://{BUCKET}/')}/large"
    reason = f"'{target}' could not be written to: '{key}' would be larger than 5 GiB, the maximum for one request"
    assert job["FailureReason"] == f"ClientError: {reason}"
    assert uploaded_keys(any_client, target) == [f"{key.rpartition('/')[0]}/a"]


def test_too_many_output_files_fail_the_job(any_client):
    name, target = start_job(any_client, "for number in range(10_001):\n    open(f'{folder}/{number}', 'w').close()")
    job = any_client.wait("ProcessingJob", name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "contains more than 10,000 files, the maximum for an upload" in job["FailureReason"]
    assert not uploaded_keys(any_client, target)


def test_inputs_larger_than_the_volume_fail_the_job(client):
    uri = client.put("half/object", b"x" * (360 << 20))
    inputs = [
        {
            "InputName": f"i{number}",
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"/opt/ml/processing/input/i{number}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for number in range(3)
    ]
    job = client.process("print('never')", ProcessingInputs=inputs)
    assert job["ProcessingJobStatus"] == "Failed"
    reason = "Data download failed: Insufficient disk space"
    assert job["FailureReason"] == f"ClientError: {reason}: the inputs are larger than the VolumeSizeInGB of 1"
    client.s3.delete_object(Bucket=BUCKET, Key="half/object")


FILLING_SCRIPTS = {
    "a file": "os.posix_fallocate(os.open(os.environ['FOLDER'] + '/f', os.O_CREAT | os.O_RDWR), 0, 1200 << 20)",
    "a file in /tmp": "os.posix_fallocate(os.open(os.environ['TMPDIR'] + '/f', os.O_CREAT | os.O_RDWR), 0, 1200 << 20)",
    "an unnamed open file": "file = tempfile.TemporaryFile()\nos.posix_fallocate(file.fileno(), 0, 1200 << 20)",
    "many empty files": "for number in range(70_000):\n    open(f'{os.environ['FOLDER']}/{number}', 'w').close()",
    "a file in a folder whose path is too long": """
os.chdir(os.environ['FOLDER'])
for _ in range(40):
    os.mkdir('d' * 200)
    os.chdir('d' * 200)
os.posix_fallocate(os.open('f', os.O_CREAT | os.O_RDWR), 0, 1200 << 20)
""",
}


@pytest.mark.parametrize("script", FILLING_SCRIPTS.values(), ids=FILLING_SCRIPTS.keys())
def test_a_running_job_that_fills_its_volume_fails(any_client, script):
    mark = Mark()
    started = time.monotonic()
    job = any_client.process(
        f"import os, tempfile, time\n{script}\nprint('full', flush=True)\ntime.sleep(600)",
        Environment=mark.environment | {"FOLDER": "/opt/ml/processing"},
        seconds=300,
    )
    assert job["ProcessingJobStatus"] == "Failed"
    reason = "No space left on device: the job needs more than the VolumeSizeInGB of 1, exit code: 137"
    assert job["FailureReason"] == f"AlgorithmError: {reason}"
    assert time.monotonic() - started < 120  # although the job's time limit is five minutes
    assert_no_trace(any_client, mark)


def test_a_training_job_that_fills_its_volume_fails(any_client):
    script = "import os, time\nfile = os.open(os.environ['SM_MODEL_DIR'] + '/f', os.O_CREAT | os.O_RDWR)\n"
    job = any_client.train(script + "os.posix_fallocate(file, 0, 1200 << 20)\ntime.sleep(600)")
    assert job["TrainingJobStatus"] == "Failed"
    reason = "No space left on device: the job needs more than the VolumeSizeInGB of 1, exit code: 137"
    assert job["FailureReason"] == f"AlgorithmError: {reason}"


def test_a_sparse_file_counts_only_the_space_that_it_occupies(any_client):
    script = "import os, time\nopen(os.environ['TMPDIR'] + '/f', 'wb').truncate(1 << 40)\ntime.sleep(3)"
    assert any_client.process(script)["ProcessingJobStatus"] == "Completed"
