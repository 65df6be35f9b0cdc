"""Makes a virtual environment or brings it up to date: `python3.12 -m recore.installing .venv requirements-recore.txt`.

The Makefile starts this before anything is installed, so it needs the standard library alone. Packages are installed by
uv, which takes a quarter of pip's time, at a pinned version that pip puts into the environment. uv does not read pip's
configuration, so its mirrors and certificates are handed on. Where uv cannot work, pip installs, and a line says so.
"""

import argparse
import ast
import fcntl
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

UV = "0.13.8"
UNUSABLE = 2  # uv's exit status where it could not do its work; 1 says that the requirements cannot be satisfied
INTERRUPTED = 130
UNDER_WAY = "installing"  # this file is in an environment while packages are installed into it
# Packages that no job imports compile themselves at their first import; in a sandbox the environment is read-only.
NOT_COMPILED = "tests?|moto|pip|plotly|pygments|setuptools"
# pip's option, and the variable that tells uv the same
VARIABLES = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "constraint": "UV_CONSTRAINT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "no-cache-dir": "UV_NO_CACHE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}
INDEXES = {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"}


class SetUpError(Exception):
    """A set-up that failed, with the line that says why."""


def set_up(folder: Path, requirements: list[Path]) -> None:
    """Make the environment where it is missing, broken or of another Python, and install what the files name."""
    environment = Environment(folder)
    if not environment.works():
        say(f"making {folder}")
        environment.make()
    marker = folder / UNDER_WAY
    marker.touch()
    say(f"installing {', '.join(map(str, requirements))} into {folder}")
    environment.install(requirements)
    environment.compile()
    marker.unlink()


class Environment:
    """A virtual environment in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin/python"
        self.uv = folder / "bin/uv"

    def works(self) -> bool:
        """Whether its Python runs, has pip and is of this version, and no installation was interrupted."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        code = "import pip, sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')"
        return not (self.folder / UNDER_WAY).exists() and _output(self.python, "-c", code).strip() == version

    def make(self) -> None:
        """Make it anew, empty but for pip."""
        if subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder]).returncode:
            raise SetUpError(f"{self.folder} could not be made; the reason is above")

    def install(self, requirements: list[Path]) -> None:
        """Install requirements by uv, or where it cannot work by pip. Raises SetUpError where neither can."""
        files = [word for path in requirements for word in ("-r", str(path))]
        status = self._install_by_uv(files) if self._has_uv() else UNUSABLE
        if status == UNUSABLE:
            say("uv could not install here, the reason is above; installing with pip instead, which takes minutes")
            status = self._pip("install", "--quiet", *files)
        if status:
            names = " and ".join(map(str, requirements))
            raise SetUpError(
                f"what {names} names could not be installed; the reason is above. {self.folder} is as it was. "
                "Correct the line in requirements.txt, or the network, and start again"
            )

    def _has_uv(self) -> bool:
        """Whether uv is there at the pinned version, now if not before."""
        if UV in _output(self.uv, "--version").split():
            return True
        return not self._pip("install", "--quiet", f"uv=={UV}")

    def _install_by_uv(self, files: list[str]) -> int:
        settings = pip_settings(self.python)
        options = [] if sys.stderr.isatty() else ["--quiet"]
        if settings.get("no-index", "").lower() in ("1", "on", "t", "true", "y", "yes"):
            options.append("--no-index")  # there is no variable for it
        command = [str(self.uv), "pip", "install", *options, "--python", str(self.python), *files]
        try:
            return subprocess.run(command, env={**os.environ, **uv_variables(settings, os.environ)}).returncode
        except OSError as error:
            print(f"{self.uv}: {error}", file=sys.stderr)
            return UNUSABLE

    def _pip(self, *arguments: str) -> int:
        return subprocess.run([self.python, "-m", "pip", "--disable-pip-version-check", *arguments]).returncode

    def compile(self) -> None:
        """Write the bytecode that uv does not: a sandboxed job could not keep its own."""
        packages = self.folder / Path(sysconfig.get_path("purelib")).relative_to(sysconfig.get_path("data"))
        skipped = f"^{re.escape(str(packages))}/(.*/)?({NOT_COMPILED})/"
        # a file of another Python's syntax is its package's affair, as it is for pip
        command = [str(self.python), "-m", "compileall", "-qq", "-j", "0", "-x", skipped, str(packages)]
        # its processes meet at a socket below the temporary folder, whose path must be short
        subprocess.run(command, env={**os.environ, "PYTHONWARNINGS": "ignore", "TMPDIR": "/tmp"})  # noqa: S108


def pip_settings(python: Path) -> dict[str, str]:
    """What pip is configured to, by its files and its variables, by option."""
    settings: dict[str, str] = {}
    lines = _output(python, "-m", "pip", "config", "list").splitlines()
    found = [match for line in lines if (match := re.fullmatch(r"(global|install|:env:)\.([\w-]+)=(.*)", line))]
    for section in ("global", "install", ":env:"):  # as pip has it, the later one counts
        settings |= {match[2]: str(ast.literal_eval(match[3])) for match in found if match[1] == section}
    return settings


def uv_variables(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that tell uv what pip is configured to; what `environ` tells it already stays.

    Values of several words stay as they are, but for places of packages, which uv separates by commas.
    """
    variables = {}
    for option, name in VARIABLES.items():
        known = name in environ or (name in INDEXES and not INDEXES.isdisjoint(environ))
        if option in settings and not known:
            separator = "," if option == "find-links" else " "
            variables[name] = separator.join(settings[option].split())
    if "UV_INDEX" in variables and "UV_INDEX_STRATEGY" not in environ:
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip compares all indexes; uv would stop at the first
    return variables


def say(line: str) -> None:
    """Print a line on how the set-up goes."""
    print(f"set-up: {line}", file=sys.stderr, flush=True)


def _output(*command: str | Path) -> str:
    """What a command prints, or nothing where it does not run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def main() -> int:
    """Set up, one process at a time in a folder. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m recore.installing", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the environment's folder")
    parser.add_argument("requirements", type=Path, nargs="+", help="files of requirements")
    arguments = parser.parse_args()
    with open(arguments.requirements[0]) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            set_up(arguments.folder, arguments.requirements)
        except SetUpError as error:
            (arguments.folder / UNDER_WAY).unlink(missing_ok=True)
            say(str(error))
            return 1
        except KeyboardInterrupt:
            say("interrupted; the next `make` completes it")
            return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
