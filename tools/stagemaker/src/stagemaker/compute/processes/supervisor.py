"""A separate program that runs one command of a job, enforces its limits, and stops it when ordered to.

    python supervisor.py SPECIFICATION EVENTS

SPECIFICATION is a JSON file, which process.py writes and this program removes after reading it; null stands for no
limit. EVENTS is the file descriptor to which a line of JSON with the members of `Ending` is written at the end. Orders
arrive on standard input: "stop", or "kill" for no grace period.

The program is a subreaper: it becomes the parent of processes that outlive their parents, and can thus find all
processes of the job. If the process that started the program disappears, the program ends the job.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[3]))
from stagemaker import interrupts
from stagemaker.compute.processes.disk_use import DiskUse
from stagemaker.compute.processes.memory_use import MemoryUse
from stagemaker.isolation import system_calls

PR_SET_CHILD_SUBREAPER = 36
KEYCTL_JOIN_SESSION_KEYRING = 1
CHECK_SECONDS = 0.1  # seconds between checks
CLEANUP_SECONDS = 10.0  # maximum wait for the processes that the command left running; the kernel may keep one longer
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")  # which bubblewrap creates in a sandbox
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 2, 32, 4096, 16384, 1 << 19


def main() -> None:
    parent = os.getppid()
    path = Path(sys.argv[1])
    specification = json.loads(path.read_text("utf-8"))
    path.unlink()
    events = int(sys.argv[2])
    with contextlib.suppress(AttributeError):  # prctl exists only on Linux
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # a new keyring for this process and its children, instead of one that all jobs would share
    if call := system_calls.number("keyctl"):
        ctypes.CDLL(None).syscall(call, KEYCTL_JOIN_SESSION_KEYRING, None)
    for signal_number in interrupts.SIGNALS:
        signal.signal(signal_number, lambda *_: None)  # the parent decides when to end; handlers are not inherited
    interrupts.restore_defaults()  # the job inherits these
    start_time = time.monotonic()
    with contextlib.ExitStack() as stack:
        disk = DiskUse(specification["folders"], specification["volume"]) if specification["volume"] else None
        if disk:
            stack.callback(disk.close)
        memory = MemoryUse(specification["memory_use"], specification["memory"])
        stack.callback(memory.close)
        try:
            job = start(specification)
        except Exception as error:  # including any error from the Docker engine
            print(f"The command could not be started: {error}", file=sys.stderr, flush=True)
            outcome: dict[str, Any] = {"code": 127, "signal": None, "reason": None, "peak": 0}
        else:
            stack.callback(job.close)
            outcome = watch(job, specification, start_time, parent, disk, memory)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)  # all of them have ended
    outcome.setdefault("cpu_seconds", children.ru_utime + children.ru_stime)
    outcome["seconds"] = time.monotonic() - start_time
    os.write(events, json.dumps(outcome).encode() + b"\n")


def start(specification: dict[str, Any]) -> Any:
    """Start the command in a container or as processes."""
    if specification["container"] is None:
        return Processes(specification)
    from stagemaker.isolation.container_job import ContainerJob

    return ContainerJob(specification)


@contextlib.contextmanager
def prefer_for_oom_killer() -> Any:
    """Make the kernel's OOM killer prefer to kill processes that are started within the context."""
    score = Path("/proc/self/oom_score_adj")
    with contextlib.suppress(OSError):
        old_score = score.read_text()
        score.write_text("1000")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, NameError):
            score.write_text(old_score)


def watch(
    job: Any, specification: dict[str, Any], start_time: float, parent: int, disk: DiskUse | None, memory: MemoryUse
) -> dict[str, Any]:
    """Wait until the job ends. End it when ordered to, or if it exceeds a limit. Return the outcome."""
    reason, kill_time, was_terminated = None, None, True
    orders = [sys.stdin.fileno()]
    while not job.has_ended():
        readable, _, _ = select.select(orders + job.end_descriptors, [], [], CHECK_SECONDS)
        now = time.monotonic()
        used_bytes, pids = job.usage(memory.bytes_left())
        memory.record(used_bytes)
        order = os.read(orders[0], 64) if orders and orders[0] in readable else None
        if order == b"" or os.getppid() != parent:
            orders, order = [], b"kill"
        if order and b"kill" in order:
            reason, kill_time = reason or "stopped", now
        elif reason is not None:
            pass
        elif order:
            reason, kill_time, was_terminated = "stopped", now + specification["grace"], False
        elif memory.must_end():
            reason, kill_time = "memory", now
        elif len(pids) > specification["processes"]:
            reason, kill_time = "processes", now
        elif disk and disk.exceeds_volume(pids):
            reason, kill_time = "disk", now
        elif specification["seconds"] and now - start_time > specification["seconds"]:
            reason, kill_time, was_terminated = "time", now + specification["grace"], False
        was_terminated = was_terminated or job.terminate()
        if kill_time is not None and now >= kill_time:
            job.kill()
    outcome: dict[str, Any] = {"reason": reason, "peak": memory.peak} | job.outcome()
    return outcome


