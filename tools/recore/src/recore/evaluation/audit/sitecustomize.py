"""Audit hook that reports the audit events of a Python program. Python imports this file at start-up.

Each line is a JSON object: the kind of event (network, files, processes, native), its name (event), its arguments
(what), and the file and line of the submission that caused it, if any. File access is reported only outside the job's
folders. With RECORE_AUDIT=file, lines go to the file `events` next to this one. With RECORE_AUDIT=log, as in a
judged run, only the lines of a submission's scripts and of the Python processes that they start go to standard output,
after PREFIX. A hook cannot be removed, but code in other languages, or a program that imports ctypes, can bypass it:
the hook observes, the sandbox protects.
"""

import json
import os
import sys
import threading
from types import FrameType
from typing import Any

SOCKET = "connect getaddrinfo gethostbyname gethostbyaddr getnameinfo sendto sendmsg bind".split()
START_CALLS = "os.system os.exec os.posix_spawn os.fork os.forkpty pty.spawn subprocess.Popen".split()
KINDS = {  # events that are always reported
    **dict.fromkeys((f"socket.{name}" for name in SOCKET), "network"),
    **dict.fromkeys((*START_CALLS, "os.kill", "os.killpg", "signal.pthread_kill"), "processes"),
    "ctypes.dlopen": "native",
}
READ_CALLS = ("os.listdir", "os.scandir", "os.chdir")
WRITE_CALLS = [f"os.{name}" for name in "remove rename rmdir mkdir symlink link chmod chown truncate utime".split()]
SYSTEM_QUERIES = ("lscpu", "ldconfig", "uname")  # programs that libraries run to inspect the system
# system files that libraries read
SYSTEM_FILES = tuple(
    "/proc/cpuinfo /proc/meminfo /proc/stat /proc/self/ /proc/sys/ /proc/filesystems /proc/mounts /sys/devices/system/ "
    "/sys/fs/cgroup /etc/localtime /etc/ssl/ /etc/mime.types /etc/ld.so /dev/null /dev/urandom /dev/random /usr/ /lib "
    "/bin /sbin/".split()
)
WRITABLE_PATHS = ("/tmp", "/dev/null", "/dev/shm")  # noqa: S108 - any program may write here
MAX_LINES = 50  # maximum number of reported events of each kind, per process
PREFIX = b"recore-audit: "  # prefix of each line in a log
SCRIPTS = ("train.py", "preprocess.py")


class Reporter:
    """A reporter that writes each event to an open file, as a line with a prefix."""

    def __init__(self, file: int, base: str, prefix: bytes = b""):
        self.file, self.prefix = file, prefix
        self.code = (f"{base}/code/", f"{base}/model/code/", f"{base}/processing/input/code/")
        self.writable = (base, os.environ.get("TMPDIR", WRITABLE_PATHS[0]), *WRITABLE_PATHS)
        prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__))
        # without a sandbox a job has a different folder, but libraries still look in /opt/ml, which is on sys.path
        self.readable = ("/opt/ml", *self.writable, *(os.path.realpath(each) for each in prefixes), *prefixes)
        self.readable += tuple(each for each in sys.path if each)  # includes editable installations
        self.seen: dict[str, set[str]] = {}
        self.thread = threading.local()  # busy: whether this thread is reporting

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Handle an audit event. The hook must neither raise an exception nor report events that it causes itself."""
        if event.startswith("cpython.run_"):  # the program starts, and this file has been imported
            sys.modules.pop("sitecustomize", None)
        if event == "import" or getattr(self.thread, "busy", False):
            return
        self.thread.busy = True
        try:
            if kind := self.kind_of(event, arguments):
                self.report(kind, event, arguments)
        except Exception:  # noqa: S110 - the program must continue as it would without the hook
            pass
        finally:
            self.thread.busy = False

    def kind_of(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """Return the kind under which an event is reported, or None if it is not reported."""
        if event == "open" or event in READ_CALLS or event in WRITE_CALLS:
            writes = event in WRITE_CALLS or (event == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)))
            return "files" if self.is_outside(arguments[0], writes) else None
        return KINDS.get(event)

    def is_outside(self, path: Any, writes: bool) -> bool:
        """Return whether a path is outside the folders that a step may read or, if `writes`, may write to."""
        if not isinstance(path, str | bytes | os.PathLike) or not path:
            return False
        absolute = os.path.abspath(os.fsdecode(path))
        roots = self.writable if writes else self.readable
        is_inside = any(absolute == root.rstrip("/") or absolute.startswith(root.rstrip("/") + "/") for root in roots)
        return not is_inside and (writes or not absolute.startswith(SYSTEM_FILES))

    def report(self, kind: str, event: str, arguments: tuple[Any, ...]) -> None:
        """Write a line for an event unless it is a duplicate, or a library or the server causes it routinely."""
        location, library, server, importing = self.caller()
        printable = (each for each in arguments if isinstance(each, str | bytes | list | tuple | os.PathLike))
        what = " ".join(os.fsdecode(each) if isinstance(each, bytes) else str(each) for each in printable)
        if server and not location:  # caused by the server itself
            return
        if kind == "files" and library and (importing or not location):  # caused by the library itself
            return
        if kind == "native" and (library or importing or not location):
            return
        if kind == "processes" and library and any(name in what for name in SYSTEM_QUERIES):
            return
        record: dict[str, Any] = {"kind": kind, "event": event, "what": what[:300]}
        record |= {"file": location[0], "line": location[1]} if location else {"file": "", "line": 0}
        line, seen = json.dumps(record), self.seen.setdefault(kind, set())
        if line not in seen and len(seen) < MAX_LINES:
            seen.add(line)
            self.write(line)

    def write(self, line: str) -> None:
        """Write a separate line, even if the program has not ended its last line."""
        os.write(self.file, (b"\n" if self.prefix else b"") + self.prefix + line.encode() + b"\n")

    def caller(self) -> tuple[tuple[str, int] | None, bool, bool, bool]:
        """Return the location in the submission, if any, and whether a library, the server or an import is involved."""
        frame: FrameType | None = sys._getframe(2)
        library = server = importing = False
        while frame:
            name = frame.f_code.co_filename
            for folder in self.code:
                if name.startswith(folder):
                    return (name[len(folder) :], frame.f_lineno), library, server, importing
            importing = importing or "importlib._bootstrap" in name
            library = library or "site-packages" in name
            server = server or "gunicorn" in name or name.endswith("recore_serving.py")
            frame = frame.f_back
        return None, library, server, importing


def hide_folder(folder: str) -> None:
    """Remove this file's folder from the paths that the program sees. Child processes still inherit the folder."""
    sys.path[:] = [path for path in sys.path if path != folder]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path != folder]
    os.environ._data[b"PYTHONPATH"] = ":".join(paths).encode()  # type: ignore[attr-defined]


_folder, _base = os.path.dirname(os.path.abspath(__file__)), os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
_mode = os.environ.get("RECORE_AUDIT")
if _mode == "log" and not any(os.path.basename(word) in SCRIPTS for word in sys.orig_argv):
    _mode = None  # this is the toolkit, which then starts such a script
if _mode:
    if _mode == "file":
        _reporter = Reporter(os.open(f"{_folder}/events", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666), _base)
    else:
        _reporter = Reporter(os.dup(1), _base, PREFIX)
        _reporter.write(json.dumps({"kind": "begins"}))
        os.putenv("RECORE_AUDIT", "child")  # for the programs that this one starts
    os.environ._data.pop(b"RECORE_AUDIT", None)  # type: ignore[attr-defined]
    sys.addaudithook(_reporter.hook)
    hide_folder(_folder)
