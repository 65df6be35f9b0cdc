"""The processes that a process has started, and their memory.

Supervisors ask for both ten times a second. psutil would read all processes of this machine each time, so where the
kernel lists the children of a process, as Linux usually does, only these are read. psutil is imported only where it is
needed, because its import doubles the time that the start of a supervisor takes.
"""

import contextlib
import os

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def descendants() -> list[int]:
    """Return the IDs of this process's children, their children and so on.

    A process may be missing if another one ends at the same moment; the list is empty only if there are none.
    """
    if not KERNEL_LISTS_CHILDREN:
        import psutil

        return [process.pid for process in psutil.Process().children(recursive=True)]
    found = _children(os.getpid())
    for pid in found:  # the list grows
        found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += map(int, file.read().split())
    return children


def memory_of(pid: int, proportional: bool) -> int:
    """Return a process's memory in bytes. proportional: divide shared memory by the number of processes sharing it."""
    if KERNEL_LISTS_CHILDREN and not proportional:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * PAGE_BYTES
        except (OSError, IndexError):  # the process has ended
            return 0
    import psutil

    try:
        process = psutil.Process(pid)
        if proportional:
            with contextlib.suppress(psutil.AccessDenied, AttributeError):
                return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
