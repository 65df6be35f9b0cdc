"""The packages of an image, and their environment: the current one, or one that is created once per user."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stagemaker.images.python_environment import PythonEnvironment, environment_in, this_python
from stagemaker.installation import installed_version, pinned_versions
from stagemaker.locked import hold_lock
from stagemaker.program_variables import program_variables

READY = "ready"  # a file in a complete environment, which every user of the environment keeps locked
POLL_SECONDS = 0.2  # interval between checks of an environment that is being created
REPORT_SECONDS = 15.0  # interval between messages about it
PYTHON_SECONDS = 10  # time limit for a Python to print its version
WRITABLE = "other users can write to this folder"
REASON_LINES = 6  # last lines of a failed set-up's output
_creation_locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)  # held while an environment is created
# the environments that this process uses, with the descriptors of their locked files READY
_used: dict[Path, tuple[int, PythonEnvironment]] = {}
_used_lock = threading.Lock()  # guards `_used`
_pythons: dict[str, str] = {}  # programs that were found, by version


class NoEnvironmentError(OSError):
    """Raised if an environment is missing and could not be created; the message gives the reason and the fix."""


@dataclass(frozen=True)
class PackageSet:
    """The packages of an image family, at the versions of one of its images.

    name: its name in messages and on the command line. requirements: files that list the packages. pythons: the Python
    versions that the packages support, the preferred one first. imports: the modules to compile, with the modules that
    they import; by default all that jobs import.
    """

    name: str
    requirements: tuple[Path, ...]
    pythons: tuple[str, ...]
    imports: str = ""

    @cached_property
    def folder_name(self) -> str:
        content = b"".join(path.read_bytes() for path in self.requirements)
        return f"{self.name}-{hashlib.sha256(content).hexdigest()[:12]}"

    @cached_property
    def versions(self) -> dict[str, str]:
        """The version of each package, by its name on PyPI."""
        pins = [pin for path in self.requirements for pin in pinned_versions(path.read_text("utf-8"))]
        return {name: version for name, version in pins if version}

    @property
    def folder(self) -> Path:
        return cache_folder() / self.folder_name

    @cached_property
    def is_installed(self) -> bool:
        if _version_of_this_python() not in self.pythons:
            return False
        return all(installed_version(name) == version for name, version in self.versions.items())

    def find(self) -> PythonEnvironment | None:
        """Return the environment, protecting it from removal while this process runs, or None if it is unusable."""
        if self.is_installed:
            return this_python()
        folder = self.folder
        if not self._fault() and (folder / "bin/python").exists():
            return _lock(folder)
        return None

    def _fault(self) -> str | None:
        """Return why other users could have changed the environment, and the fix, or None if they could not."""
        cache = self.folder.parent
        if fault := _fault(cache.resolve()):
            fix = "remove their write permission" if fault == WRITABLE else "set XDG_CACHE_HOME to your own folder"
            return f"{cache}: {fault}; {fix}"
        patterns = ("bin", "lib", "lib/*", "lib/*/site-packages")
        for path in (self.folder, *(path for pattern in patterns for path in self.folder.glob(pattern))):
            if fault := _fault(path):
                return f"{path}: {fault}; remove {self.folder}, and it will be created again"
        return None

    def environment(self) -> PythonEnvironment:
        return self.find() or environment_in(self.folder / "missing")

    def problem(self) -> str | None:
        if self.find():
            return None
        if fault := self._fault():
            return fault
        if any(map(find_python, self.pythons)):
            return None
        version = self.pythons[0]
        return (
            f"{self.name} requires Python {' or '.join(self.pythons)} with venv, which was not found: "
            f"run `uv python install {version}`, or install python{version} and python{version}-venv"
        )

    def make(self, say: Callable[[str], None], raise_if_stopping: Callable[[], None] = lambda: None) -> None:
        """Create the environment if necessary, for all simulators of this user.

        say: called with messages before and during the work. Raises NoEnvironmentError.
        """
        if self.find():
            return
        lock, on_wait = _creation_locks[self.folder], lambda: say(f"waiting for the environment of {self.name}")
        with hold_lock(lock, on_wait, raise_if_stopping):
            if self.find():
                return
            if problem := self.problem():
                raise NoEnvironmentError(problem)
            say(f"creating the environment of {self.name}, once for all simulators")
            reasons = []
            for program in filter(None, map(find_python, self.pythons)):
                reasons.append(self._install(program, say, raise_if_stopping))
                if self.find():
                    return
            raise NoEnvironmentError(f"the environment of {self.name} could not be created: {reasons[0]}")

    def _install(self, program: str, say: Callable[[str], None], raise_if_stopping: Callable[[], None]) -> str:
        self.folder.parent.mkdir(0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "stagemaker.installing", "--once", "--needs-compiler"]
        command += ["--python", program, "--imports", self.imports, str(self.folder), *map(str, self.requirements)]
        start, reports = time.monotonic(), 1
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            # not in the working directory, whose venv.py would be run
            process = subprocess.Popen(
                command,
                cwd="/",
                env=program_variables() | {"PYTHONSAFEPATH": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,  # nobody else may change the environment
            )
            try:
                while process.poll() is None:
                    raise_if_stopping()
                    time.sleep(POLL_SECONDS)
                    if time.monotonic() - start > reports * REPORT_SECONDS:
                        say(f"creating the environment of {self.name}: {reports * REPORT_SECONDS:.0f} s so far")
                        reports += 1
            finally:
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            output.seek(0)
            messages = [line.strip().removeprefix("set-up: ") for line in output]
        reason = [line for line in messages if line and not line.startswith(("creating ", "installing "))]
        return " ".join(reason[-REASON_LINES:])[-800:] or f"exit status {process.returncode}"


def cache_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return Path(cache if os.path.isabs(cache) else os.path.expanduser("~/.cache"), "stagemaker")


def lock_file(folder: Path) -> Path:
    """Return the file that a process locks while it creates or removes an environment."""
    return folder.with_name(f".{folder.name}.lock")


def find_python(version: str) -> str | None:
    """Return the path of a Python of this version, from PATH, uv or pyenv, that can create environments, or None."""
    if version not in _pythons:
        folders = [
            Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions"),
            Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share", "uv/python"),
            Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or "/nowhere"),
        ]
        programs = [sys.executable] if version == _version_of_this_python() else []
        programs += filter(None, [shutil.which(f"python{version}"), shutil.which("python3")])
        pattern = f"*{version}.*/bin/python{version}"
        programs += [str(path) for folder in folders for path in sorted(folder.glob(pattern))]
        if program := next(filter(None, (_interpreter(candidate, version) for candidate in programs)), None):
            _pythons[version] = program
    return _pythons.get(version)


def _version_of_this_python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _interpreter(program: str, version: str) -> str | None:
    """Return the interpreter behind a program or shim, or None if it fails or has the wrong version."""
    code = (
        "import ensurepip, os, sys, venv; print('%d.%d' % sys.version_info[:2], os.path.realpath(sys._base_executable))"
    )
    try:
        result = subprocess.run(
            [program, "-I", "-c", code], env=program_variables(), capture_output=True, text=True, timeout=PYTHON_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found_version, _, path = result.stdout.strip().partition(" ")
    return path if result.returncode == 0 and found_version == version else None


def _fault(folder: Path) -> str | None:
    """Return why other users could have changed a folder's files, or None if they could not or it does not exist."""
    try:
        info = folder.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(info.st_mode):
        return "this is a symbolic link"
    if info.st_uid != os.geteuid():
        return "this folder belongs to another user"
    return WRITABLE if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else None


def _lock(folder: Path) -> PythonEnvironment | None:
    """Prevent `stagemaker clean` from removing an environment while this process runs; return it if it is complete."""
    with _used_lock:
        try:
            if folder in _used:
                if os.fstat(_used[folder][0]).st_ino == (folder / READY).stat().st_ino:
                    return _used[folder][1]
                os.close(_used.pop(folder)[0])
            environment = environment_in(folder)
            descriptor = os.open(folder / READY, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:  # it is being removed
            os.close(descriptor)
            return None
        _used[folder] = descriptor, environment
        return _used[folder][1]
