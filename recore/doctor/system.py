"""Which operating system this is, and the command that installs a package on it."""

import sys
from collections.abc import Mapping
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")
# A system's name in os-release (ID or ID_LIKE) and the command of its package manager
MANAGERS = {
    "debian": "apt-get install",
    "ubuntu": "apt-get install",
    "fedora": "dnf install",
    "rhel": "dnf install",
    "amzn": "dnf install",
    "arch": "pacman -S",
    "alpine": "apk add",
    "suse": "zypper install",
    "macos": "brew install",
}
# The package of each tool. A system that is not listed has no package of it.
PACKAGES = {
    "python": {
        "debian": "python3.12 python3.12-venv",
        "ubuntu": "python3.12 python3.12-venv",
        "fedora": "python3.12",
        "rhel": "python3.12",
        "amzn": "python3.12",
        "alpine": "python3",
        "suse": "python312",
        "macos": "python@3.12",
    },
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
ELSEWHERE = {
    "python": "pyenv install 3.12, or uv python install 3.12",
    "compiler": "xcode-select --install on macOS; elsewhere the system's gcc and the headers of its C library",
    "bubblewrap": "bubblewrap is for Linux; `recore run --engine docker` isolates jobs elsewhere",
    "docker": "https://docs.docker.com/engine/install/",
    "chromium": "Chromium or Google Chrome, from its own site",
}


def install_command(tool: str) -> str:
    """The command that installs a tool on this system, or where to get it."""
    for name in system_names(read_os_release()):
        if package := PACKAGES[tool].get(name):
            return f"{MANAGERS[name]} {package}"
    return ELSEWHERE[tool]


def system_names(release: Mapping[str, str]) -> list[str]:
    """Names of this system and of those that it resembles, the closest first."""
    if sys.platform == "darwin":
        return ["macos"]
    return [release.get("ID", ""), *release.get("ID_LIKE", "").split()]


def read_os_release() -> dict[str, str]:
    """The members of /etc/os-release; none if it is missing."""
    try:
        lines = OS_RELEASE.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
