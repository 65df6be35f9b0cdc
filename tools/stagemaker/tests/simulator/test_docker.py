"""Jobs in Docker containers: their environment, results and limits, and the removal of the containers."""

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from stagemaker_support.docker_engine import IMAGE, REPOSITORY, containers, engine
from stagemaker_support.hostile_requirements import HOSTILE_LINES
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, run_each_kind
from stagemaker_support.transform_jobs import container, create_model, transform

from stagemaker.isolation.containers import LABEL, NOBODY_ID, build, process_label, sweep
from stagemaker.server import Simulator

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("docker")]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    build(engine(), REPOSITORY, IMAGE, "equivalent", print)
    with Simulator(engine="docker") as simulator:
        yield Client(simulator, IMAGE)
    assert not containers(os.getpid())


def run_job(client: Client, script: str, **members: object) -> tuple[dict, str]:
    job = client.process(script, **members)
    return job, client.log(job)


def test_a_job_sees_a_restricted_environment(client: Client) -> None:
    script = """
import json, os, socket
def attempt(action):
    try:
        return str(action())
    except OSError as error:
        return type(error).__name__
print(json.dumps({
    "user": os.getuid(), "host": socket.gethostname(), "self": socket.gethostbyname("algo-1"),
    "network": sorted(os.listdir("/sys/class/net")),
    "processes": sorted(int(p) for p in os.listdir("/proc") if p.isdigit()),
    "root": attempt(lambda: open("/new", "w")), "tmp": attempt(lambda: open("/tmp/new", "w").close()),
    "mine": attempt(lambda: open("/opt/ml/processing/new", "w").close()),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")],
    "variables": sorted(os.environ), "engine": os.path.exists("/var/run/docker.sock"),
}))
"""
    job, log = run_job(client, script, Environment={"OWN": "x"})
    assert job["ProcessingJobStatus"] == "Completed", job
    environment = json.loads(log)
    assert environment["user"] == (psutil.Process().uids().real or NOBODY_ID)
    assert environment["host"] == "algo-1"
    assert environment["self"] == "127.0.0.1"
    assert environment["network"] == ["lo"]
    assert len(environment["processes"]) <= 2
    assert environment["root"] == "OSError"
    assert environment["tmp"] == environment["mine"] == "None"
    assert set(environment["capabilities"]) == {"0000000000000000"}
    assert not environment["engine"]
    assert {"OWN", "PROCESSING_JOB_NAME", "SM_MODEL_DIR", "PATH"} <= set(environment["variables"])
    assert not [name for name in environment["variables"] if name.startswith("AWS_") and "REGION" not in name]


def test_the_failure_reason_quotes_the_exception(client: Client) -> None:
    job, log = run_job(client, "import sys\nprint('first')\nraise ValueError('no copper')")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "ValueError: no copper" in job["FailureReason"]
    assert log.startswith("first\n")


def test_memory_and_time_are_limited(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from stagemaker.compute import job_run
    from stagemaker.isolation.instances import Instance

    monkeypatch.setattr(job_run, "instance_of", lambda instance_type: Instance(200 << 20, 1))
    job, _ = run_job(client, "block = b'x' * (400 << 20)")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "memory" in job["FailureReason"]
    job, _ = run_job(client, "import time\ntime.sleep(60)", seconds=2)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert not containers(os.getpid())


def test_the_disk_is_limited(client: Client) -> None:
    script = "import os, time\nfile = os.open('/opt/ml/processing/f', os.O_CREAT | os.O_RDWR)\n"
    job, _ = run_job(client, script + "os.posix_fallocate(file, 0, 1200 << 20)\ntime.sleep(600)")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "the job needs more than the VolumeSizeInGB of 1" in job["FailureReason"]
    assert not containers(os.getpid())


def test_a_job_that_is_stopped_gets_sigterm(client: Client) -> None:
    script = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("got SIGTERM", flush=True)))
