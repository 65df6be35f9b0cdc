"""Run jobs as processes in a bubblewrap sandbox: the kernel's namespaces restrict each job to its own files.

A job sees its files below /opt/ml and, read-only, the host's programs, but no network and no other processes. Files
that it writes elsewhere go to a private layer, which is removed with the job.
"""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from stagemaker.images import catalogue
from stagemaker.images.family import CONTAINER
from stagemaker.images.python_environment import PythonEnvironment, this_python
from stagemaker.isolation import network, system_calls
from stagemaker.isolation.sandbox import LIBRARIES, ML, SHM_BYTES, Isolation, Launch, Sandbox

BRIDGE = str(CONTAINER / "bridge.py")
TEST_SECONDS = 30  # after which bubblewrap counts as not working


class NoSandboxError(OSError):
    """Raised if isolation is required, but bubblewrap does not work here. Commands add alternatives to the message."""

    def __str__(self) -> str:
        return (
            "isolation is required, but bubblewrap does not work here: install it, and allow user namespaces and "
            "system call filters (seccomp)"
        )


class Bubblewrap(Isolation):
    name = "bubblewrap"

    def __init__(self, program: str):
        self._program = program

    def make_launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        root = Path(tempfile.mkdtemp(prefix="root-", dir=sandbox.folder))
        python = catalogue.family_of(sandbox.image).python(sandbox.image)
        arguments = [*_arguments(root, python), "--bind", str(sandbox.ml), ML]
        for job_path, host_path in sandbox.shared_folders.items():
            arguments += ["--bind", str(host_path), job_path]
        if sandbox.libraries:
            arguments += ["--ro-bind", str(sandbox.libraries), LIBRARIES]
        if sandbox.network:
            arguments += ["--ro-bind", str(sandbox.network.folder), network.FOLDER]
            command = network.wrap_in_bridge([str(python.program), "-P", BRIDGE], command)
        if sandbox.index:
            arguments += ["--share-net"]
            for file in map(str, sandbox.index.files):
                arguments += ["--ro-bind-try", file, file]
        # bubblewrap starts outside the sandbox, so it must not get the job's variables: some affect the dynamic loader
        for name, value in environment.items():
            arguments += ["--setenv", name, value]
        return Launch(command, {}, "/", bubblewrap=[self._program, *arguments, "--chdir", folder])


@cache
def find_bubblewrap() -> Bubblewrap | None:
    """Return bubblewrap if it is installed and can run a job here, otherwise None. This is tested only once."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    program = os.path.abspath(path)
    try:
        filter_file = system_calls.open_filter()
    except OSError:
        return None
    with open(filter_file), tempfile.TemporaryDirectory() as root:
        python = this_python()  # sys.executable can contain `..`, and so folders that the sandbox lacks
        options = ["--seccomp", str(filter_file), *_arguments(Path(root), python)]
        command = [program, *options, "--", str(python.program), "-c", "import ctypes"]
        try:
            result = subprocess.run(command, env={}, capture_output=True, pass_fds=[filter_file], timeout=TEST_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        works = result.returncode == 0
    return Bubblewrap(program) if works else None


def sandbox_works() -> bool:
    try:
        return find_bubblewrap() is not None
    except OSError:  # there is no temporary folder, which `doctor` reports
        return False


def _arguments(root: Path, python: PythonEnvironment) -> list[str]:
    """Return bubblewrap's arguments for all jobs. root: an empty folder for files written outside the job's folder."""
    for name in ("tmp", "run", "etc", "opt"):
        (root / name).mkdir(mode=0o777)
    (root / "etc/hosts").write_text("127.0.0.1 localhost algo-1\n")
    (root / "etc/passwd").write_text(f"root:x:{os.getuid()}:{os.getgid()}:root:/tmp:/bin/sh\n")
    (root / "etc/group").write_text(f"root:x:{os.getgid()}:\n")
    arguments = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "algo-1"]
    arguments += ["--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    arguments += ["--size", str(SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    arguments += ["--remount-ro", "/proc"]  # otherwise root could change settings and file modes for all jobs
    arguments += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "ssl", "localtime", "nsswitch.conf", "mime.types"):
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for program in sorted({*python.folders, str(CONTAINER)}):
        if not program.startswith("/usr/"):
            arguments += ["--ro-bind", program, program]
    return arguments
