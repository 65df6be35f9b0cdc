"""Limits on model servers: all written files count towards the volume size, and failures name the exceeded limit."""

import time
from pathlib import Path

import pytest
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import create_model, transform

from stagemaker.compute.processes import process
from stagemaker.compute.processes.disk_use import DiskUse
from stagemaker.compute.servers import chain

MIB = 1 << 20
# A script that takes up space in a folder and then waits.
WRITING_SCRIPT = """
import os, sys, time

def model_fn(model_dir):
    sockets = next(os.path.dirname(word.removeprefix("unix:")) for word in sys.argv if word.startswith("unix:"))
    folders = {{"sockets": sockets, "model": model_dir, "temporary": os.environ["TMPDIR"]}}
    file = os.open(folders["{folder}"] + "/f", os.O_CREAT | os.O_RDWR)
    os.posix_fallocate(file, 0, {size})
    time.sleep(600)
"""
FORKING_SCRIPT = """
import os, time

def model_fn(model_dir):
    for _ in range(6):
        os.fork()
    time.sleep(60)
"""
# A script that kills its server without a message when it receives the request "end".
CRASHING_SCRIPT = """
import os, signal, time

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    if data == "end":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return data
"""


def test_all_folders_count_towards_the_volume_size(tmp_path: Path) -> None:
    folders = [tmp_path / "a folder", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "f").write_bytes(b"x" * 2 * MIB)
    folders.append(tmp_path / "missing")
    full = DiskUse([str(folder) for folder in folders], 3 * MIB)
    wait_until(lambda: full.exceeds_volume([]))
    for names, volume in ((folders, 6 * MIB), (folders[1:], 3 * MIB)):
        use = DiskUse([str(folder) for folder in names], volume)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            assert not use.exceeds_volume([])
            time.sleep(0.05)


@pytest.mark.parametrize("folder", ["sockets", "temporary"])
def test_an_endpoint_without_a_volume_size_has_a_limit(
    any_endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr(chain, "DEFAULT_SIZE", 64 * MIB)
    reason = any_endpoints.failure_reason(any_endpoints.model(WRITING_SCRIPT.format(folder=folder, size=100 * MIB)))
    expected = "No space left on device: the model needs more than the VolumeSizeInGB of 0"
    assert reason == f"Production variant one did not pass the ping health check: {expected}"


def test_an_endpoint_has_its_volume_size(endpoints: Endpoints) -> None:
    model = endpoints.model(WRITING_SCRIPT.format(folder="sockets", size=1200 * MIB))
    assert endpoints.failure_reason(model, VolumeSizeInGB=1).endswith("more than the VolumeSizeInGB of 1")


def test_the_containers_of_a_model_share_the_volume(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "DEFAULT_SIZE", 64 * MIB)
    model = create_model(
        client, *(WRITING_SCRIPT.format(folder=folder, size=40 * MIB) for folder in ("model", "sockets"))
    )
    job, _ = transform(client, model, {"a": "1"})
    reason = "No space left on device: the model needs more than the VolumeSizeInGB of 0"
    assert (job["TransformJobStatus"], job["FailureReason"]) == ("Failed", f"AlgorithmError: {reason}")


def test_an_endpoint_with_too_many_processes_fails(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_PROCESSES", 30)
    reason = endpoints.failure_reason(endpoints.model(FORKING_SCRIPT))
    assert reason.endswith("health check: The model's server started more processes than allowed")


def test_messages_about_repeated_restarts_do_not_accumulate(client: Client) -> None:
    endpoints = Endpoints(client)
    name = endpoints.create(endpoints.config(variant(endpoints.model(CRASHING_SCRIPT))))
    with pytest.raises(endpoints.runtime.exceptions.ModelError):  # an invocation whose server ends is retried once
        endpoints.invoke(name, "end", ContentType="text/csv")
    wait_until(lambda: len(restart_messages(client, name)) == 2)
    phrase = "The servers exited and are being restarted. "
    assert {message.count(phrase) for message in restart_messages(client, name)} == {1}
    endpoints.delete(name)


def restart_messages(client: Client, endpoint: str) -> list[str]:
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    streams = client.logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = client.logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"])["events"]
    return [event["message"] for event in events if "being restarted" in event["message"]]
