"""Models with several containers: each container's output is the next one's input, and errors name the container."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import IMAGE, Client, counter, rejection
from stagemaker_support.transform_jobs import container, create_model, run_batch, transform

from stagemaker.compute import transform_run as compute_transform
from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.memory_use import MemoryUse
from stagemaker.compute.processes.process import SupervisedProcess
from stagemaker.compute.servers.chain import Chain
from stagemaker.compute.servers.response import NoResponse
from stagemaker.compute.transform_run import distribute
from stagemaker.isolation.instances import Instance, instance_of
from stagemaker.isolation.sandbox import Launch

# A script that appends a line to its input: its name, the model's files, and the input's and the requested type.
REPORTING_SCRIPT = """
import json, os

def model_fn(model_dir):
    return [NAME, *sorted(os.listdir(model_dir))]

def transform_fn(model, data, content_type, accept):
    print("serving", *model, flush=True)
    text = data if isinstance(data, str) else data.decode()
    return text + json.dumps([model, content_type, accept]) + "\\n", TYPE
"""
FAILING_SCRIPT = """
def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    return data

def predict_fn(data, model):
    raise ArithmeticError("these numbers cannot be divided")
"""
CSV = {"Input": {"ContentType": "text/csv"}, "Output": {"Accept": "text/csv"}}
NO_RETRIES = {"ModelClientConfig": {"InvocationsMaxRetries": 0}}


def reporting_script(name: str, content_type: str = "text/plain") -> str:
    return REPORTING_SCRIPT.replace("NAME", repr(name)).replace("TYPE", repr(content_type))


@pytest.mark.everywhere
def test_each_output_is_the_next_input_and_each_container_has_its_own_model_and_log(any_client: Client) -> None:
    source = {"S3Uri": any_client.put("folder/x/weights.txt", "w").removesuffix("weights.txt")}
    source |= {"S3DataType": "S3Prefix", "CompressionType": "None"}
    containers = [  # names of a job's files and folders, and of other things in messages
        container(
            any_client,
            reporting_script("one", "text/csv"),
            ContainerHostname="source",
            ModelDataUrl=any_client.source(first="1"),
        ),
        container(
            any_client,
            reporting_script("two", "application/x-two"),
            ContainerHostname="response",
            ModelDataSource={"S3DataSource": source},
        ),
        container(any_client, reporting_script("three"), ContainerHostname="primary"),
    ]
    unused_members = {
        "InferenceExecutionConfig": {"Mode": "Serial"},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    }
    model = create_model(any_client, *containers, **unused_members)
    assert any_client.sagemaker.describe_model(ModelName=model).items() >= unused_members.items()
    job, uri = transform(any_client, model, {"a": "start\n"}, **CSV)
    assert job["TransformJobStatus"] == "Completed", job
    first, *reports = any_client.get(f"{uri}/a.out").decode().splitlines()
    assert first == "start"
    assert [json.loads(line) for line in reports] == [
        [["one", "first.py"], "text/csv", "application/json"],  # the type that AWS uses between containers by default
        [["two", "weights.txt"], "text/csv; charset=utf-8", "application/json"],
        [["three"], "application/x-two", "text/csv"],  # only the last container gets the caller's Accept header
    ]
    log = {"logGroupName": "/aws/sagemaker/TransformJobs"}
    streams = any_client.logs.describe_log_streams(**log, logStreamNamePrefix=f"{job['TransformJobName']}/")
    names = [stream["logStreamName"] for stream in streams["logStreams"]]
    for container_name, message in (("source", "serving one first.py"), ("response", "serving two weights.txt")):
        [name] = [name for name in names if name.endswith(f"/{container_name}")]
        events = any_client.logs.get_log_events(**log, logStreamName=name)["events"]
        assert message in [event["message"] for event in events]


@pytest.mark.parametrize(
    ("script", "reason", "line"),
    [
        (
            FAILING_SCRIPT,
            "ClientError: The server of container 'primary' failed to handle a request: status 500: ",
            "ArithmeticError: these numbers cannot be divided\nTraceback (most recent call last)",
        ),
        (
            "def model_fn(folder):\n    raise OSError('no weights here')\n",
            "AlgorithmError: The server of container 'primary' exited before it was ready: the model did not",
            "no weights here",
        ),
    ],
    ids=["a request", "the start"],
)
def test_the_failing_container_is_named_with_its_error(any_client: Client, script: str, reason: str, line: str) -> None:
    scripts = {"clean": reporting_script("clean", "text/csv"), "primary": script}
    scripts["predict"] = reporting_script("predict")
    containers = [container(any_client, script, ContainerHostname=name) for name, script in scripts.items()]
    job, _ = transform(any_client, create_model(any_client, *containers), {"a": "1,2\n"}, **CSV, **NO_RETRIES)
    assert job["FailureReason"].startswith(reason)
    assert line in job["FailureReason"]
    assert script.splitlines()[-1].strip() in any_client.log(job)


def test_all_containers_share_one_time_limit(client: Client) -> None:
    scripts = [
        "import time\n" + reporting_script("slow").replace("    text =", f"    time.sleep({seconds})\n    text =")
        for seconds in (1, 3.5)
    ]
    limit = {"ModelClientConfig": {"InvocationsTimeoutInSeconds": 4, "InvocationsMaxRetries": 0}}
    job, _ = transform(client, create_model(client, *scripts), {"a": "1\n"}, **CSV, **limit)
    reason = "The server of container 'container-2' failed to handle a request: the server did not respond within 4 s"
    assert job["FailureReason"] == f"ClientError: {reason}"


# A replacement for the container's server that responds to each request with the request's body and headers.
HEADERS_SCRIPT = """
import http.server, json, os, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def address_string(self):
        return "unix"
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body += json.dumps({name.lower(): value for name, value in self.headers.items()}).encode() + b"\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST

