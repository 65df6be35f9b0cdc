"""File transfers end on a stop request, at a time limit or at simulator shutdown, and fail if the disk is full."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support import SEARCH_PATH
from stagemaker_support.job_traces import Mark, assert_no_trace, wait_until
from stagemaker_support.sandbox import needs_sandbox
from stagemaker_support.simulator_client import OUTPUT, Client, make_input, make_output, status_of
from stagemaker_support.small_disk import FULL_DISK, run_on_a_small_disk

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped, JobTimedOut
from stagemaker.compute.files.archives import pack
from stagemaker.compute.files.output_files import OutputFolder, ignore
from stagemaker.compute.files.transfers import CHUNK_SIZE, download_file, parse, upload_file, upload_folder
from stagemaker.compute.job import Job
from stagemaker.compute.processes.volume import Volume
from stagemaker.server import BUCKET, Simulator

PRINT_CODE = "print('written', flush=True)\n"
MANY_FILES = f"for number in range(10_000):\n    open(f'{{folder}}/{{number:05d}}', 'w').close()\n{PRINT_CODE}"
LARGE_FILE = f"open(folder + '/large', 'wb').truncate(1_000_000_000)\n{PRINT_CODE}"  # sparse, so this takes no time
WAIT_CODE = "import time\ntime.sleep(600)"
MODEL = {"CompressionType": "GZIP"}
MODEL_FILES = {"CompressionType": "NONE"}


def fail_at_call(count: int) -> Callable[[], None]:
    """Return a function that raises JobStopped on its `count`-th call."""
    calls = iter(range(count - 1))

    def raise_if_stopping() -> None:
        if next(calls, None) is None:
            raise JobStopped

    return raise_if_stopping


def test_a_transfer_checks_between_chunks_whether_to_continue(client: Client, tmp_path: Path) -> None:
    size, large_file, part_file = 5 * CHUNK_SIZE, tmp_path / "large", tmp_path / "part"
    large_file.write_bytes(bytes(size))
    uri = f"s3://{BUCKET}/chunks/whole"
    with pytest.raises(JobStopped):
        upload_file(client.s3, large_file, f"s3://{BUCKET}/chunks/cut", fail_at_call(4))
    upload_file(client.s3, large_file, uri)
    assert client.keys(f"s3://{BUCKET}/chunks/") == ["whole"]
    with pytest.raises(JobStopped):
        download_file(client.s3, *parse(uri), part_file, fail_at_call(4))
    assert part_file.stat().st_size == 3 * CHUNK_SIZE
    download_file(client.s3, *parse(uri), part_file, fail_at_call(6))
    assert part_file.read_bytes() == bytes(size)


def test_packing_checks_between_chunks_whether_to_continue(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with open(tmp_path / "model/large", "wb") as file:
        file.truncate(1 << 30)
    folder = OutputFolder(tmp_path.resolve(), "/opt/ml/model")
    with pytest.raises(JobStopped):
        pack(folder, tmp_path / "model.tar.gz", Volume(1 << 30), fail_at_call(10))


def start_job(client: Client, script: str, model: dict[str, str] | None = None, **members: Any) -> tuple[dict, str]:
    """Start a job that writes to an output folder; return its description and the URI of its output.

    model: members of the OutputDataConfig of a training job, or None for a processing job.
    """
    uri = f"s3://{BUCKET}/outputs-{uuid.uuid4().hex}"
    if model:
        script = f"import os\nfolder = os.environ['SM_MODEL_DIR']\n{script}"
        job = client.train(script, wait=False, OutputDataConfig={"S3OutputPath": uri} | model, **members)
    else:
        members["Environment"] = members.get("Environment", {}) | {"FOLDER": OUTPUT}
        script = f"import os\nfolder = os.environ['FOLDER']\n{script}"
        job = client.process(script, wait=False, **make_output(uri), **members)
    return job, uri


def start_upload(client: Client, script: str, model: dict[str, str] | None = None) -> dict[str, Any]:
    mark = Mark()
    job, _ = start_job(client, script, model, seconds=600, Environment=mark.environment)
    wait_until(lambda: "written" in client.log(job) and not mark.processes())
    return job


@pytest.mark.timing
@pytest.mark.parametrize(
    ("script", "model"),
    [(MANY_FILES, None), (LARGE_FILE, None), (MANY_FILES, MODEL_FILES), (LARGE_FILE, MODEL)],
    ids=["many files", "a large file", "a model of many files", "a large model"],
)
def test_a_job_can_be_stopped_while_its_outputs_are_uploaded(
    client: Client, script: str, model: dict[str, str] | None
) -> None:
    client.stop(job := start_upload(client, script, model))
    start = time.monotonic()
    job = client.end(job, 300)
    assert time.monotonic() - start < 3
    assert status_of(job) == job.get("SecondaryStatus", "Stopped") == "Stopped"
    assert "FailureReason" not in job
    wait_until(lambda: not list(client.simulator.folder.glob("job-*")))


@pytest.mark.timing
@pytest.mark.parametrize("script", [MANY_FILES, LARGE_FILE], ids=["many files", "a large file"])
def test_the_simulator_can_shut_down_while_outputs_are_uploaded(script: str) -> None:
    with Simulator() as simulator:
        start_upload(Client(simulator), script)
        start = time.monotonic()
    assert time.monotonic() - start < 5
    assert not simulator.folder.exists()


@pytest.mark.timing
@pytest.mark.parametrize("model", [None, MODEL_FILES], ids=["processing", "training"])
def test_the_time_limit_applies_to_uploads(client: Client, model: dict[str, str] | None) -> None:
    for seconds in (8, 30, 120):  # on a busy machine, the job may not write its files in time
        job = client.end(start_job(client, MANY_FILES, model, seconds=seconds)[0], 300)
        if "written" in client.log(job):
            break
    assert (status_of(job), job.get("SecondaryStatus", "MaxRuntimeExceeded")) == ("Stopped", "MaxRuntimeExceeded")
    assert "FailureReason" not in job
    kind = "Training" if model else "Processing"
    assert (job[f"{kind}EndTime"] - job[f"{kind}StartTime"]).total_seconds() < seconds + 3
    assert model or f"its MaxRuntimeInSeconds of {seconds}" in client.log(job)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_job_that_has_ended_early_has_some_time_to_save_its_outputs(tmp_path: Path, is_late: bool) -> None:
    job = Job(tmp_path, saving_seconds=0.5)
    if is_late:
        job.deadline = Deadline(0)
    else:
        job.stop()
    with pytest.raises(JobStopped):
        job.raise_if_stopping()
    job.save_outputs()
    job.raise_if_stopping()
    time.sleep(0.5)
    with pytest.raises(JobTimedOut):
        job.raise_if_stopping()


@pytest.mark.slow
def test_outputs_of_a_stopped_job_are_still_uploaded(any_client: Client) -> None:
    job, uri = start_job(
        any_client, f"open(folder + '/kept', 'w').write('so far')\n{PRINT_CODE}{WAIT_CODE}", seconds=600
    )
    wait_until(lambda: "written" in any_client.log(job))
    any_client.stop(job)
    assert status_of(any_client.end(job)) == "Stopped"
    assert any_client.get(f"{uri}/kept") == b"so far"


@pytest.mark.slow
def test_outputs_larger_than_the_volume_fail_the_job(client: Client) -> None:
    script = "open(folder + '/sparse', 'wb').truncate(2 << 30)\nopen(folder + '/a', 'w').close()"
    job, uri = start_job(client, script)
    job = client.end(job)
    reason = f"No space left on device: {OUTPUT} needs more than the VolumeSizeInGB of 1"
    assert (status_of(job), job["FailureReason"]) == ("Failed", f"AlgorithmError: {reason}")
    assert client.keys(uri) == []
    assert job["FailureReason"] in client.log(job)


def test_an_output_that_is_too_large_for_one_request_is_rejected(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with open(tmp_path / "large", "wb") as file:
        file.truncate((5 << 30) + 1)
    uri = f"s3://{BUCKET}/large-output"
    reason = "'large-output/large' would be larger than 5 GiB, the maximum for one request"
    with pytest.raises(JobFailed, match=f"^ClientError: '{uri}' could not be written to: {reason}$"):
        upload_folder(client.s3, OutputFolder(tmp_path.resolve(), "/opt/ml"), uri, Volume(30 << 30), ignore)
    assert client.keys(uri) == ["/a"]


def test_too_many_output_files_are_rejected(client: Client, tmp_path: Path) -> None:
    for index in range(10_001):
        (tmp_path / str(index)).touch()
    uri = f"s3://{BUCKET}/many-outputs"
    with pytest.raises(JobFailed, match="contains more than 10,000 files, the maximum for an upload"):
        upload_folder(client.s3, OutputFolder(tmp_path.resolve(), "/opt/ml"), uri, Volume(30 << 30), ignore)
    assert client.keys(uri) == []


@pytest.mark.slow
def test_inputs_larger_than_the_volume_fail_the_job(client: Client) -> None:
    uri, inputs = client.put("half/object", b"x" * (360 << 20)), []
    for name in ("a", "b", "c"):
        inputs += make_input(uri, f"/opt/ml/processing/input/{name}")["ProcessingInputs"]
        inputs[-1]["InputName"] = name
    job = client.process("print('never')", ProcessingInputs=inputs)
    assert job["ProcessingJobStatus"] == "Failed"
    reason = "Data download failed: Insufficient disk space"
    assert job["FailureReason"] == f"ClientError: {reason}: the inputs are larger than the VolumeSizeInGB of 1"
    client.s3.delete_object(Bucket=BUCKET, Key="half/object")


FILL_CODE = "os.posix_fallocate(os.open({path}, os.O_CREAT | os.O_RDWR), 0, 1200 << 20)"
FILLING_SCRIPTS = {
    "a file in /tmp": FILL_CODE.format(path="os.environ['TMPDIR'] + '/f'"),
    "an unnamed open file": "file = tempfile.TemporaryFile()\nos.posix_fallocate(file.fileno(), 0, 1200 << 20)",
    "many empty files": "for number in range(70_000):\n    open(f'{os.environ['FOLDER']}/{number}', 'w').close()",
    "a file in a folder whose path is too long": f"""
