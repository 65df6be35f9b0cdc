"""Find the processes that a command leaves running, even those in their own session."""

import contextlib
import ctypes
import os
import time
from collections.abc import Iterator

import psutil

PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 20.0  # killed processes must end within this time


@contextlib.contextmanager
def watch_orphans() -> Iterator[list[str]]:
    """When the block ends, list the commands of processes that were started in it and are still running, and kill them.

    In the block, a process whose parent ends becomes a child of this process, even in its own session. Linux only.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    commands: list[str] = []
    before = set(psutil.Process().children())
    try:
        yield commands
    finally:
        deadline = time.monotonic() + END_SECONDS
        while (remaining := _running(before)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in remaining:
            with contextlib.suppress(psutil.Error):
                commands.append(" ".join(process.cmdline()) or process.name())
        while remaining := _running(before):  # children of killed processes become children of this process
            for process in remaining:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.05)
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _running(before: set[psutil.Process]) -> list[psutil.Process]:
    """Reap the new children of this process that have ended, and return those that are still running."""
    running = []
    for child in set(psutil.Process().children()) - before:
        with contextlib.suppress(ChildProcessError, psutil.NoSuchProcess):
            if os.waitpid(child.pid, os.WNOHANG) == (0, 0):
                running.append(child)
    return running