path = sys.argv[sys.argv.index("--bind") + 1].removeprefix("unix:")
os.unlink(path)
socketserver.ThreadingUnixStreamServer(path, Handler).serve_forever()
"""


@pytest.fixture
def chain(client: Client, platform: Platform, tmp_path: Path) -> Callable[..., Chain]:
    log = JobLog(platform.logs, "/aws/sagemaker/Test", f"chain-{next(counter)}")

    def make_chain(*scripts: str, job: Job | None = None, name: str = "instance-1") -> Chain:
        model = {"Containers": [container(client, script) for script in scripts]}
        return Chain(platform, job or Job(tmp_path), model, log, instance_of("ml.m5.large"), name)

    return make_chain


def test_containers_receive_the_headers_of_the_caller(chain: Callable[..., Chain]) -> None:
    caller_headers = {"Content-Type": "text/csv", "accept": "text/plain", "X-Amzn-SageMaker-Inference-Id": "id-1"}
    with chain(HEADERS_SCRIPT, HEADERS_SCRIPT) as running_chain:
        running_chain.wait_until_ready()
        response = running_chain.invoke(b"", caller_headers, Deadline(10))
        assert running_chain.failure() is None
        ping = running_chain.request("GET", "/ping", Deadline(10))
    assert (response.status, response.container, ping.container) == (200, "container-2", "container-1")
    first, second = map(json.loads, response.body.splitlines())
    assert first["x-amzn-sagemaker-inference-id"] == second["x-amzn-sagemaker-inference-id"] == "id-1"
    assert first["content-type"] == "text/csv"
    assert "accept" not in first
    assert "content-type" not in second  # the first container's response had no content type
    assert second["accept"] == "text/plain"
    assert running_chain.ending is not None


def test_a_chain_names_the_server_that_ended(chain: Callable[..., Chain]) -> None:
    ending_script = reporting_script("two").replace("    text =", "    import os; os.kill(os.getppid(), 9)\n    text =")
    with chain(reporting_script("one"), ending_script) as running_chain:
        running_chain.wait_until_ready()
        with pytest.raises(NoResponse) as excinfo:
            list(iter(lambda: running_chain.invoke(b"1", {"Content-Type": "text/csv"}, Deadline(10)), None))
        assert excinfo.value.container == "container-2"
        wait_until(lambda: running_chain.failure() is not None)
        assert str(running_chain.failure()).startswith("AlgorithmError: The server of container 'container-2' failed")


@pytest.mark.parametrize("server_ends", [False, True])
def test_a_chain_waits_for_a_reason_that_is_being_written(chain: Callable[..., Chain], server_ends: bool) -> None:
    """The failure file is empty until the container writes the reason, and stays empty if the server exits first."""
    script = """import os, time
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
with open(f"{base}/output/failure", "w") as failure:
    print("before", flush=True)
    time.sleep(1)
    SERVER_ENDS or failure.write("the weights are missing")
    print("after", flush=True)
