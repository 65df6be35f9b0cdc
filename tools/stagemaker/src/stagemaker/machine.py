"""The local CPU, cores, memory and system, and checks for a removed working directory and a full disk.

It uses only the standard library, because the doctor imports it.
"""

import contextlib
import errno
import math
import os
import platform
from pathlib import Path
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # of numeric libraries
CONTROL_GROUP = Path("/sys/fs/cgroup")


def machine_info() -> dict[str, Any]:
    """Return the CPU's name, the number of usable cores, the memory in bytes, and the system's name."""
    return {
        "processor": _cpu_name(),
        "cores": count_cores(),
        "memory_bytes": measure_memory(),
        "system": _system_name(),
    }


def count_cores() -> int:
    """Return the number of cores that this process may use, within the limits of its affinity and its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # there is no control group, or no limit
        microseconds, period = (CONTROL_GROUP / "cpu.max").read_text().split()
        count = min(count, math.ceil(int(microseconds) / int(period)))
    return count


def measure_memory() -> int:
    """Return the host's memory or, if lower, its container's memory limit, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # there is no control group, or no limit
        total = min(total, int((CONTROL_GROUP / "memory.max").read_text()))
    return total


def is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def require_working_directory() -> None:
    """Raise ValueError if the working directory was removed, because relative paths would cause obscure errors."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ValueError("the working directory was removed: change to one that exists") from None


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _system_name() -> str:
    with contextlib.suppress(OSError, KeyError):
        return platform.freedesktop_os_release()["PRETTY_NAME"] + ", " + platform.release()
    return platform.platform()
