"""Load the model as the server does, and record the names that its pickles resolve and what happens meanwhile.

This is the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, the files next to it, requirements.txt), `models` (full.tar.gz). The job writes the record to load.json in the
model folder: `lines`, and `problem`, which is empty if the record is complete.

The model is loaded in a child process with an audit hook. Python raises an event before an unpickler resolves a name,
and the hook sends the name at once, so a file cannot run anything before the name that it needs has been sent. What has
been sent cannot be taken back: it goes through a socket, which, unlike a pipe, cannot be reopened in /proc, and this
process cannot be traced. Code that runs nevertheless can only add lines, or end the process, after the lines that show
how it was reached; a record that is too long, invalid or has no end is a problem. A hook cannot be removed, but code in
other languages can bypass it, and train.py and the installed packages run before any line is sent.
"""

import ast
import collections
import contextlib
import ctypes
import dataclasses
import importlib
import json
import os
import re
import select
import socket
import sys
import tempfile
import time
import traceback
import types
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from step_environment import clear, make_variables, unpack  # type: ignore[import-not-found]

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = BASE / "model"
SECONDS = 120  # time limit, like the endpoint's
POLL_SECONDS = 0.05
MAX_BYTES = 1 << 18  # of a record; the largest of 230 kinds of models has 2 KB
MAX_LENGTH = 300  # characters of a string in a line
EVENTS = tuple(  # beginnings of events' names; `open` counts only if the file is opened for writing
    "os.chmod os.chown os.exec os.fork os.kill os.link os.mkdir os.posix_spawn os.remove os.rename os.rmdir "
    "os.setxattr os.spawn os.symlink os.system os.truncate os.utime pty.spawn shutil. signal.pthread_kill "
    "sqlite3.connect subprocess. tempfile. _thread.start ftplib. http.client. imaplib. poplib. smtplib. socket. "
    "telnetlib. urllib. webbrowser. gc.get_ sys._current sys.addaudithook sys.monitoring sys.set".split()
)
# imports cause them, too; `compile` comes before a string is evaluated
LATE_EVENTS = ("code.__new__", "function.__new__", "ctypes.dlopen", "compile")
HARMLESS_SOURCE = re.compile(  # that distributions of scipy.stats have in their state, and evaluate
    rb"\s*def _parse_args\(self, ((?:\w+, )*) (loc=0, scale=1|loc=0)\):\s+return \(\1\), (loc, scale|loc, 1)"
    rb"\s+def _parse_args_rvs\(self, \1 \2, size=None\):\s+return self\._argcheck_rvs\(\1 \3, size=size\)"
    rb"\s+def _parse_args_stats\(self, \1 \2, moments='mv'\):\s+return \(\1\), \3, moments\s*"
)
# tracebacks call ast.parse, which creates no code; the others accept no source
DEFINERS = (ast.parse.__code__, collections.namedtuple.__code__, dataclasses._create_fn.__code__)  # type: ignore
IMPORTER = importlib._bootstrap._call_with_frames_removed.__code__  # type: ignore[attr-defined]
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def main() -> None:
    unpack("models/full", MODEL)
    record = watch(load_model)
    clear(MODEL)
    (MODEL / "load.json").write_text(json.dumps(record))


def load_model() -> None:
    """Load the model as the container's server does. Raises RuntimeError if it does not load."""
    variables = make_variables("predict", "load")
    os.environ.clear()
    os.environ.update(variables)
    import recore_serving  # type: ignore[import-not-found]  # it is next to this file

    recore_serving.write_failure = lambda reason: None  # this job does not fail, and the hook would report the file
    if reason := recore_serving.LoadedModel(recore_serving.DefaultHooks()).reason:
        raise RuntimeError(reason)


def watch(load: Callable[[], object], seconds: float = SECONDS) -> dict[str, Any]:
    """Call a function in a child process with an audit hook, and return the record of its lines.

    A line is ["name", module, name], ["missing", module, name], ["event", event, arguments] or, at the end, ["end",
    the reason if the function fails, ""]. seconds: the time limit of the call.
    """
    control_process(PR_SET_CHILD_SUBREAPER, 1)  # so that no descendant survives
    control_process(PR_SET_DUMPABLE, 0)  # so that the child cannot read or trace this process
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        control_process(PR_SET_DUMPABLE, 1)
        ours.close()
        Witness(theirs.detach()).run(load)
    theirs.close()
    with ours:
        content, problem = receive(ours, child, time.monotonic() + seconds)
    while descendants := psutil.Process().children(recursive=True):
        for process in descendants:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
    lines, end = parse(content)
    return {"lines": lines, "problem": problem or end}