SERVER_ENDS and os.kill(os.getppid(), 9)
time.sleep(600)
""".replace("SERVER_ENDS", str(server_ends))
    with pytest.raises(JobFailed) as excinfo, chain(script) as running_chain:
        running_chain.wait_until_ready()
    assert ("after" if server_ends else "exited before it was ready: the weights are missing") in str(excinfo.value)


HOLDING_SCRIPT = "held = b'x' * SIZE; open('PATH', 'w').close(); import time; time.sleep(600)"


def start_allocating_command(size: int, path: Path, instance: Instance) -> SupervisedProcess:
    script = HOLDING_SCRIPT.replace("SIZE", str(size)).replace("PATH", str(path))
    return SupervisedProcess(
        Launch([sys.executable, "-c", script], dict(os.environ), "/"), path.parent, instance=instance
    )


def test_the_larger_of_two_commands_that_share_memory_is_ended(tmp_path: Path) -> None:
    instance = Instance(130_000_000, 1, memory_use=tmp_path / "memory")
    large_command = start_allocating_command(85_000_000, tmp_path / "large", instance)
    wait_until((tmp_path / "large").exists)
    small_command = start_allocating_command(70_000_000, tmp_path / "small", instance)
    ending = large_command.wait()
    assert (ending.reason, ending.peak > 130_000_000) == ("memory", True)
    wait_until((tmp_path / "small").exists)
    small_command.stop()
    assert small_command.wait().reason == "stopped"


def test_only_one_of_two_equal_commands_ends(tmp_path: Path) -> None:
    """Each command sees the other's memory use, but not the other's decision."""
    shares = [MemoryUse(str(tmp_path / "memory"), 100) for _ in range(2)]
    for _ in range(3):
        for share in shares:
            share.bytes_left()
            share.record(60)
    assert [share.must_end() for share in shares] == [True, False]
    shares[1].bytes_left()
    shares[1].record(60)
    assert not shares[1].must_end()


@pytest.mark.slow
def test_the_container_that_needs_too_much_memory_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_transform, "instance_of", lambda instance_type: Instance(1000 << 20, 2))

    def holding_script(megabytes: int) -> str:
        return (
            f"def model_fn(folder): return b'x' * ({megabytes} << 20)\n"
            "import time\ndef transform_fn(model, data, content_type, accept): return time.sleep(1) or data, accept\n"
        )

    small_model, large_model = (create_model(client, holding_script(size), holding_script(600)) for size in (10, 400))
    assert run_batch(client, small_model, {"a": "1"}, Input={"ContentType": "text/csv"}) == [b"1"]
    job, _ = transform(client, large_model, {"a": "1"}, Input={"ContentType": "text/csv"})
    assert job["FailureReason"] == (
        "AlgorithmError: The server of container 'container-2' needed more memory than its instance type has"
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"InferenceExecutionConfig": {"Mode": "Direct"}}, "Mode Direct is not simulated"),
        ({"Containers": [{"ContainerHostname": "a"}, {"ContainerHostname": "a"}]}, "the ContainerHostname 'a'"),
        ({"Containers": [{"ContainerHostname": "a"}, {}]}, "either all containers or none must have a Container"),
        ({"Containers": [{}, {"Mode": "MultiModel"}]}, "MultiModel requires a ModelDataUrl"),
        ({"Containers": [{}, {"ModelPackageName": "nowhere/1", "Image": None}]}, "Could not find model package"),
        ({"Containers": [{}, {"MultiModelConfig": {"ModelCacheSetting": "Disabled"}}]}, "Disabled is not simulated"),
        ({"Containers": [{}, {"Image": None}]}, "must have an Image"),
        ({"PrimaryContainer": {"ImageConfig": {"RepositoryAccessMode": "Vpc"}}}, "ImageConfig is not simulated"),
        ({"PrimaryContainer": {"ModelDataUrl": "s3://b/k", "ModelDataSource": {}}}, "either a ModelDataUrl or"),
        ({"PrimaryContainer": {"ModelDataSource": {}}}, "an S3DataSource is required"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_invalid_and_unsupported_models_are_rejected(client: Client, members: dict, expected: str) -> None:
    def with_image(container: dict) -> dict:
        return {name: value for name, value in ({"Image": IMAGE} | container).items() if value is not None}

    if "PrimaryContainer" in members:
        members = {"PrimaryContainer": with_image(members["PrimaryContainer"])}
    else:
        members |= {"Containers": [with_image(container) for container in members.get("Containers", [{}, {}])]}
    assert expected in rejection(client.sagemaker.create_model, ModelName="rejected", **members)


def test_a_failing_instance_ends_one_that_is_still_loading(chain: Callable[..., Chain], tmp_path: Path) -> None:
    job, start = Job(tmp_path), time.monotonic()
    sleeping_script = "import time\ndef model_fn(folder): time.sleep(600)\n"
    chains = [chain(sleeping_script, job=job, name="slow"), chain(reporting_script("fast"), job=job, name="fast")]

    def work(chain: Chain, items: Iterator[int]) -> None:
        raise JobFailed(f"{next(items)} is rejected")

    with pytest.raises(JobFailed, match=r"^1 is rejected$"):
        distribute(job, chains, [1, 2], work)
    assert time.monotonic() - start < 120
    assert all(chain.ending for chain in chains)
