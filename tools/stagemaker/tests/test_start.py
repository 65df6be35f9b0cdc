"""`stagemaker start` as a command."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import IMAGE
from stagemaker_support.start_command import COMMAND, start

from stagemaker.variables_file import VariablesFile


def fail_to_start(*options: object, **variables: str) -> str:
    """Run the command, which must exit with status 2 without writing to stdout, and return its stderr."""
    command, full_environment = [*COMMAND, *map(str, options)], environment() | variables
    result = subprocess.run(command, cwd=ROOT, env=full_environment, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    return result.stderr


def test_a_signal_received_by_another_thread_ends_the_simulator(tmp_path: Path) -> None:
    """The kernel chooses which thread receives the signal, and the main thread may be asleep."""
    process, _ = start(folder=tmp_path)
    threads = {thread.id for thread in psutil.Process(process.pid).threads()} - {process.pid}
    assert ctypes.CDLL(None).tgkill(process.pid, min(threads), signal.SIGTERM) == 0
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_simulator_with_every_job_and_folder(number: int, tmp_path: Path) -> None:
    process, variables = start(folder=tmp_path, AWS_ENDPOINT_URL_S3="http://127.0.0.1:9")
    assert variables["AWS_ENDPOINT_URL_S3"] is None
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"]  # SDKs for other languages read AWS_REGION
    session = boto3.Session("x", "x", region_name=variables["AWS_REGION"])
    clients = {name: session.client(name, endpoint_url=variables["AWS_ENDPOINT_URL"]) for name in ("sagemaker", "iam")}
    role = clients["iam"].list_roles()["Roles"][0]["Arn"]
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    for job in range(2):
        clients["sagemaker"].create_processing_job(
            ProcessingJobName=f"sleep-{job}",
            RoleArn=role,
            AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["sleep", "600"]},
            ProcessingResources={"ClusterConfig": cluster},
        )
    descendants = psutil.Process(process.pid).children
    wait_until(lambda: any("sleep" in child.name() for child in descendants(recursive=True)))
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors.splitlines()[-1] == "stagemaker: the simulator and its jobs have stopped"
    assert "Traceback" not in errors
    assert "the folder on PYTHONPATH" in errors
    assert f"stagemaker: console: {variables['AWS_ENDPOINT_URL']}/_stagemaker/console/\n" in errors
    assert f"role='{role}'" in errors
    _, survivors = psutil.wait_procs(children, timeout=60)
    assert not survivors
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_port_or_folder_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        [line] = fail_to_start("--port", listener.getsockname()[1]).splitlines()
    assert "Address already in use" in line
    process, _ = start("--state", tmp_path / "state", folder=tmp_path)
    error = fail_to_start("--state", tmp_path / "state")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert "is in use by another simulator" in error


def test_a_missing_sandbox_is_reported_with_the_alternative(tmp_path: Path) -> None:
    error = fail_to_start("--isolation", "required", PATH=str(tmp_path))
    assert error.startswith("stagemaker: isolation is required, but bubblewrap does not work here")
    assert error.endswith("or choose --isolation auto for code that you trust\n")


def test_a_shell_can_read_the_exports_and_sigint_ends_the_simulator(tmp_path: Path) -> None:
    variables = environment() | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(COMMAND, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = [process.stdout.readline().decode() for _ in range(7)]
    script = "".join(lines) + "env"
    output = subprocess.check_output(["bash", "-c", script], text=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert not list(tmp_path.iterdir())
    for line in lines:
        assert line.removeprefix("export ").strip() in output


def test_the_file_with_the_variables_exists_only_while_the_simulator_runs(tmp_path: Path) -> None:
    file = tmp_path / "variables.sh"
    file.write_text("export AWS_ENDPOINT_URL=left-by-a-killed-simulator\n")
    variables = environment() | {"TMPDIR": str(tmp_path)}
    command = [*COMMAND, "--variables", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not file.exists() or "killed" in (content := file.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    assert content.endswith("export SAGEMAKER_VALIDATE_ROLE=false\n")
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in content

    error = fail_to_start("--variables", file, TMPDIR=str(tmp_path))
    reason = "a running simulator uses this file; stop the simulator, or choose another file"
    assert error == f"stagemaker: {file}: {reason}\n"
    assert file.read_text() == content

    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, b"")
    assert not list(tmp_path.iterdir())


def test_variables_replace_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("mine\n")
    (tmp_path / "link").symlink_to(tmp_path / "text")
    os.mkfifo(tmp_path / "pipe")
    for name in ("text", "link", "pipe", "."):
        with pytest.raises(OSError, match="could not be replaced"), VariablesFile(tmp_path / name):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "text"]


def test_a_simulator_loads_other_services_with_their_first_request(tmp_path: Path) -> None:
    """Importing moto takes a second, so `stagemaker start` postpones it. Here, four requests need it at once."""
    program = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from stagemaker import BUCKET, Simulator
with Simulator(isolation="off", state=Path(sys.argv[1])) as simulator:
    print(sorted({"moto", "flask", "cryptography", "pandas", "optuna"} & {*sys.modules}))
    simulator.client("sagemaker").list_models()
    print("moto" in sys.modules)
    clients = [simulator.client(name) for name in ("s3", "iam", "sts", "s3")]
    calls = ("list_buckets", "list_roles", "get_caller_identity", "list_buckets")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda client, call: getattr(client, call)(), clients, calls))
    print([bucket["Name"] == BUCKET for answer in answers[::3] for bucket in answer["Buckets"]])
    print([role["RoleName"] for role in answers[1]["Roles"]])
    if len(sys.argv) > 2:
        simulator.client("s3").put_object(Bucket=BUCKET, Key="kept", Body=bytes(100_000))
    else:
        print(simulator.client("s3").head_object(Bucket=BUCKET, Key="kept")["ContentLength"])
"""
    ready = ["[]", "False", "[True, True]", "['SageMakerRole']"]
    for words, expected in ((["write"], ready), ([], [*ready, "100000"])):
        command = [sys.executable, "-c", program, str(tmp_path / "state"), *words]
        assert subprocess.check_output(command, text=True, env=environment()).splitlines() == expected


