"""Run command lines as a user would type them, in a shell with a fresh environment. This project is not imported."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
TIMEOUT = 300  # seconds
VARIABLES = ("HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")  # the rest of the environment is removed
PREFIXES = ("PIP_", "UV_")  # where packages come from
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # quicker for small data


def environment(**variables: str) -> dict[str, str]:
    base = {name: value for name, value in os.environ.items() if name in VARIABLES or name.startswith(PREFIXES)}
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"))
    return base | ONE_THREAD | {"PATH": path} | variables


def run(command: str, cwd: Path, status: int = 0, timeout: float = TIMEOUT, **variables: str) -> str:
    """Run a command line; check its exit status and that it prints no traceback. Return its stdout and stderr.

    variables: additional environment variables. After the timeout, the command and its children are killed.
    """
    with start_process(command, cwd, **variables) as process:
        return finish(process, status, timeout)


@contextmanager
def start_process(command: str, cwd: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command line in a separate process group. When the block ends, interrupt the group, then kill it.

    The process writes to a temporary file, `process.stdout`; `output` returns the text written so far.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        process.stdout = log
        try:
            yield process
        finally:
            for number, seconds in ((signal.SIGINT, 30), (signal.SIGKILL, None)):
                if process.poll() is None:
                    interrupt(process, number)
                    with_timeout(process, seconds)


def output(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return os.pread(process.stdout.fileno(), 1 << 30, 0).decode("utf-8", "replace")


def interrupt(process: subprocess.Popen[str], signum: int = signal.SIGINT) -> None:
    os.killpg(process.pid, signum)


def finish(process: subprocess.Popen[str], status: int = 0, timeout: float = TIMEOUT) -> str:
    """Wait for a command to exit; check its exit status and that it prints no traceback. Return its output."""
    assert with_timeout(process, timeout), f"still running after {timeout:.0f} s: {process.args}\n{output(process)}"
    printed = output(process)
    assert process.returncode == status, f"exit status {process.returncode}, not {status}: {process.args}\n{printed}"
    assert "Traceback" not in printed, f"{process.args}\n{printed}"
    return printed


def with_timeout(process: subprocess.Popen[str], seconds: float | None) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"exited with status {process.returncode}: {process.args}\n{output(process)}"
        assert time.monotonic() < end, f"waited for {seconds:.0f} s: {process.args}\n{output(process)}"
        time.sleep(0.1)


def wait_for(message: str, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: message in output(process), process, TIMEOUT)
