"""Jobs that misbehave end with one clear reason and leave nothing behind; the simulator keeps running."""

import os
import re
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest
from stagemaker_support.job_traces import Mark, assert_no_trace, wait_until
from stagemaker_support.sandbox import ISOLATIONS
from stagemaker_support.simulator_client import IMAGE, Client, status_of
from stagemaker_support.simulator_process import running

from stagemaker.compute.processes import process
from stagemaker.compute.processes.reasons import read_text
from stagemaker.server import Simulator

DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(300)
    os._exit(0)
os.wait()
"""
# The actions of a script, and the failure reason of its job, or None if it completes.
MISBEHAVIOURS = {
    "leaves a child": ("subprocess.Popen(['sleep', '300'])", None),
    "leaves a daemon": (DAEMON, None),
    "starts too many processes": (
        "for _ in range(6):\n    os.fork()\ntime.sleep(60)",
        "The job started more processes than allowed, exit code: 137",
    ),
    "ends by a signal": ("print('last words', flush=True)\nos.kill(os.getpid(), 11)", "last words, exit code: 139"),
    "makes its output non-blocking": (
        "os.set_blocking(1, False)\nos.write(1, b'x' * 100)\nraise SystemExit(3)",
        f"{'x' * 100}, exit code: 3",
    ),
}


def assert_ends(run, script, reason, **members):
    """Check that a job fails for this reason, or completes if `reason` is None, and leaves nothing behind."""
    mark = Mark()
    variables = members.pop("Environment", {}) | mark.environment
    job = run(f"import os, shutil, signal, subprocess, time\n{script}", Environment=variables, **members)
    assert status_of(job) == ("Completed" if reason is None else "Failed"), job
    assert reason is None or re.match(f"AlgorithmError: {reason}", job["FailureReason"])
    assert_no_trace(run.__self__, mark)


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_job_that_misbehaves_ends_and_leaves_nothing_behind(any_client, monkeypatch, name):
    monkeypatch.setattr(process, "MAX_PROCESSES", 30)
    assert_ends(any_client.process, *MISBEHAVIOURS[name])


def test_a_job_that_kills_all_processes_it_can_leaves_nothing_behind(any_client):
    """Without a sandbox, the job can kill its supervisor; the job's other process is killed nevertheless."""
    is_enforced = any_client.simulator.isolation_enforced
    script = "subprocess.Popen(['sleep', '300'])\nos.kill(os.getppid(), 9)\n"
    script += "os.kill(-1, 9)" if is_enforced else "time.sleep(300)"
    assert_ends(any_client.process, script, None if is_enforced else "")


def test_a_command_that_does_not_exist_fails_the_job(any_client):
    image = {"ImageUri": IMAGE, "ContainerEntrypoint": ["no-such-program"]}
    assert_ends(any_client.process, "", ".*no-such-program", AppSpecification=image)


def test_long_arguments_and_environment_variables_are_accepted(any_client):
    variables = {f"V{index}": "\u00e9" * 256 for index in range(90)}
    image = {
        "ImageUri": IMAGE,
        "ContainerEntrypoint": ["python3", "-c", "import os, sys; assert len(os.environ['V89']) == 256, len(sys.argv)"],
        "ContainerArguments": ["\u00e9" * 256] * 100,
    }
    assert_ends(any_client.process, "", None, AppSpecification=image, Environment=variables)


def bind_socket(path: Path) -> None:
    os.chdir(path.parent)  # the path may be too long for a socket
    socket.socket(socket.AF_UNIX).bind(path.name)


def replace_folder(path: Path, target: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(target)


# The ways in which a job writes its failure reason, and the reason that is read. `host`: a folder outside the job's.
FAILURE_FILES = {
    "text": (lambda path, _: path.write_text("my own reason"), "my own reason"),
    "symbolic link": (lambda path, host: path.symlink_to(host / "failure"), ""),
    "symbolic link above": (lambda path, host: replace_folder(path, host), ""),
    "pipe": (lambda path, _: os.mkfifo(path), ""),
    "folder": (lambda path, _: path.mkdir(), ""),
    "loop": (lambda path, _: path.symlink_to(path), ""),
    "loop above": (lambda path, _: replace_folder(path, path.parent), ""),
    "socket": (lambda path, _: bind_socket(path), ""),
    "unreadable": (lambda path, _: path.touch(0), ""),
    "huge": (lambda path, _: (path.write_text("x" * 9000), os.truncate(path, 1 << 40)), "x" * 4096),
    "binary": (lambda path, _: path.write_bytes(bytes(range(256))), "\0\1\2"),
}


@pytest.mark.parametrize("kind", FAILURE_FILES)
def test_only_the_start_of_a_regular_file_is_read(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    host, path = tmp_path / "host", tmp_path.resolve() / "output/failure"
    for folder in (host, path.parent):
        folder.mkdir()
    (host / "failure").write_text("written on the host")
    write, message = FAILURE_FILES[kind]
    write(path, host)
    assert read_text(path).startswith(message)
    assert len(read_text(path)) == len(message) or kind == "binary"


@pytest.mark.parametrize("name", ["huge", "link"])
def test_a_job_may_write_any_failure_and_exit_message(any_client, tmp_path, name):
    (tmp_path / "secret").write_text("written on the host")
    write = {
        "huge": "file = open(path, 'wb')\n    file.write(b'a\\x01\\n' + b'x' * 9000)\n    file.truncate(1 << 40)",
        "link": f"os.symlink({str(tmp_path / 'secret')!r}, path)",
    }
    script = f"""
import os, sys
for name in ('failure', 'message'):
    path = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml') + '/output/' + name
    {write[name]}
sys.exit('bye')
"""
    job = any_client.process(script)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: " + ("a?\n" + "x" * 890 if name == "huge" else "bye"))
    assert job["FailureReason"].endswith(", exit code: 1")
    assert len(job["FailureReason"]) <= 1024
    assert job.get("ExitMessage", "") == ("a?\n" + "x" * 1021 if name == "huge" else "")


def test_a_job_inherits_no_open_files_from_its_supervisor(any_client):
    script = "import os\nprint(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1])"  # the last is listdir's own
    job = any_client.process(script)
    assert any_client.log(job) == "[0, 1, 2]"


FREEZER = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\nprint('frozen', flush=True)\ntime.sleep(600)"


@pytest.mark.parametrize("end", ["stop", "time limit", "simulator"])
def test_a_job_that_freezes_its_supervisor_ends(monkeypatch, end):
    monkeypatch.setattr(process, "OVERDUE_SECONDS", 2.0)
    monkeypatch.setattr(process, "GRACE_SECONDS", 1.0)
    mark = Mark()
    with Simulator(isolation="off") as simulator:
        client = Client(simulator)
        seconds = 4 if end == "time limit" else 600
        job = client.process(FREEZER, wait=False, seconds=seconds, Environment=mark.environment)
        if end != "time limit":
            wait_until(lambda: "frozen" in client.log(job))
        if end == "stop":
            client.stop(job)
        if end != "simulator":
            assert status_of(client.end(job)) == "Stopped"
            assert_no_trace(client, mark)
        start = time.monotonic()
    assert time.monotonic() - start < 120  # the job would run for ten minutes
    assert not mark.processes()
    assert not simulator.folder.exists()


MEDDLING_SCRIPT = """
supervisor = f"/proc/{os.getppid()}/fd"
pipes = [fd for fd in os.listdir(supervisor) if int(fd) > 2 and os.readlink(f"{supervisor}/{fd}").startswith("pipe:")]
for fd in pipes:
    with open(f"{supervisor}/{fd}", "wb", buffering=0) as pipe:
        pipe.write(CONTENT)
        if HOLDS_PIPE:
            subprocess.Popen(["sleep", "300"], stdout=pipe, env={}, start_new_session=True)
"""


@pytest.mark.parametrize(
    ("content", "holds_pipe"),
    [(b"not JSON\n", True), (b"{}\n", False), (b"[1]\n", True), (b"\xff\x00", False), (b"x" * 60_000, True)],
    ids=lambda value: value[:8] if isinstance(value, bytes) else value,
)
def test_a_job_that_writes_to_the_pipe_of_its_supervisor_fails(unsandboxed_client, content, holds_pipe):
    """Without a sandbox, a job can write to the pipe, but then only the job itself fails."""
    script = MEDDLING_SCRIPT.replace("CONTENT", repr(content)).replace("HOLDS_PIPE", str(holds_pipe))
    assert_ends(unsandboxed_client.process, script, "")


def test_a_job_that_removes_its_folder_completes(unsandboxed_client):
    script = "shutil.rmtree(os.path.dirname(os.environ['SAGEMAKER_BASE_DIR']))\ntime.sleep(3)"
    assert_ends(unsandboxed_client.process, script, None)


STUBBORN_SCRIPT = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"


@pytest.mark.parametrize("end_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_jobs_end_when_the_simulator_process_ends(end_signal, isolation):
    mark = Mark()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        with running("--isolation", isolation, TMPDIR=folder) as simulator:
            for _ in range(3):
                Client(simulator).process(STUBBORN_SCRIPT, wait=False, seconds=600, Environment=mark.environment)
            wait_until(lambda: any("job.py" in " ".join(process.cmdline()) for process in mark.processes()))
            simulator.process.send_signal(end_signal)
            simulator.process.wait(60)
        wait_until(lambda: not mark.processes())
        assert end_signal == signal.SIGKILL or not os.listdir(folder)
