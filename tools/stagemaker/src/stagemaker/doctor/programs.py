"""Checks of programs other than Python. Each is run, as a program of the right name does not always work."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from stagemaker.doctor import engine
from stagemaker.doctor.result import NOTE, OK, Check, Remedy
from stagemaker.doctor.system import install_command
from stagemaker.isolation.bubblewrap import sandbox_works

TIMEOUT = 20  # seconds
# Settings of Linux that can forbid namespaces to ordinary users: the value that forbids, the value that allows
NAMESPACES = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "10000"),
)


def check_compiler() -> Check:
    """Whether a C compiler and the headers of the C library are installed."""
    cost = "sagemaker-training must be compiled: a new environment cannot be created."
    name, output = check_program(
        ("cc", "gcc"), "-xc", "-fsyntax-only", "-", text="#include <stdio.h>\n#include <unistd.h>\n"
    )
    if output is not None:
        return Check("C compiler", OK, shutil.which(name) or name)
    result = f"{name} cannot compile a program" if name else "not found"
    return Check("C compiler", NOTE, result, cost, install_command("compiler"))


def check_sandbox() -> Check:
    """What isolates jobs: whether bubblewrap starts a sandbox here."""
    cost = "Without it jobs see this user's files and the network, unless they run in Docker."
    if sandbox_works():
        return Check("sandbox", OK, "bubblewrap isolates jobs")
    if shutil.which("bwrap") is None:
        return Check("sandbox", NOTE, "bubblewrap is not installed", cost, install_command("bubblewrap"))
    changes = [f"sysctl {name}={allowed}" for name, forbids, allowed in NAMESPACES if _setting(name) == forbids]
    fix = "allow user namespaces and seccomp; in a container, start it with --security-opt seccomp=unconfined"
    return Check("sandbox", NOTE, "bubblewrap is installed but cannot start a sandbox", cost, "; ".join(changes) or fix)


def check_docker(remedy: Remedy) -> Check:
    """Whether a Docker engine answers, and its Python package is installed."""
    cost = "Without it `--engine docker` does not work; jobs run as processes."
    try:
        version = engine.read_version(os.environ)
    except PermissionError as error:
        fix = "add yourself to the docker group and log in again: usermod -aG docker $USER"
        return Check("Docker", NOTE, f"an engine is running, but access is denied: {error}", cost, fix)
    except OSError as error:
        start = "start Docker" if shutil.which("docker") else install_command("docker")
        fix = f"{start}; `docker info` shows whether it works"
        return Check("Docker", NOTE, f"no engine responds: {error}", cost, fix)
    if find_spec("docker") is None:
        result = f"engine {version} responds; the Python package `docker` is not installed"
        return Check("Docker", NOTE, result, cost, remedy(extra="docker"))
    return Check("Docker", OK, f"engine {version} responds")


def check_program(names: tuple[str, ...], *arguments: str, text: str = "") -> tuple[str, str | None]:
    """Run the first of these programs that exists. Returns its name and output.

    The name is empty if none exists. The output is None if the program failed or took too long.
    """
    name = next(filter(shutil.which, names), "")
    command = [name, *arguments]  # an empty name raises an OSError
    try:
        process = subprocess.run(command, input=text, capture_output=True, text=True, errors="replace", timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return name, None
    return name, process.stdout if process.returncode == 0 else None


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text("utf-8").strip()
    except OSError:
        return ""