def test_others_may_call_a_simulator_that_listens_on_more_than_loopback(tmp_path: Path) -> None:
    process, variables = start("--host", "0.0.0.0", "--allow-host", "sagemaker.test", "--no-console", folder=tmp_path)
    address = urlsplit(variables["AWS_ENDPOINT_URL"])
    assert address.hostname == "127.0.0.1"
    statuses = {}
    for host in ("sagemaker.test", "0.0.0.0", "localhost", "elsewhere.test", "x.sagemaker.test"):
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=30)
        connection.request("GET", "/_stagemaker/health", headers={"Host": f"{host}:{address.port}"})
        statuses[host] = connection.getresponse().status
        connection.close()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert list(statuses.values()) == [200, 200, 200, 403, 403]
    assert f"anyone who can reach port {address.port} at 0.0.0.0 can read and write" in errors
    assert "console" not in errors
    for arguments in (["--host", "no.such.host"], ["--allow-host", "name:5000"]):
        [line] = fail_to_start(*arguments).splitlines()
        assert arguments[1] in line


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "::1"])
def test_a_simulator_listens_on_addresses_of_ipv6(tmp_path: Path, host: str) -> None:
    process, variables = start("--host", host, folder=tmp_path)
    address = urlsplit(variables["AWS_ENDPOINT_URL"])
    assert address.hostname in variables["NO_PROXY"].split(",")
    connection = http.client.HTTPConnection("::1", address.port, timeout=30)
    connection.request("GET", "/_stagemaker/health")
    assert connection.getresponse().status == 200
    connection.close()
    program = "import boto3; print(boto3.client('sagemaker').list_models()['Models'])"
    env = environment() | {"http_proxy": "http://127.0.0.1:9"} | variables
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr
