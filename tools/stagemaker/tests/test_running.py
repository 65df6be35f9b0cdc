"""`stagemaker exec`, and the commands for a running simulator: `ls`, `logs` and `stop`."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.job_traces import wait_until
from stagemaker_support.pipelines import SLEEPING_SCRIPT, Pipelines
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker import client_commands, interrupts
from stagemaker.server import Simulator

# set a terminal's title and clipboard, clear the screen, change the text's direction
SEQUENCES = "\x1b]0;title\x07 \x1b]52;c;eA==\x07 \x1b[2J \u202e\x9b \u00e9\ttext"
PRINTED = "?]0;title? ?]52;c;eA==? ?[2J ?? \u00e9\ttext"
STAGEMAKER = [sys.executable, "-m", "stagemaker"]


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STAGEMAKER, *words], cwd=ROOT, env=environment() | variables, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Simulator() as simulator:
        yield Client(simulator)


def call(client: Client, *words: str) -> str:
    result = run(*words, **client.simulator.variables())
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_a_command_runs_with_a_simulator_and_passes_on_its_status(tmp_path: Path) -> None:
    program = "import boto3; print(boto3.client('sagemaker').list_models()['Models']); raise SystemExit(7)"
    result = run("exec", "--", sys.executable, "-c", program, TMPDIR=str(tmp_path))
    assert (result.returncode, result.stdout) == (7, "[]\n"), result.stderr
    assert not list(tmp_path.iterdir())
    result = run("exec", "--", "sh", "-c", "kill -9 $$")
    assert result.returncode == 128 + signal.SIGKILL
    for command, status in (("nowhere", 127), (str(tmp_path), 126)):
        result = run("exec", "--", command)
        assert result.returncode == status
        assert result.stderr.splitlines()[-1].startswith(f"stagemaker: {command}: ")


def test_variables_that_lead_elsewhere_do_not_reach_the_command() -> None:
    program = "import boto3; print(*[boto3.client(s).meta.endpoint_url for s in ('sagemaker', 's3')])"
    variables = {
        "AWS_PROFILE": "nobody",
        "AWS_DEFAULT_PROFILE": "nobody",
        "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:9",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    result = run("exec", "--", sys.executable, "-c", program, **variables)
    assert result.returncode == 0, result.stderr
    sagemaker, s3 = result.stdout.split()
    assert sagemaker == s3
    assert f"{s3}, isolation: " in result.stderr


def test_a_setting_with_which_no_client_reaches_s3_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\ns3 =\n  use_accelerate_endpoint = true\n")
    program = "import boto3; boto3.client('s3').list_buckets()"
    result = run("exec", "--", sys.executable, "-c", program, AWS_CONFIG_FILE=str(tmp_path / "config"))
    assert result.returncode == 1
    assert "use_accelerate_endpoint" in result.stderr
    assert "set AWS_CONFIG_FILE to another file" in result.stderr


COUNT_SCRIPT = """
import os, signal, time
counts = dict.fromkeys([signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1], 0)
for number in counts:
    signal.signal(number, lambda number, frame: counts.update({number: counts[number] + 1}))
print("ready", os.getpid(), flush=True)
while not any(counts.values()):
    time.sleep(0.05)
