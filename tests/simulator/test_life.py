"""A simulator's start: it has no effects before, it leaves nothing where it fails, and records are right at its end."""

import gc
import os
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
from support.checkout import ROOT, environment

from recore import locked
from recore.simulator import server
from recore.simulator.api import http_server
from recore.simulator.isolation import socket_folder
from recore.simulator.server import Simulator
from recore.simulator.state import s3_folder

TRACED = {module.__file__ for module in (locked, server, http_server, socket_folder, s3_folder)}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder of this process, for the test; its path is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def left() -> Counter[str]:
    """What a process has open: files and sockets, threads, simulators, each with how many of its name there are."""
    gc.collect()
    descriptors = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            descriptors.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:  # the folder's own
            continue
    return Counter([*descriptors, *(thread.name for thread in threading.enumerate()), *map(str, Simulator._alive)])


def added_since(before: Counter[str]) -> Counter[str]:
    """What is left; threads that are about to end have a moment."""
    deadline = time.monotonic() + 2
    while (added := left() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    return added


def raise_at(line: int, error: type[BaseException]) -> Callable[..., Any]:
    """A tracing function that raises before a line of the start, counted from the first that runs."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            count += 1
            if count == line:
                raise error(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return trace

    return trace


def interrupted(folder: Path, line: int, error: type[BaseException]) -> str:
    """The place where the start of a simulator was interrupted; nothing if it has fewer lines."""
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
    """Start simulators that fail at one line after another. Raises AssertionError where one leaves something."""
    with Simulator(isolation="off", state=folder):  # what is imported only once
        pass
    before, line = left(), 1
    while place := interrupted(folder, line, error):
        assert not added_since(before), place
        assert not os.listdir(tempfile.gettempdir()), place
        line += 1
    assert line > 50
    assert not added_since(before)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "RuntimeError"])
def test_a_start_that_fails_at_any_line_leaves_nothing(error: str, temporary: Path, tmp_path: Path) -> None:
    """In a process of its own, because the simulators of other tests also open and close files."""
    command = [sys.executable, __file__, error, str(tmp_path / "state")]
    variables = environment() | {"TMPDIR": str(temporary), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run(command, env=variables, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_constructor_has_no_effects(temporary: Path, tmp_path: Path) -> None:
    before = left()
    Simulator(isolation="required", state=tmp_path / "state")
    assert not added_since(before)
    assert not (tmp_path / "state").exists()
    assert not list(temporary.iterdir())


if __name__ == "__main__":
    interrupt_at_every_line({"KeyboardInterrupt": KeyboardInterrupt}.get(sys.argv[1], RuntimeError), Path(sys.argv[2]))