os.chdir(os.environ['FOLDER'])
for _ in range(40):
    os.mkdir('d' * 200)
    os.chdir('d' * 200)
{FILL_CODE.format(path="'f'")}
""",
    "a model": FILL_CODE.format(path="os.environ['SM_MODEL_DIR'] + '/f'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILLING_SCRIPTS)
def test_a_running_job_that_fills_its_volume_fails(any_client: Client, kind: str) -> None:
    mark = Mark()
    script = f"import os, tempfile, time\n{FILLING_SCRIPTS[kind]}\ntime.sleep(600)"
    variables = mark.environment | {"FOLDER": "/opt/ml/processing"}
    run = any_client.train if kind == "a model" else any_client.process
    start = time.monotonic()
    job = run(script, seconds=300, Environment=variables)
    assert time.monotonic() - start < 120  # although the job's time limit is five minutes
    reason = "No space left on device: the job needs more than the VolumeSizeInGB of 1, exit code: 137"
    assert (status_of(job), job["FailureReason"]) == ("Failed", f"AlgorithmError: {reason}")
    assert_no_trace(any_client, mark)


@pytest.mark.slow
def test_a_sparse_file_counts_only_the_space_that_it_occupies(any_client: Client) -> None:
    script = "import os, time\nopen(os.environ['TMPDIR'] + '/f', 'wb').truncate(1 << 40)\ntime.sleep(3)"
    assert status_of(any_client.process(script)) == "Completed"


FULL_DISK_PROGRAM = """
import json, os, sys, tempfile
sys.path.insert(0, {tests!r})
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of
from stagemaker_support.simulator_client import Client
from stagemaker.server import BUCKET, Simulator