print("ready", flush=True)
time.sleep(60)
"""
    job = client.process(script, wait=False)
    wait_until(lambda: "ready" in client.log(job))
    client.stop(job)
    assert client.end(job)["ProcessingJobStatus"] == "Stopped"
    assert "got SIGTERM" in client.log(job)


def test_packages_missing_from_the_image_are_installed_before_the_job(client: Client) -> None:
    source = client.source(job="import tabulate\nprint('version', tabulate.__version__)", **{
        "requirements.txt": "tabulate==0.9.0\nnumpy==2.5.1\n"
    })  # fmt: skip
    settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": source}
    job = client.train("", HyperParameters=settings)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "version 0.9.0" in client.log(job)


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_a_line_that_pip_would_read_differently_fails_the_job(client: Client, line: str) -> None:
    source = client.source(job="", **{"requirements.txt": line})
    job = client.train("", HyperParameters={"sagemaker_submit_directory": source})
    assert job["FailureReason"].startswith("AlgorithmError: requirements.txt could not be installed: line 1: ")


@pytest.mark.parametrize(("value", "status"), [("1", "Failed"), ("0", "Completed")])
def test_a_model_without_a_network_starts_only_if_it_would_on_aws(client: Client, value: str, status: str) -> None:
    script = "def model_fn(folder): pass\ndef transform_fn(model, data, content_type, accept): return data"
    serving_container = container(client, script, Variables={"PIP_NO_BUILD_ISOLATION": value})
    model = create_model(client, serving_container, EnableNetworkIsolation=True)
    job, _ = transform(client, model, {"a.csv": "1,2\n"}, Input={"ContentType": "text/csv"})
    assert job["TransformJobStatus"] == status, job.get("FailureReason")
    is_rejected = "Add PIP_NO_BUILD_ISOLATION=0 to the model's Environment" in job.get("FailureReason", "")
    assert is_rejected == (status == "Failed")
    assert not containers(os.getpid())


def test_a_simulator_closes_its_connections_to_the_engine(client: Client) -> None:
    def count_connections() -> int:
        return len(psutil.Process().net_connections("unix"))

    count_before = count_connections()
    simulator = Simulator(engine="docker")
    assert count_connections() == count_before
    with simulator:
        assert count_connections() > count_before
    assert count_connections() == count_before


def test_the_image_has_the_sagemaker_containers_package(client: Client) -> None:
    script = (
        "from sagemaker_containers.beta.framework import encoders, worker\nprint(encoders.encode([1, 2], 'text/csv'))"
    )
    job, log = run_job(client, script)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert log.startswith("1\n2\n")


def test_a_temporary_folder_may_have_any_name(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / f"long, with spaces, quotes \"' and ü中 {'x' * 100}"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with Simulator(engine="docker") as simulator:
        run_each_kind(Client(simulator, IMAGE))
    assert not list(folder.iterdir())


def test_an_image_that_cannot_be_pulled_is_named(client: Client) -> None:
    job = client.process("", AppSpecification={"ImageUri": "127.0.0.1:1/none:1", "ContainerEntrypoint": ["true"]})
    assert job["ProcessingJobStatus"] == "Failed"
    assert "The image '127.0.0.1:1/none:1' does not exist locally and could not be pulled" in job["FailureReason"]


def test_containers_that_disappear_do_not_prevent_a_simulator_from_starting(client: Client) -> None:
    def create_and_remove_containers() -> None:
        while not ended.is_set():
            engine().containers.create(IMAGE, ["true"], labels={LABEL: process_label(psutil.Process())}).remove()

    ended = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(create_and_remove_containers) for _ in range(2)]
        try:
            for _ in range(100):
                sweep(engine())
        finally:
            ended.set()
        for future in futures:
            future.result()


def test_containers_of_a_dead_simulator_are_removed(client: Client) -> None:
    def start_container(label: str) -> str:
        new_container = engine().containers.run(IMAGE, ["sleep", "600"], detach=True, labels={LABEL: label})
        return new_container.name

    orphan_name, current_name = start_container("999999-1"), start_container(process_label(psutil.Process()))
    sweep(engine())
    try:
        assert orphan_name not in containers()
        assert current_name in containers()
    finally:
        engine().containers.get(current_name).remove(force=True)
