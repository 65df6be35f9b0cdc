"""Programs beside Python: each is tried, as a program of the right name need not work."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from recore.doctor import engine
from recore.doctor.check import NOTE, OK, Check
from recore.doctor.system import install

PATIENCE = 20  # seconds for a program to answer
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Settings of Linux that keep ordinary users from namespaces, with the value that does, and the one that allows them
NAMESPACES = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "10000"),
)


def compiler() -> Check:
    """Whether a C compiler and the headers of the C library are here."""
    cost = "sagemaker-training comes as source: a new environment cannot be made."
    for name in ("cc", "gcc"):
        done = _run(name, "-x", "c", "-fsyntax-only", "-", text="#include <stdio.h>\n#include <unistd.h>\n")
        if done and done.returncode == 0:
            return Check("C compiler", OK, shutil.which(name) or name)
        if done:
            return Check("C compiler", NOTE, f"{name} cannot compile a program", cost, install("compiler"))
    return Check("C compiler", NOTE, "not found", cost, install("compiler"))


def sandbox(works: bool) -> Check:
    """What isolates jobs. works: whether bubblewrap starts a job's sandbox here, as the simulator tries it."""
    cost = "Without it jobs see this user's files and the network, unless they run in Docker."
    if works:
        return Check("sandbox", OK, "bubblewrap isolates jobs")
    if shutil.which("bwrap") is None:
        return Check("sandbox", NOTE, "bubblewrap is not installed", cost, install("bubblewrap"))
    allow = [f"sysctl {name}={allowed}" for name, forbids, allowed in NAMESPACES if _setting(name) == forbids]
    inside = "allow user namespaces; in a container, start that with --security-opt seccomp=unconfined"
    return Check(
        "sandbox", NOTE, "bubblewrap is installed and cannot start a sandbox", cost, "; ".join(allow) or inside
    )


def docker() -> Check:
    """Whether a Docker engine answers, and the package is here by which recore talks to it."""
    cost = "Without it `recore run --engine docker` does not work; jobs run as processes."
    try:
        version = engine.version(os.environ)
    except PermissionError as error:
        fix = "add yourself to the group docker and log in again: usermod -aG docker $USER"
        return Check("Docker", NOTE, f"an engine is there and may not be used: {error}", cost, fix)
    except OSError as error:
        start = "start Docker" if shutil.which("docker") else install("docker")
        return Check("Docker", NOTE, f"no engine answers: {error}", cost, f"{start}; `docker info` says when it works")
    if find_spec("docker") is None:
        found = f"engine {version} answers; the Python package `docker` is not installed"
        return Check("Docker", NOTE, found, cost, "make setup-docker")
    return Check("Docker", OK, f"engine {version} answers")


def browser() -> Check:
    """Whether Chromium starts."""
    cost = "Without it the tests that open reports in a browser are skipped."
    for name in BROWSERS:
        done = _run(name, "--version")
        if done and done.returncode == 0:
            return Check("browser", OK, " ".join(done.stdout.split()) or name)
        if done:
            return Check("browser", NOTE, f"{name} does not start", cost, install("chromium"))
    return Check("browser", NOTE, "no Chromium or Chrome", cost, install("chromium"))


def _run(*command: str, text: str = "") -> "subprocess.CompletedProcess[str] | None":
    """A command that has ended; None where there is no such program. One that takes too long has failed."""
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    except FileNotFoundError:
        return None
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(command, 1, "", "")


def _setting(name: str) -> str:
    """A setting of the kernel; nothing where it has no such."""
    try:
        return Path("/proc/sys", *name.split(".")).read_text("utf-8").strip()
    except OSError:
        return ""