reasons = {{}}
with Simulator() as simulator:
    client = Client(simulator)
    write = "import os\\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'wb').write(bytes(100 << 20))"
    reasons["a job writes"] = client.train(write)["FailureReason"]
    source = client.put("large/source.tar.gz", archive_of(large=bytes(100 << 20)))
    settings = {{"sagemaker_submit_directory": source}}
    reasons["a source is unpacked"] = client.train("", HyperParameters=settings)["FailureReason"]
    data = [{{"ChannelName": "a", "DataSource": {{"S3DataSource": {{
        "S3DataType": "S3Prefix", "S3Uri": client.put("data/a", bytes(8 << 20)),
        "S3DataDistributionType": "FullyReplicated"}}}}}}]
    filler = open(os.path.join(tempfile.gettempdir(), "filler"), "wb", buffering=0)
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        filler.truncate(filler.tell() - (6 << 20))
    reasons["a channel is downloaded"] = client.train("", InputDataConfig=data)["FailureReason"]
    for name, size in (("a body is received", 60 << 20), ("an object is put", 30 << 20)):
        filler.truncate(0 if size < 50 << 20 else os.path.getsize(filler.name))
        try:
            client.s3.put_object(Bucket=BUCKET, Key="k", Body=bytes(size))
        except ClientError as error:
            reasons[name] = str(error)
    for _ in range(20):  # space that earlier requests used may have become free only now
        filler.seek(0, 2)
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            reasons["no space is left"] = client.train("").get("FailureReason")
        if reasons["no space is left"]:
            break
    filler.truncate(0)
    reasons["there is space again"] = client.train("print(1)")["TrainingJobStatus"]
print(json.dumps(reasons))
"""


@needs_sandbox  # bubblewrap provides the small disk; another process has its temporary folder on it
def test_the_simulator_reports_a_full_disk(tmp_path: Path) -> None:
    result = run_on_a_small_disk(tmp_path, "-c", FULL_DISK_PROGRAM.format(tests=SEARCH_PATH))
    assert result.returncode == 0, result.stderr[-3000:]
    reasons: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert reasons.pop("there is space again") == "Completed"
    assert reasons.pop("a job writes").startswith(f"InternalServerError: {FULL_DISK}. The job reported: AlgorithmError")
    for name in ("a body is received", "an object is put"):
        message = reasons.pop(name)
        assert message.startswith("An error occurred (InternalError) when calling the PutObject operation: ")
        assert message.endswith(FULL_DISK)
    assert set(reasons.values()) == {f"InternalServerError: {FULL_DISK}"}, reasons
