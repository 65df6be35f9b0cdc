"""A simulator's constructor has no side effects; a failed start leaves nothing behind and damages no records."""

import builtins
import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from stagemaker_support import SEARCH_PATH
from stagemaker_support.checkout import environment
from stagemaker_support.pipelines import Pipelines
from stagemaker_support.simulator_client import Client

from stagemaker import locked, server
from stagemaker.api import http_server
from stagemaker.isolation import socket_folder
from stagemaker.server import Simulator
from stagemaker.state import state_folder

TRACED_FILES = {module.__file__ for module in (locked, server, http_server, socket_folder, state_folder)}


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give this process a temporary folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def open_resources() -> Counter[str]:
    gc.collect()
    descriptors = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            descriptors.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:  # the descriptor of the listing itself
            continue
    return Counter(
        [*descriptors, *(thread.name for thread in threading.enumerate()), *map(str, Simulator._open_simulators)]
    )


def find_new(resources: Counter[str]) -> Counter[str]:
    deadline = time.monotonic() + 60
    while (new_resources := open_resources() - resources) and time.monotonic() < deadline:
        time.sleep(0.01)
    return new_resources


def raise_at(line: int, error: type[BaseException]) -> Callable[..., Any]:
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in TRACED_FILES:
            return None
        if event == "line":
            count += 1
            if count == line:
                raise error(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return trace

    return trace


def interrupt_start(folder: Path, line: int, error: type[BaseException]) -> str:
    """Interrupt a start at its nth executed line (n = `line`). Return the location, or "" if the start succeeds."""
    simulator = Simulator(isolation="off", state=folder)
    sys.settrace(raise_at(line, error))
    try:
        simulator.__enter__()
    except error as caught:
        return str(caught)
    finally:
        sys.settrace(None)
    simulator.__exit__(None, None, None)
    return ""


def interrupt_at_every_line(error: type[BaseException], folder: Path) -> None:
    """Interrupt starts, each one line later than the one before; a pipeline execution must still resume afterwards."""
    with Simulator(isolation="off", state=folder) as simulator:  # the first start also imports modules
        pipelines = Pipelines(Client(simulator))
        execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", "import time\ntime.sleep(9999)")))
        pipelines.wait_for(execution, "Sleeps")
    resources_before, line = open_resources(), 1
    while location := interrupt_start(folder, line, error):
        assert not find_new(resources_before), location
        line += 1
    assert line > 50
    assert not os.listdir(tempfile.gettempdir())  # a folder that an interrupted start leaves is removed by the next one
    assert not find_new(resources_before)
    with Simulator(isolation="off", state=folder) as simulator:
        pipelines = Pipelines(Client(simulator))
        pipelines.wait_for(execution, "Sleeps")
        description = pipelines.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        assert description["PipelineExecutionStatus"] == "Executing"


@pytest.mark.slow
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ZeroDivisionError"])
def test_a_start_that_fails_at_any_line_leaves_nothing(error: str, temporary_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, __file__, error, str(tmp_path / "state")]
    variables = environment() | {"TMPDIR": str(temporary_folder), "PYTHONPATH": SEARCH_PATH}
    result = subprocess.run(command, env=variables, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


def test_a_simulator_does_not_start_where_ends_of_jobs_would_go_unnoticed() -> None:
    handler = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(OSError, match=r"ignores SIGCHLD.*SIG_DFL"), Simulator():
            pass
    finally:
        signal.signal(signal.SIGCHLD, handler)


def test_a_constructor_has_no_side_effects(temporary_folder: Path, tmp_path: Path) -> None:
    resources_before = open_resources()
    Simulator(isolation="required", state=tmp_path / "state")
    assert not find_new(resources_before)
    assert not (tmp_path / "state").exists()
    assert not list(temporary_folder.iterdir())


if __name__ == "__main__":
    interrupt_at_every_line(getattr(builtins, sys.argv[1]), Path(sys.argv[2]))
