"""Run `python -m recore run` in a separate process: to completion, under observation, or on a terminal."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.checkout import ROOT, environment

from recore_support.command import recore, recore_process, usage_error
from stagemaker.isolation.bubblewrap import sandbox_works


def file_options(sample: Path, *names: str, allow_unsandboxed: bool = True) -> list[object]:
    """Return the options that specify the sample's files. names: the files to use, by default all three.

    allow_unsandboxed: whether to turn isolation off if bubblewrap does not work, so that private assays are allowed.
    """
    paths = {"public": "public/public.csv.gz", "private": "private/private.csv.gz", "actual": "private/actual.csv.gz"}
    isolation = ["--isolation", "off"] if allow_unsandboxed and not sandbox_works() else []
    return [word for name in names or paths for word in (f"--{name}", sample / paths[name])] + isolation


def run_recore(*arguments: object, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    return recore_process("run", *arguments, cwd=cwd, **variables)


def failed_run_error(*arguments: object, cwd: Path, **variables: str) -> str:
    """Check that a run is rejected before it writes a file or starts a job, and return its error line."""
    entries = sorted(os.listdir(cwd))
    result = recore("run", *arguments, cwd=cwd, **variables)
    assert sorted(os.listdir(cwd)) == entries
    line = usage_error(result)
    assert "started" not in line
    return line


@dataclass
class RunningCommand:
    """A run in a separate process whose output goes to files in `folder`. tmp: its temporary folder."""

    process: subprocess.Popen[bytes]
    folder: Path
    tmp: Path

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def jobs(self, script: str) -> list[psutil.Process]:
        """Return the processes of the jobs that are running a script."""
        result = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                command = child.cmdline()[:3]  # the remaining words are the script's arguments
                if any(word.endswith(script) for word in command) and "bwrap" not in child.name():
                    result.append(child)
            except psutil.Error:  # the process has just ended
                continue
        return result

    def wait_for(self, script: str, jobs: int = 1) -> list[psutil.Process]:
        """Wait until this number of jobs are running a script; return all child processes of the command."""
        deadline = time.monotonic() + 120
        while len(self.jobs(script)) < jobs:
            assert self.process.poll() is None, self.stderr
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> tuple[int, list[str]]:
        """Wait for the run to exit; return its exit status and leftover temporary files. If it hangs, print stacks."""
        try:
            status = self.process.wait(120)
            return status, os.listdir(self.tmp)
        except subprocess.TimeoutExpired:
            children = [child.cmdline() for child in psutil.Process(self.process.pid).children(recursive=True)]
            self.process.send_signal(signal.SIGABRT)  # Python's faulthandler prints every thread's stack
            self.process.wait(10)
            pytest.fail(f"the run did not end; its child processes: {children}; stderr:\n{self.stderr}")
        finally:
            self.process.kill()
            shutil.rmtree(self.tmp)


PATIENT_PROGRAM = """
from stagemaker.compute.processes import process
process.GRACE_SECONDS = 600
from recore.cli import main
main(prog_name="recore")
"""


def start(
    folder: Path, *arguments: object, patient: bool = False, cwd: Path = ROOT, **variables: str
) -> RunningCommand:
    """Start a run whose output goes to a folder. patient: whether jobs get ten minutes between SIGTERM and SIGKILL."""
    tmp = folder / "tmp"
    tmp.mkdir(parents=True)
    program = ["-c", PATIENT_PROGRAM] if patient else ["-m", "recore"]
    command = [sys.executable, *program, "run", *map(str, arguments)]
    variables = environment() | {"TMPDIR": str(tmp), "PYTHONFAULTHANDLER": "1"} | variables
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(command, cwd=cwd, env=variables, stdout=out, stderr=err)
        return RunningCommand(process, folder, tmp)


def run_on_terminal(*arguments: object) -> tuple[int, str, str]:
    """Run a recore command with a terminal as stderr; return its exit status, stdout and terminal output."""
    terminal, child_terminal = pty.openpty()
    command = [sys.executable, "-m", "recore", *map(str, arguments)]
    variables = environment() | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=child_terminal
    )
    os.close(child_terminal)
    terminal_output = b""
    try:
        while chunk := os.read(terminal, 65536):
            terminal_output += chunk
    except OSError:  # on Linux, this means that no process has the terminal open any more
        pass
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.decode(), terminal_output.decode()
