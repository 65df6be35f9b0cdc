"""Reports what a Python program tries, by its audit events. Python imports this file at its start, before the program.

Each line is a JSON object: kind (network, files, processes, native), event, what, and the file and line of the
submission that it comes from, if one is on the stack. Only what lies outside the folders of a job is reported of files.
With RECORE_AUDIT=file, the lines go to the file `events` beside this one. With RECORE_AUDIT=log, as in a judged run,
those of a submission's scripts and of the Pythons that they start go to standard output, after PREFIX. A hook cannot be
removed, but code in other languages, and a program that imports ctypes, can pass it by: this observes, the sandbox
protects.
"""

import json
import os
import sys
import threading
from types import FrameType
from typing import Any

SOCKET = "connect getaddrinfo gethostbyname gethostbyaddr getnameinfo sendto sendmsg bind".split()
STARTS = "os.system os.exec os.posix_spawn os.fork os.forkpty pty.spawn subprocess.Popen".split()
KINDS = {  # of events that are always reported
    **dict.fromkeys((f"socket.{name}" for name in SOCKET), "network"),
    **dict.fromkeys((*STARTS, "os.kill", "os.killpg", "signal.pthread_kill"), "processes"),
    "ctypes.dlopen": "native",
}
READING = ("os.listdir", "os.scandir", "os.chdir")
WRITING = [f"os.{name}" for name in "remove rename rmdir mkdir symlink link chmod chown truncate utime".split()]
ASKED = ("lscpu", "ldconfig", "uname")  # what libraries run to learn about the machine
# facts about the machine that libraries read
FACTS = tuple(
    "/proc/cpuinfo /proc/meminfo /proc/stat /proc/self/ /proc/sys/ /proc/filesystems /proc/mounts /sys/devices/system/ "
    "/sys/fs/cgroup /etc/localtime /etc/ssl/ /etc/mime.types /etc/ld.so /dev/null /dev/urandom /dev/random /usr/ /lib "
    "/bin /sbin/".split()
)
OPEN = ("/tmp", "/dev/null", "/dev/shm")  # noqa: S108 - what any program may write
MOST = 50  # lines of a kind that a process writes
PREFIX = b"recore-audit: "  # of a line in a log
SCRIPTS = ("train.py", "preprocess.py")


class Reporter:
    """Writes what events tell. file: an open one. prefix: of each line."""

    def __init__(self, file: int, base: str, prefix: bytes = b""):
        self.file, self.prefix = file, prefix
        self.code = (f"{base}/code/", f"{base}/model/code/", f"{base}/processing/input/code/")
        self.writable = (base, os.environ.get("TMPDIR", OPEN[0]), *OPEN)
        prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__))
        # without a sandbox a job's folder is another one, and libraries still look into the platform's, on sys.path
        self.readable = ("/opt/ml", *self.writable, *(os.path.realpath(each) for each in prefixes), *prefixes)
        self.readable += tuple(each for each in sys.path if each)  # also what an editable installation adds
        self.seen: dict[str, set[str]] = {}
        self.here = threading.local()  # whether this thread is reporting

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook. Nothing that it does may raise, or cause events of its own that it reports."""
        if event.startswith("cpython.run_"):  # the program begins, and this file has been imported
            sys.modules.pop("sitecustomize", None)
        if event == "import" or getattr(self.here, "busy", False):
            return
        self.here.busy = True
        try:
            if kind := self.kind_of(event, arguments):
                self.report(kind, event, arguments)
        except Exception:  # noqa: S110 - the program must go on as it would without the hook
            pass
        finally:
            self.here.busy = False

    def kind_of(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """The kind under which an event is reported; None where it is not."""

        if event == "open" or event in READING or event in WRITING:
            writes = event in WRITING or (event == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)))
            return "files" if self.is_outside(arguments[0], writes) else None
        return KINDS.get(event)

    def is_outside(self, path: Any, writes: bool) -> bool:
        """Whether a path leads out of what a step needs."""
        if not isinstance(path, str | bytes | os.PathLike) or not path:
            return False
        absolute = os.path.abspath(os.fsdecode(path))
        roots = self.writable if writes else self.readable
        inside = any(absolute == root.rstrip("/") or absolute.startswith(root.rstrip("/") + "/") for root in roots)
        return not inside and (writes or not absolute.startswith(FACTS))

    def report(self, kind: str, event: str, arguments: tuple[Any, ...]) -> None:
        """Write a line about an event, once, unless a library or the server does what it always does."""
        place, library, server, importing = self.caller()
        texts = (each for each in arguments if isinstance(each, str | bytes | list | tuple | os.PathLike))
        what = " ".join(os.fsdecode(each) if isinstance(each, bytes) else str(each) for each in texts)
        if server and not place:  # of the server itself
            return
        if kind == "files" and library and (importing or not place):  # what a library does on its own account
            return
        if kind == "native" and (library or importing or not place):
            return
        if kind == "processes" and library and any(name in what for name in ASKED):
            return
        line: dict[str, Any] = {"kind": kind, "event": event, "what": what[:300]}
        line |= {"file": place[0], "line": place[1]} if place else {"file": "", "line": 0}
        text, seen = json.dumps(line), self.seen.setdefault(kind, set())
        if text not in seen and len(seen) < MOST:
            seen.add(text)
            self.write(text)

    def write(self, text: str) -> None:
        """Write a line, even after what the program has written without one."""
        os.write(self.file, (b"\n" if self.prefix else b"") + self.prefix + text.encode() + b"\n")

    def caller(self) -> tuple[tuple[str, int] | None, bool, bool, bool]:
        """The submission's file and line on the stack; whether a library, the server or an import is nearer."""
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


def hide(folder: str) -> None:
    """Take this file's folder out of the paths that a program sees. Programs that it starts still inherit it."""
    sys.path[:] = [path for path in sys.path if path != folder]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path != folder]
    os.environ._data[b"PYTHONPATH"] = ":".join(paths).encode()  # type: ignore[attr-defined]


_folder, _base = os.path.dirname(os.path.abspath(__file__)), os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
_mode = os.environ.get("RECORE_AUDIT")
if _mode == "log" and not any(os.path.basename(word) in SCRIPTS for word in sys.orig_argv):
    _mode = None  # the toolkit, which starts such a script
if _mode:
    if _mode == "file":
        _reporter = Reporter(os.open(f"{_folder}/events", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666), _base)
    else:
        _reporter = Reporter(os.dup(1), _base, PREFIX)
        _reporter.write(json.dumps({"kind": "begins"}))
        os.putenv("RECORE_AUDIT", "child")  # of programs that this one starts
    os.environ._data.pop(b"RECORE_AUDIT", None)  # type: ignore[attr-defined]
    sys.addaudithook(_reporter.hook)
    hide(_folder)
