"""A variant's instances that cannot be started, lose connections, or exit during an invocation."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import container

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.endpoints import fleet
from stagemaker.compute.endpoints.fleet import Fleet, InvocationResult
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.platform import Platform


def test_an_invocation_does_not_wait_for_instances_that_cannot_start(platform: Platform) -> None:
    platform.jobs.close()
    fleet = Fleet(platform, "endpoint", {"VariantName": "one"})
    replies: list[InvocationResult] = []
    thread = threading.Thread(target=lambda: replies.append(fleet.invoke(b"", {}, Deadline(600))))
    thread.start()
    time.sleep(0.2)
    fleet.scale(1)
    thread.join(60)
    assert [reply.reason for reply in replies] == ["no instance was ready"]
    fleet.end()


SLOW_SCRIPT = "import time\ntime.sleep(1)\n" + NAMER.format(name="slow")
HANGING_INSTALLATION = {
    "serve_me.py": NAMER.format(name="m"),
    "requirements.txt": "./package\n",
    "package/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "hanging"\nbackend-path = ["."]\n',
    "package/hanging.py": "import time\ntime.sleep(600)\n",
}


@pytest.mark.parametrize(
    ("files", "limit", "reason"),
    [
        (
            {"serve_me.py": SLOW_SCRIPT},
            {"ContainerStartupHealthCheckTimeoutInSeconds": 0},
            "ping health check: The server of container 'container-1' did not respond to /ping with 200",
        ),
        (
            {"serve_me.py": SLOW_SCRIPT},
            {"ModelDataDownloadTimeoutInSeconds": 0},
            "not prepared within the ModelDataDownloadTimeoutInSeconds of 0",
        ),
        (
            HANGING_INSTALLATION,
            {"ModelDataDownloadTimeoutInSeconds": 2},
            "could not be started: the model was not prepared within the ModelDataDownloadTimeoutInSeconds of 2",
        ),
    ],
    ids=["startup", "download", "installation"],
)
def test_a_start_that_exceeds_a_time_limit_fails(
    client: Client, platform: Platform, files: dict[str, str], limit: dict[str, int], reason: str
) -> None:
    item = container(client, "", Variables={"SAGEMAKER_SUBMIT_DIRECTORY": client.source(**files)})
    members = {"VariantName": "one", "InstanceType": "ml.m5.large", "Model": {"Containers": [item]}}
    fleet = Fleet(platform, "endpoint", members | limit)
    fleet.scale(1)
    with pytest.raises(JobFailed) as excinfo:
        wait_until(fleet.is_ready)
    assert reason in str(excinfo.value)
    fleet.end()


# A script that breaks the connection of one request while its server stays alive.
BREAKING_SCRIPT = """
import inspect, socket, time

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    if data == "break":
        for frame in inspect.stack():
            for value in frame.frame.f_locals.values():
                if isinstance(value, socket.socket) and value.family == socket.AF_UNIX:
                    try:
                        value.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        continue
    else:
        time.sleep(float(data))
    return data, accept
"""


@pytest.mark.slow
def test_a_broken_connection_keeps_a_server_in_service(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server responds to /ping only after all earlier requests; by then, the start-up limit has already passed."""
    monkeypatch.setattr(fleet, "STARTUP_SECONDS", 8)
    name = endpoints.create(endpoints.config(variant(endpoints.model(BREAKING_SCRIPT))))
    bodies = ["0.5", "break", *["1"] * 16]
    with ThreadPoolExecutor(len(bodies) + 1) as pool:
        replies = []
        for body in bodies:
            replies.append(pool.submit(endpoints.invoke, name, body, ContentType="text/csv"))
            time.sleep(0.04)
        outcomes = [reply.exception() or reply.result()["Body"].read().decode() for reply in replies]
    assert [*outcomes[:1], *outcomes[2:]] == [*bodies[:1], *bodies[2:]]
    endpoints.delete(name)  # afterwards the log is complete
    log = endpoints.client.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    assert not [event for event in log if "being restarted" in event["message"]]
