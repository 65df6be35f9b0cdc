"""Checks of programs other than Python. Each program is run, because it may be installed but not work."""

import http.client
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from stagemaker.doctor.result import NOTE, OK, Check, PipCommand
from stagemaker.isolation.bubblewrap import sandbox_works

# by a system's name in os-release (ID or ID_LIKE): the command of its package manager
MANAGERS = (
    dict.fromkeys(("debian", "ubuntu"), "apt-get install")
    | dict.fromkeys(("fedora", "rhel", "amzn"), "dnf install")
    | {"arch": "pacman -S", "alpine": "apk add", "suse": "zypper install", "macos": "brew install"}
)
# the package of each tool, for the systems that have one
PACKAGES = {
    "compiler": dict.fromkeys(("debian", "ubuntu"), "gcc libc6-dev")
    | dict.fromkeys(("fedora", "rhel", "amzn", "suse"), "gcc")
    | {"arch": "gcc", "alpine": "gcc musl-dev"},
    "bubblewrap": dict.fromkeys(("debian", "ubuntu", "fedora", "rhel", "amzn", "arch", "alpine", "suse"), "bubblewrap"),
    "docker": dict.fromkeys(("debian", "ubuntu"), "docker.io")
    | dict.fromkeys(("arch", "alpine", "suse", "amzn"), "docker")
    | {"fedora": "moby-engine", "macos": "--cask docker"},
    "chromium": dict.fromkeys(("debian", "fedora", "arch", "alpine", "suse"), "chromium")
    | {"macos": "--cask chromium"},
}
OTHER_SOURCES = {
    "compiler": "xcode-select --install on macOS; elsewhere, the system's gcc and C library headers",
    "bubblewrap": "bubblewrap is for Linux; `--engine docker` isolates jobs elsewhere",
    "docker": "https://docs.docker.com/engine/install/",
    "chromium": "Chromium or Google Chrome, from its website",
}
DEFAULT_ENGINE = "unix:///var/run/docker.sock"
ENGINE_TIMEOUT = 5  # seconds
TIMEOUT = 20  # seconds
# Linux settings that can deny namespaces to ordinary users, with the value that denies and the value that allows them
NAMESPACES = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "10000"),
)


def install_command(tool: str) -> str:
    """Return the command that installs a tool on this system, or where to get it."""
    for name in _system_names():
        if package := PACKAGES[tool].get(name):
            return f"{MANAGERS[name]} {package}"
    return OTHER_SOURCES[tool]


def _system_names() -> list[str]:
    if sys.platform == "darwin":
        return ["macos"]
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    return [release["ID"], *release.get("ID_LIKE", "").split()]


class EngineConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ENGINE_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _read_engine_version(environ: Mapping[str, str]) -> str:
    """Return the version of the Docker engine at DOCKER_HOST, by default the local one. Raises OSError on failure."""
    address = environ.get("DOCKER_HOST") or DEFAULT_ENGINE
    url = urlsplit(address)
    connection: http.client.HTTPConnection
    try:
        if url.scheme == "unix":
            connection = EngineConnection(url.path)
        elif url.scheme in ("tcp", "http") and url.hostname and not environ.get("DOCKER_TLS_VERIFY"):
            connection = http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=ENGINE_TIMEOUT)
        else:
            raise OSError(f"{address} cannot be checked: only Unix sockets and TCP without TLS are supported")
        connection.request("GET", "/version")
        content = json.loads(connection.getresponse().read())
        connection.close()
        return str(content["Version"])
    except PermissionError:
        raise PermissionError(f"{address}: permission denied") from None
    except OSError as error:
        raise OSError(f"{address}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, http.client.HTTPException):
        raise OSError(f"{address}: the response is not from Docker") from None


def check_compiler() -> Check:
    cost = "New environments cannot be created, because sagemaker-training must be compiled."
    program = "#include <stdio.h>\n#include <unistd.h>\n"
    name, output = run_program(("cc", "gcc"), "-xc", "-fsyntax-only", "-", data=program)
    if output is not None:
        return Check("C compiler", OK, shutil.which(name) or name)
    result = f"{name} cannot compile a program" if name else "not found"
    return Check("C compiler", NOTE, result, cost, install_command("compiler"))


def check_sandbox() -> Check:
    """Check whether bubblewrap can start a sandbox here."""
    cost = "Without a sandbox, jobs can access your files and the network, unless they run in Docker."
    if sandbox_works():
        return Check("sandbox", OK, "bubblewrap isolates jobs")
    if shutil.which("bwrap") is None:
        return Check("sandbox", NOTE, "bubblewrap is not installed", cost, install_command("bubblewrap"))
    changes = [f"sysctl {name}={allowed}" for name, forbids, allowed in NAMESPACES if _setting(name) == forbids]
    fix = "allow user namespaces and seccomp; start a container with --security-opt seccomp=unconfined"
    return Check("sandbox", NOTE, "bubblewrap is installed but cannot start a sandbox", cost, "; ".join(changes) or fix)


def check_docker(make_command: PipCommand) -> Check:
    cost = "Without Docker, `--engine docker` does not work; jobs can still run as processes."
    try:
        version = _read_engine_version(os.environ)
    except PermissionError as error:
        fix = "add yourself to the docker group and log in again: usermod -aG docker $USER"
        return Check("Docker", NOTE, f"a Docker engine is running but not accessible ({error})", cost, fix)
    except OSError as error:
        start = "start Docker" if shutil.which("docker") else install_command("docker")
        fix = f"{start}; `docker info` shows whether it works"
        return Check("Docker", NOTE, f"no Docker engine responds ({error})", cost, fix)
    if find_spec("docker") is None:
        result = f"engine {version} responds; the Python package `docker` is not installed"
        return Check("Docker", NOTE, result, cost, make_command(extra="docker"))
    return Check("Docker", OK, f"engine {version} responds")


def run_program(names: tuple[str, ...], *arguments: str, data: str = "") -> tuple[str, str | None]:
    """Run the first of these programs that exists, and return its name and output.

    The name is empty if none exists. The output is None if the program failed or took too long.
    """
    name = next(filter(shutil.which, names), "")
    command = [name, *arguments]  # an empty name raises an OSError
    try:
        process = subprocess.run(command, input=data, capture_output=True, text=True, errors="replace", timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return name, None
    return name, process.stdout if process.returncode == 0 else None


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text("utf-8").strip()
    except OSError:
        return ""