def descendants() -> list[int]:
    """Return the IDs of all descendants of this process.

    This is called ten times a second. If the kernel lists a process's children, only descendants are read; psutil would
    read all processes, and importing it doubles a supervisor's start-up time. A process may be missing if another
    process ends at the same moment.
    """
    if not KERNEL_LISTS_CHILDREN:
        import psutil

        return [process.pid for process in psutil.Process().children(recursive=True)]
    pids = _children(os.getpid())
    for pid in pids:  # the list grows
        pids += _children(pid)
    return pids


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += map(int, file.read().split())
    return children


def memory_of(pid: int, proportional: bool) -> int:
    """Return a process's memory in bytes. proportional: whether to divide shared memory among processes using it."""
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


def protect_devices() -> None:
    """Make device files read-only for this process and its children. The devices can still be used.

    A sandbox contains the host's device files, which root owns: a job that runs as root could change their modes for
    all programs. bubblewrap cannot mount devices read-only, but preserves a read-only mount.
    """
    libc = ctypes.CDLL(None)
    if os.geteuid() or libc.unshare(CLONE_NEWNS):
        return
    libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None)  # the mounts below are for this process only
    for name in DEVICES:
        path = os.fsencode(f"/dev/{name}")
        libc.mount(path, path, None, MS_BIND, None)
        libc.mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, None)


class Processes:
    def __init__(self, specification: dict[str, Any]):
        command = specification["command"]
        self._is_sandboxed = specification["bubblewrap"] is not None
        files = []
        if self._is_sandboxed:  # the job could read bubblewrap's command line, but not a file of arguments
            protect_devices()
            program, *arguments = specification["bubblewrap"]
            files = [system_calls.open_filter()]
            files.append(arguments_file(["--seccomp", str(files[0]), *arguments]))
            command = [program, "--args", str(files[1]), "--", *command]
        with prefer_for_oom_killer():
            self._process = subprocess.Popen(
                command,
                pass_fds=files,
                env=specification["environment"],
                cwd=specification["folder"],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        for file in files:
            os.close(file)
        self.end_descriptors = [os.pidfd_open(self._process.pid)] if hasattr(os, "pidfd_open") else []

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def usage(self, limit: int | None) -> tuple[int, list[int]]:
        """Return the memory of the job's processes in bytes, and the IDs of the processes.

        Shared memory counts in full for each process, unless the total exceeds the limit; then it is counted exactly.
        """
        pids = descendants()
        total = sum(memory_of(pid, False) for pid in pids)
        if limit is not None and total > limit:
            total = sum(memory_of(pid, True) for pid in pids)
        return total, pids

    def terminate(self) -> bool:
        """Send SIGTERM to the job's first process, as Docker does; return False if that process does not exist yet.

        In a sandbox, it is the first child of bubblewrap's child. SIGTERM to bubblewrap would end the whole sandbox.
        """
        import psutil  # only here and in kill(): its import would double a supervisor's start-up time

        try:
            process = psutil.Process(self._process.pid)
            for _ in range(2 if self._is_sandboxed else 0):
                process = min(process.children(), key=lambda child: (child.create_time(), child.pid))
            process.terminate()
        except (psutil.Error, ValueError):
            return False
        return True

    def kill(self) -> bool:
        if not descendants():
            return False
        import psutil

        any_killed = False
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # the process has ended, or runs as another user
                if process.status() != psutil.STATUS_ZOMBIE:
                    process.kill()
                    any_killed = True
        return any_killed

    def outcome(self) -> dict[str, Any]:
        code = self._process.returncode
        return {"code": code if code >= 0 else None, "signal": -code if code < 0 else None}

    def close(self) -> None:
        deadline = time.monotonic() + CLEANUP_SECONDS
        reap()
        while self.kill() and time.monotonic() < deadline:
            time.sleep(0.01)
            reap()
        reap()  # also processes that ended by themselves, so that their CPU time counts


def arguments_file(arguments: list[str]) -> int:
    """Return the descriptor of a file with bubblewrap's arguments. Raises ValueError if one contains a null byte.

    Null bytes separate the arguments, so that text after a null byte would be a separate argument.
    """
    if any("\0" in argument for argument in arguments):
        raise ValueError("embedded null byte")
    return system_calls.memory_file("\0".join(arguments).encode(errors="surrogateescape"))


def reap() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
