"""Jobs that misbehave end with one clear reason and leave nothing behind; the simulator keeps running."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from stagemaker_support import SEARCH_PATH
from stagemaker_support.job_traces import Mark, assert_no_trace, output, wait_until
from stagemaker_support.sandbox import ISOLATIONS
from stagemaker_support.simulator_client import Client

from stagemaker.compute.processes import process
from stagemaker.server import Simulator

FORKS = {
    "child": "subprocess.Popen(['sleep', '300'])",
    "daemon": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(300)
    os._exit(0)
os.wait()
""",
}


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS.keys())
def test_processes_that_a_job_leaves_behind_are_ended(any_client, fork):
    mark = Mark()
    job = any_client.process(f"import os, signal, subprocess, time\n{fork}", Environment=mark.environment)
    assert job["ProcessingJobStatus"] == "Completed"
    assert_no_trace(any_client, mark)


def test_a_training_job_that_forks_and_exits_completes(any_client):
    mark = Mark()
    script = f"import os, signal, time\n{FORKS['daemon']}\nprint('loss=0.5;')\nopen('/opt/ml/model/m', 'w')"
    if not any_client.simulator.isolation_enforced:
        script = script.replace("'/opt/ml/model/m'", "os.environ['SM_MODEL_DIR'] + '/m'")
    job = any_client.train(script, Environment=mark.environment)
    assert job["TrainingJobStatus"] == "Completed", job
    assert_no_trace(any_client, mark)


def test_a_fork_bomb_fails(any_client, monkeypatch):
    monkeypatch.setattr(process, "MAX_PROCESSES", 30)
    mark = Mark()
    script = "import os, time\nfor _ in range(6):\n    os.fork()\ntime.sleep(60)"
    job = any_client.process(script, Environment=mark.environment)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: The job started more processes than allowed, exit code: 137"
    assert_no_trace(any_client, mark)


def test_a_job_that_is_ended_by_a_signal_fails(any_client):
    job = any_client.process("import os\nprint('last words', flush=True)\nos.kill(os.getpid(), 11)")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: last words, exit code: 139"


def test_a_job_that_kills_all_processes_it_can_leaves_nothing_behind(any_client):
    """Without a sandbox, the job can kill its supervisor; the process that it leaves behind is ended nevertheless."""
    mark = Mark()
    script = "import os, subprocess\nsubprocess.Popen(['sleep', '300'])\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)"
    if not any_client.simulator.isolation_enforced:
        script = script.replace("os.kill(-1, 9)", "import time; time.sleep(300)")
    job = any_client.process(script, Environment=mark.environment)
    assert job["ProcessingJobStatus"] == ("Completed" if any_client.simulator.isolation_enforced else "Failed")
    assert_no_trace(any_client, mark)


def test_a_command_that_does_not_exist_fails_the_job(any_client):
    image = {"ImageUri": "x/sagemaker-scikit-learn:1.9-0-cpu-py3", "ContainerEntrypoint": ["no-such-program"]}
    job = any_client.process("", AppSpecification=image)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "no-such-program" in job["FailureReason"]


def test_long_arguments_and_environment_variables_are_accepted(any_client):
    variables = {f"V{number}": "\u00e9" * 256 for number in range(90)}
    image = {
        "ImageUri": "x/sagemaker-scikit-learn:1.9-0-cpu-py3",
        "ContainerEntrypoint": ["python3", "-c", "import os, sys; assert len(os.environ['V89']) == 256, len(sys.argv)"],
        "ContainerArguments": ["\u00e9" * 256] * 100,
    }
    job = any_client.process("", AppSpecification=image, Environment=variables)
    assert job["ProcessingJobStatus"] == "Completed", job


FAILURES = {
    "text": ("open(path, 'w').write('my own reason')", "my own reason"),
    "symbolic link": ("os.symlink('/etc/passwd', path)", "bye"),
    "symbolic link above": ("os.rmdir(folder); os.symlink('/host', folder)", "bye"),
    "pipe": ("os.mkfifo(path)", "bye"),
    "folder": ("os.mkdir(path)", "bye"),
    "loop": ("os.symlink(path, path)", "bye"),
    "loop above": ("os.rmdir(folder); os.symlink(folder, folder)", "bye"),
    "socket": ("import socket; os.chdir(folder); socket.socket(socket.AF_UNIX).bind('failure')", "bye"),
    "unreadable": ("open(path, 'w').close(); os.chmod(path, 0)", "bye"),
    "huge": ("file = open(path, 'w'); file.write('x' * 9000); file.truncate(1 << 30)", "x" * 900),
    "binary": ("open(path, 'wb').write(bytes(range(256)))", "?????????\t\n??"),
}