time.sleep(1)
print(*counts.values(), flush=True)
"""


@pytest.mark.parametrize(
    ("number", "counts"),
    [(signal.SIGINT, "1 0 0 0"), (signal.SIGTERM, "0 1 0 0"), (signal.SIGQUIT, "0 0 1 0"), (signal.SIGUSR1, "0 0 0 1")],
)
def test_a_signal_reaches_the_command_once(tmp_path: Path, number: int, counts: str) -> None:
    command = [*STAGEMAKER, "exec", "--", sys.executable, "-c", COUNT_SCRIPT]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment() | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    pid = int(process.stdout.readline().split()[1])
    process.send_signal(number)
    assert process.communicate(timeout=60)[0] == f"{counts}\n"
    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(tmp_path.iterdir())


def test_inherited_signal_settings_hide_neither_the_end_of_a_command_nor_a_signal() -> None:
    program = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    program += "; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-c", program, *STAGEMAKER, "exec", "--", "sh", "-c", "kill $PPID; exec sleep 60"]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=50)
    assert result.returncode == 128 + signal.SIGTERM, result.stderr


@pytest.mark.parametrize("stdin", ["/dev/tty", "/dev/null"])
def test_ctrl_c_at_a_terminal_reaches_the_command_once(tmp_path: Path, stdin: str) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
        command = [*STAGEMAKER, "exec", "--", sys.executable, "-c", COUNT_SCRIPT]
        os.execve(sys.executable, command, environment() | {"TMPDIR": str(tmp_path)})
    output = b""
    while b"ready" not in output:
        output += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    while b"1 0" not in output:  # os.read raises OSError if the command ends without this output
        output += os.read(terminal, 1000)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)


def test_jobs_are_listed_followed_and_stopped(client: Client) -> None:
    short_job = client.train(f"print({SEQUENCES!r})")["TrainingJobName"]
    job = client.process(f"print({SEQUENCES!r}, flush=True)\n{SLEEPING_SCRIPT}", wait=False, seconds=600)
    assert PRINTED in call(client, "logs", short_job).splitlines()
    name = job["ProcessingJobName"]
    describe = client.sagemaker.describe_processing_job
    wait_until(lambda: describe(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress")
    assert "InProgress" in call(client, "ls", "jobs")
    jobs = {item["name"]: item for item in json.loads(call(client, "ls", "--json"))}
    assert (jobs[short_job]["kind"], jobs[short_job]["status"]) == ("training", "Completed")
    command, variables = [*STAGEMAKER, "logs", "--follow", name], environment() | client.simulator.variables()
    follower = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
    interrupted_follower = subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for each in (follower, interrupted_follower):
        assert each.stdout.readline() == f"{PRINTED}\n"
    interrupted_follower.send_signal(signal.SIGINT)
    assert interrupted_follower.communicate(timeout=60)[1] == "\nstagemaker: interrupted\n"
    assert interrupted_follower.returncode == interrupts.STATUS
    assert call(client, "stop", name) == f"{name}: stopping\n"
    assert client.end(job)["ProcessingJobStatus"] == "Stopped"
    assert follower.communicate(timeout=60)[0] == ""
    assert follower.returncode == 0
    newest_line, *_ = call(client, "ls").splitlines()
    assert newest_line.endswith(f"processing  Stopped    {name}")


def test_the_lines_of_all_streams_are_followed(client: Client) -> None:
    logs, job = client.logs, client.train("pass")["TrainingJobName"]
    group, time = "/aws/sagemaker/TrainingJobs", int(client.describe("TrainingJob", job)["CreationTime"].timestamp())
    events = client_commands.LogEvents(logs, client_commands.JOBS[0], job)
    messages = [event["message"] for event in events.read_new(are_last=False)]
    for index, offset in enumerate((9000, 7000, -60_000)):  # the second stream is late, the third very late
        logs.create_log_stream(logGroupName=group, logStreamName=f"{job}/{index}")
        event = {"timestamp": 1000 * time + 60_000 + offset, "message": f"line {index}"}
        logs.put_log_events(logGroupName=group, logStreamName=f"{job}/{index}", logEvents=[event])
        are_last = index == 2
        assert [event["message"] for event in events.read_new(are_last)] == [f"line {index}"]
    assert messages
    assert events.read_new(are_last=True) == []


def test_endpoints_and_executions_are_listed_and_stopped(client: Client) -> None:
    failed_job = client.train("raise SystemExit('not today')")["TrainingJobName"]
    client.sagemaker.create_model(
        ModelName="m", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": client.put("m", "x")}
    )
    variant = {"VariantName": "one", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    client.sagemaker.create_endpoint(EndpointName=failed_job, EndpointConfigName="c")
    pipelines = Pipelines(client)
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleep", SLEEPING_SCRIPT)))
    name = execution.partition(":pipeline/")[2]
    assert name in call(client, "ls", "pipelines")
    assert call(client, "stop", name) == f"{name}: stopping\n"
    pipelines.wait(execution, "Stopped")
    assert Endpoints(client).settle(failed_job)["EndpointStatus"] == "Failed"
    assert failed_job in call(client, "ls", "endpoints")
    for command in ("logs", "stop"):
        result = run(command, failed_job, **client.simulator.variables())
        assert f"{failed_job} is ambiguous: choose training/{failed_job} or endpoint/{failed_job}" in result.stderr
    result = run("logs", f"training/{failed_job}", **client.simulator.variables())
    assert result.returncode == 0
    assert result.stderr.startswith(f"stagemaker: {failed_job} failed: AlgorithmError")
    assert call(client, "stop", f"endpoint/{failed_job}") == f"{failed_job}: deleting\n", "it failed, and goes"
    wait_until(lambda: not client.sagemaker.list_endpoints()["Endpoints"])
    assert call(client, "ls", "endpoints") == ""
    result = run("logs", name, **client.simulator.variables())
    assert "choose a job of one of its steps" in result.stderr


@pytest.mark.parametrize(
    ("words", "variables", "reason"),
    [
        (["ls"], {"AWS_ENDPOINT_URL": ""}, "AWS_ENDPOINT_URL is not set"),
        (["ls"], {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        (["ls", "--endpoint", "nowhere"], {}, "Invalid endpoint"),
    ],
)
def test_an_address_without_a_simulator_is_reported(words: list[str], variables: dict[str, str], reason: str) -> None:
    result = run(*words, **variables)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert reason in result.stderr


def test_a_name_without_a_resource_is_reported_in_one_line(client: Client) -> None:
    for words in (["logs", "nothing"], ["stop", "nothing"]):
        result = run(*words, **client.simulator.variables())
        assert result.stderr == "stagemaker: no job or endpoint is named 'nothing'; choose one from `stagemaker ls`\n"
