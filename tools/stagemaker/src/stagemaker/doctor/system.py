"""Which operating system this is, and the command that installs a package on it."""

import platform
import sys

# A system's name in os-release (ID or ID_LIKE) and the command of its package manager
MANAGERS = (
    dict.fromkeys(("debian", "ubuntu"), "apt-get install")
    | dict.fromkeys(("fedora", "rhel", "amzn"), "dnf install")
    | {"arch": "pacman -S", "alpine": "apk add", "suse": "zypper install", "macos": "brew install"}
)
# The package of each tool. A system that is not listed has no package of it.
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
ELSEWHERE = {
    "compiler": "xcode-select --install on macOS; elsewhere the system's gcc and the headers of its C library",
    "bubblewrap": "bubblewrap is for Linux; `--engine docker` isolates jobs elsewhere",
    "docker": "https://docs.docker.com/engine/install/",
    "chromium": "Chromium or Google Chrome, from its own site",
}


def install_command(tool: str) -> str:
    """The command that installs a tool on this system, or where to get it."""
    for name in _system_names():
        if package := PACKAGES[tool].get(name):
            return f"{MANAGERS[name]} {package}"
    return ELSEWHERE[tool]


def _system_names() -> list[str]:
    if sys.platform == "darwin":
        return ["macos"]
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    return [release["ID"], *release.get("ID_LIKE", "").split()]