@pytest.mark.parametrize(("code", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_jobs_with_failure_files_of_any_kind_fail_with_a_reason(any_client, tmp_path, code, reason):
    (tmp_path / "failure").write_text("written on the host")
    script = f"""
import os, sys
ml = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')
folder = ml + '/output'
path = folder + '/failure'
{code.replace("/host", str(tmp_path))}
sys.exit('bye')
"""
    job = any_client.process(script)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"AlgorithmError: {reason}")
    assert job["FailureReason"].endswith(", exit code: 1")
    assert len(job["FailureReason"]) <= 1024
    assert "written on the host" not in job["FailureReason"]


MESSAGES = {
    "symbolic link": "os.symlink('/etc/passwd', path)",
    "pipe": "os.mkfifo(path)",
    "folder": "os.mkdir(path)",
    "loop": "os.symlink(path, path)",
    "huge": "open(path, 'w').truncate(1 << 40)",
}


@pytest.mark.parametrize("code", MESSAGES.values(), ids=MESSAGES.keys())
def test_jobs_with_exit_message_files_of_any_kind_complete(any_client, code):
    script = f"import os\npath = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml') + '/output/message'\n{code}"
    job = any_client.process(script)
    assert job["ProcessingJobStatus"] == "Completed"
    assert len(job.get("ExitMessage", "")) in (0, 1024)


def test_a_job_inherits_no_open_files_from_its_supervisor(any_client):
    script = "import os\nprint(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1])"  # the last is listdir's own
    job = any_client.process(script)
    assert output(any_client, "ProcessingJob", job["ProcessingJobName"]) == "[0, 1, 2]"


FREEZE = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\nprint('frozen', flush=True)\ntime.sleep(600)"


@pytest.fixture
def freezable_client(monkeypatch):
    """Return a client of a simulator with short waits and no sandbox, so a job can freeze its supervisor."""
    monkeypatch.setattr(process, "OVERDUE_SECONDS", 2.0)
    monkeypatch.setattr(process, "GRACE_SECONDS", 1.0)
    with Simulator(isolation="off") as simulator:
        yield Client(simulator)


def test_a_job_that_freezes_its_supervisor_can_be_stopped(freezable_client):
    mark = Mark()
    name = freezable_client.process(FREEZE, wait=False, seconds=600, Environment=mark.environment)["ProcessingJobName"]
    wait_until(lambda: "frozen" in output(freezable_client, "ProcessingJob", name))
    freezable_client.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert freezable_client.wait("ProcessingJob", name)["ProcessingJobStatus"] == "Stopped"
    assert_no_trace(freezable_client, mark)


def test_a_job_that_freezes_its_supervisor_has_a_time_limit(freezable_client):
    mark = Mark()
    job = freezable_client.process(FREEZE, seconds=4, Environment=mark.environment)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert_no_trace(freezable_client, mark)


def test_a_job_that_freezes_its_supervisor_does_not_keep_the_simulator_from_ending(monkeypatch):
    monkeypatch.setattr(process, "OVERDUE_SECONDS", 2.0)
    mark = Mark()
    with Simulator(isolation="off") as simulator:
        client = Client(simulator)
        name = client.process(FREEZE, wait=False, seconds=600, Environment=mark.environment)["ProcessingJobName"]
        wait_until(lambda: "frozen" in output(client, "ProcessingJob", name))
        started = time.monotonic()
    assert time.monotonic() - started < 120  # the job would run for ten minutes
    assert not mark.processes()
    assert not simulator.folder.exists()


MEDDLING_SCRIPT = """
import os, subprocess
supervisor = f"/proc/{os.getppid()}/fd"
pipes = [fd for fd in os.listdir(supervisor) if int(fd) > 2 and os.readlink(f"{supervisor}/{fd}").startswith("pipe:")]
for fd in pipes:
    with open(f"{supervisor}/{fd}", "wb", buffering=0) as pipe:
        pipe.write(CONTENT)
        if HOLDS_PIPE:
            subprocess.Popen(["sleep", "300"], stdout=pipe, env={}, start_new_session=True)
"""


@pytest.mark.parametrize("holds_pipe", [False, True], ids=["writes", "holds the pipe open"])
@pytest.mark.parametrize(
    "content", [b"not JSON\n", b"{}\n", b"[1]\n", b"\xff\x00", b"x" * 60_000], ids=lambda content: content[:8]
)
def test_a_job_that_writes_to_its_supervisors_pipe_fails(content, holds_pipe):
    """Without a sandbox, a job can write to the pipe, but then only the job itself fails."""
    mark = Mark()
    with Simulator(isolation="off") as simulator:
        client = Client(simulator)
        script = MEDDLING_SCRIPT.replace("CONTENT", repr(content)).replace("HOLDS_PIPE", str(holds_pipe))
        job = client.process(script, Environment=mark.environment)
        assert job["ProcessingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("AlgorithmError: "), job
        assert_no_trace(client, mark)


def test_a_job_that_removes_its_folder_completes():
    """Without a sandbox, a job can remove its folder; it completes nevertheless."""
    mark = Mark()
    with Simulator(isolation="off") as simulator:
        client = Client(simulator)
        script = (
            "import os, shutil, time\nshutil.rmtree(os.path.dirname(os.environ['SAGEMAKER_BASE_DIR']))\ntime.sleep(3)"
        )
        job = client.process(script, Environment=mark.environment)
        assert job["ProcessingJobStatus"] == "Completed", job
        assert_no_trace(client, mark)


def test_output_that_a_job_makes_non_blocking_is_read(any_client):
    script = "import os\nos.set_blocking(1, False)\nos.write(1, b'x' * 100)\nraise SystemExit(3)"
    job = any_client.process(script)
    assert job["FailureReason"] == f"AlgorithmError: {'x' * 100}, exit code: 3"


def test_a_training_job_takes_its_reason_from_its_failure_file(any_client):
    script = "import os, sys\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('my reason')\nsys.exit('bye')"
    job = any_client.train(script)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: my reason, exit code: 1"


SIMULATOR_PROGRAM = """
import signal, sys, time
sys.path.insert(0, {tests!r})
from stagemaker_support.simulator_client import Client
from stagemaker.compute.processes import process
from stagemaker.server import Simulator
process.GRACE_SECONDS = 600  # seconds; the jobs must end without this long grace period
if {handles_sigterm}:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
with Simulator(isolation={isolation!r}) as simulator:
    client = Client(simulator)
    for _ in range(3):
        client.process({script!r}, wait=False, seconds=600, Environment={mark!r})
    print(simulator.folder, flush=True)
    time.sleep(600)
"""
STUBBORN_SCRIPT = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('on', flush=True)\ntime.sleep(600)"
)


@pytest.mark.parametrize(
    "end_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda end_signal: end_signal.name
)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_jobs_end_when_the_simulator_process_ends(end_signal, isolation):
    mark = Mark()
    program = SIMULATOR_PROGRAM.format(
        tests=SEARCH_PATH,
        isolation=isolation,
        script=STUBBORN_SCRIPT,
        mark=mark.environment,
        handles_sigterm=end_signal == signal.SIGTERM,
    )
    simulator_process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        line = simulator_process.stdout.readline().strip()
        assert line, "the simulator did not start"
        simulator_folder = Path(line)
        wait_until(lambda: any("job.py" in " ".join(process.cmdline()) for process in mark.processes()))
        simulator_process.send_signal(end_signal)
        simulator_process.wait(60)
    finally:
        simulator_process.kill()
        simulator_process.stdout.close()
    wait_until(lambda: not mark.processes(), 60)
    if end_signal != signal.SIGKILL:
        assert not simulator_folder.exists()
    assert not [process for process in psutil.Process().children() if process.pid == simulator_process.pid]
    shutil.rmtree(simulator_folder, ignore_errors=True)  # a killed simulator leaves its folder behind
