"""What this machine is, as a run's record and a hand-over state it: processor, cores, memory, system."""

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")


def describe_machine() -> dict[str, Any]:
    """The processor's name, the cores that may be used, the memory in bytes, and the system's name."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # there is no control group, or no limit
        memory = min(memory, int(CONTROL_GROUP.read_text()))
    return {"processor": _processor(), "cores": cores, "memory_bytes": memory, "system": _system()}


def _processor() -> str:
    """The processor's name, as Linux knows it; elsewhere that of its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"] + ", " + platform.release()
    return platform.platform()