def control_process(option: int, value: int) -> None:
    with contextlib.suppress(AttributeError):  # only Linux has this function
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def receive(file: socket.socket, child: int, deadline: float) -> tuple[bytes, str]:
    """Return all that the child sends until it ends, and why that is incomplete, or ""."""
    content = b""
    while len(content) <= MAX_BYTES:
        if select.select([file], [], [], POLL_SECONDS)[0]:
            try:
                data = file.recv(1 << 16)
            except ConnectionError:  # the child ended before it read all that was sent to it
                data = b""
            if not data:
                return content, ""
            content += data
        elif os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return content, ""  # its descendants have the socket, too
        if time.monotonic() > deadline:
            return content, "the model takes longer to load than a server may take to start"
    return content, f"the record is longer than {MAX_BYTES >> 10} KiB"


def parse(content: bytes) -> tuple[list[list[str]], str]:
    """Return the valid lines of a record, and what is wrong with the others, or ""."""
    lines: list[list[str]] = []
    *rows, rest = content.split(b"\n")
    for row in rows:
        try:
            line = json.loads(row)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, list) or len(line) != 3 or not all(isinstance(each, str) for each in line):
            return lines, "the record has an invalid line"
        lines.append(line)
    ends = [number for number, line in enumerate(lines, 1) if line[0] == "end"]
    if rest or ends != [len(lines)]:
        return lines, "the record has no end, or continues after it: the process was terminated, or the record changed"
    return lines, ""


class Witness:
    """Sends what a process loads to an open file. loading: whether an unpickler has resolved a name.

    outer_imports: the number of imports during which the unpickler was called.
    """

    def __init__(self, file: int):
        self.file = file
        self.loading, self.outer_imports = False, sys.maxsize
        self.sent: set[bytes] = set()

    def run(self, load: Callable[[], object]) -> None:
        """Call a function, send what happens, and end this process."""
        try:
            sys.modules["__main__"] = types.ModuleType("__main__")  # as in the server
            sys.dont_write_bytecode = True  # so that an import writes no file
            tempfile.gettempdir()  # writes a file when it is first called, as the server does after a failure
            sys.addaudithook(self.hook)
            load()
            reason = ""
        except BaseException as error:
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
        self.loading = False
        self.send("end", reason, "")
        os._exit(0)  # without waiting for threads of the submission

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Handle an audit event. An exception here prevents what the event announces."""
        if event == "pickle.find_class":
            self.loading, self.outer_imports = True, min(self.outer_imports, count_imports())
            self.send("name", *arguments)
            self.send_origin(*arguments)
        elif self.loading and (event.startswith(EVENTS) or (event == "open" and (arguments[2] or 0) & WRITING)):
            words = (each for each in arguments if isinstance(each, str | bytes | list | tuple | os.PathLike))
            self.send("event", event, " ".join(str(each) for each in words))
        elif self.loading and event in LATE_EVENTS:
            is_importing = count_imports() != self.outer_imports  # or in an outer import, which called no unpickler
            is_expected = is_harmless(arguments[0], is_importing) if event == "compile" else is_importing
            if not is_expected:
                self.send("event", event, "")

    def send(self, kind: str, first: str, second: str) -> None:
        line = json.dumps([kind, first[:MAX_LENGTH], second[:MAX_LENGTH]]).encode() + b"\n"
        if line not in self.sent:
            self.sent.add(line)
            os.write(self.file, line)

    def send_origin(self, module: str, name: str) -> None:
        """Resolve a name, and send the names under which its parts are defined, such as posix.system for os.system."""
        try:
            value = importlib.import_module(module)
        except ImportError as error:
            renamed = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            if renamed != (module, name):  # a name of Python 2
                self.send("name", *renamed)
                self.send_origin(*renamed)
            elif error.name and f"{module}.".startswith(f"{error.name}."):
                self.send("missing", module, name)
            return
        for part in name.split("."):
            if isinstance(value, types.ModuleType) and value.__name__ != module:
                self.send("name", value.__name__, part)
            if not hasattr(value, part):
                return
            value = getattr(value, part)
        self.send("name", *origin_of(value))


def count_imports() -> int:
    """Return the number of imports in progress in this thread."""
    count, frame = 0, sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        count += frame.f_code is IMPORTER  # the object, because code can have any name
    return count


def is_harmless(source: Any, is_importing: bool) -> bool:
    """Return whether the source that the hook's caller compiles is part of a module, or has no effect."""
    code = sys._getframe(2).f_code
    if code.co_name == "_attach_argparser_methods":  # a class of the pickle could have it called during an import
        return HARMLESS_SOURCE.fullmatch(source) is not None
    return is_importing or any(code is each for each in DEFINERS)


def origin_of(value: Any) -> tuple[str, str]:
    """Return the module and the qualified name under which an object or, for an instance, its class is defined."""
    if isinstance(value, types.ModuleType):
        return value.__name__, ""
    if not isinstance(getattr(value, "__qualname__", None), str):
        value = type(value)
    module = getattr(value, "__module__", None)
    if not isinstance(module, str):  # a method of a class that is written in C
        module = getattr(value, "__objclass__", type(getattr(value, "__self__", None))).__module__
    return module, value.__qualname__


if __name__ == "__main__":
    main()
