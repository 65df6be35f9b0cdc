"""Create or update a virtual environment: `python3.12 -m stagemaker.installing .venv ./package requirements.txt`.

This file may run before anything is installed, so it and its imports use only the standard library. pip installs a
pinned uv, which uses pip's mirrors and certificates and takes a quarter of pip's time. If uv does not work, a line says
so, and pip installs the packages.
"""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from stagemaker.images.package_set import READY, lock_file
from stagemaker.interrupts import restore_defaults
from stagemaker.pip_settings import read_pip_settings
from stagemaker.program_variables import program_variables

UV = "0.13.8"
UNUSABLE_STATUS = 2  # uv's exit status if it could not work; 1 means that the requirements cannot be satisfied
INTERRUPTED_STATUS = 130
MARKER = "installing"  # the name of a file in the environment while pip and packages are installed
# Packages that jobs import, compiled here because jobs in a sandbox cannot store bytecode; others when first imported
IMPORTS = "bcrypt boto3 botocore certifi charset_normalizer click cloudpickle cryptography dateutil flask google"
IMPORTS += " gunicorn idna inotify_simple.py invoke itsdangerous jinja2 jmespath joblib markupsafe nacl narwhals numpy"
IMPORTS += " packaging pandas paramiko pip psutil pyarrow pytz requests retrying.py rich s3transfer"
IMPORTS += " sagemaker_inference sagemaker_training scipy six.py sklearn threadpoolctl.py typing_extensions.py urllib3"
IMPORTS += " werkzeug xgboost yaml"
IMPORTS += " brukeropus"  # its first import would print warnings about its source
# by option of pip: uv's variable with the same meaning
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
    """Raised if the set-up fails; the message says why."""


def set_up(
    folder: Path, sources: list[str], imports: str = "", python: str = sys.executable, constraints: str | None = None
) -> None:
    """Create the environment if it is missing, broken or for a different Python, and install the sources in order.

    sources: requirements files, and package folders (with extras in brackets) to install in editable mode; a later
    source may replace earlier packages. imports: comma-separated modules to compile with their imports, instead of
    IMPORTS. python: the Python that creates the environment. constraints: a constraints file for package folders.
    """
    environment = Environment(folder, python)
    if not environment.is_usable():
        say(f"creating {folder}")
        environment.make()
    marker = folder / MARKER
    marker.touch()
    for source in sources:
        say(f"installing {source} into {folder}")
        environment.install(source, constraints)
    if imports:
        environment.compile_imports(imports)
    else:
        environment.compile()
    marker.unlink()


class Environment:
    def __init__(self, folder: Path, base: str) -> None:
        self.folder, self.base = folder, base
        self.python = folder / "bin/python"
        self.uv = folder / "bin/uv"

    def is_usable(self) -> bool:
        """Return whether the environment is complete, and its Python runs and has the right version."""
        code = "import sys; print(sys.version_info[:2])"
        version = _output(self.base, "-c", code)
        return not (self.folder / MARKER).exists() and _output(self.python, "-c", code) == version != ""

    def make(self) -> None:
        """Create an empty environment, replacing an earlier one.

        Its pyvenv.cfg contains Python's resolved path, because a symbolic link to Python would not exist in a sandbox.
        """
        self._run_venv("--clear", "--without-pip")

    def _run_venv(self, *options: str) -> None:
        command = [os.path.realpath(self.base), "-m", "venv", str(self.folder), *options]
        if subprocess.run(command, env=program_variables()).returncode:
            raise SetUpError(f"{self.folder} could not be created; the reason is above")

    @cached_property
    def _pip_command(self) -> list[str]:
        """The pip command: the base Python's pip or, if that is missing, a pip installed in this environment."""
        base_pip = [self.base, "-m", "pip", "--python", str(self.python)]
        if _output(*base_pip, "--version"):
            return base_pip
        self._run_venv()
        return [str(self.python), "-m", "pip"]

    def install(self, source: str, constraints: str | None = None) -> None:
        """Install a source with uv, or with pip if uv cannot work. Raises SetUpError if both fail."""
        arguments = ["-r" if source.endswith(".txt") else "-e", source]
        if constraints and not source.endswith(".txt"):
            arguments += ["-c", constraints]
        status = self._install_by_uv(arguments) if self._ensure_uv() else UNUSABLE_STATUS
        if status == UNUSABLE_STATUS:
            say("uv failed (the reason is above); installing with pip instead, which takes minutes")
            status = self._pip("install", "--quiet", *arguments)
        if status:
            (self.folder / MARKER).unlink(missing_ok=True)  # it works as it is
            raise SetUpError(
                f"the packages in {source} could not be installed; the reason is above. "
                "Fix the requirements, or the network, and try again"
            )

    def _ensure_uv(self) -> bool:
        if UV in _output(self.uv, "--version").split():
            return True
        return not self._pip("install", "--quiet", f"uv=={UV}")

    def _install_by_uv(self, arguments: list[str]) -> int:
        settings = read_pip_settings(self._pip_command)
        options = ["--python", str(self.python)] + ([] if sys.stderr.isatty() else ["--quiet"])
        if settings.get("no-index", "").lower() in ("1", "on", "t", "true", "y", "yes"):
            options.append("--no-index")  # uv has no variable for it
        # its uv.toml has metadata for which uv would otherwise build packages; a user's project must not configure uv
        project = str(Path(__file__).parent / "images")
        command = [str(self.uv), "--project", project, "pip", "install", *options, *arguments]
        try:
            variables = uv_variables(settings, program_variables())
            return subprocess.run(command, env=program_variables() | variables).returncode
        except OSError as error:
            print(f"{self.uv}: {error}", file=sys.stderr)
            return UNUSABLE_STATUS

    def _pip(self, *arguments: str) -> int:
        command = [*self._pip_command, "--disable-pip-version-check", *arguments]
        return subprocess.run(command, env=program_variables()).returncode

    def compile(self) -> None:
        folders = list(self.folder.glob("lib/python3*/site-packages"))
        paths = [str(path) for folder in folders for name in IMPORTS.split() if (path := folder / name).exists()]
        # like pip, ignore a file with a different Python's syntax
        command = [str(self.python), "-m", "compileall", "-qq", "-j", "0", "-x", "/tests?/", *paths]
        # its processes use a socket in the temporary folder, whose path must be short
        subprocess.run(command, env=program_variables() | {"PYTHONWARNINGS": "ignore", "TMPDIR": "/tmp"})  # noqa: S108

    def compile_imports(self, modules: str) -> None:
        """Write the bytecode of modules and their imports. Raises SetUpError if an import fails."""
        if subprocess.run([self.python, "-c", f"import {modules}"], env=program_variables()).returncode:
            raise SetUpError(f"{self.folder} does not work; the reason is above")


def uv_variables(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that configure uv like pip, except variables that `environ` already sets.

    Several values are separated by commas for --find-links, otherwise by spaces.
    """
    variables = {}
    for option, name in VARIABLES.items():
        is_set = name in environ or (name in INDEXES and not INDEXES.isdisjoint(environ))
        if option in settings and not is_set:
            separator = "," if option == "find-links" else " "
            variables[name] = separator.join(settings[option].split())
    if "UV_INDEX" in variables and "UV_INDEX_STRATEGY" not in environ:
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip compares all indexes, and uv would stop at the first
    return variables


def say(line: str) -> None:
    print(f"set-up: {line}", file=sys.stderr, flush=True)


def _output(*command: str | Path) -> str:
    try:
        process = subprocess.run(command, env=program_variables(), capture_output=True, text=True)
    except OSError:
        return ""
    return process.stdout if process.returncode == 0 else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stagemaker.installing", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the environment")
    parser.add_argument("sources", nargs="+", help="requirements files and package folders, installed in this order")
    parser.add_argument("--imports", default="", help="modules to compile, by default all packages")
    parser.add_argument("--needs-compiler", action="store_true", help="install nothing if there is no C compiler")
    parser.add_argument("--python", default=sys.executable, help="Python that creates the environment")
    parser.add_argument("--constraints", help="constraints file for packages that the sources require")
    parser.add_argument("--once", action="store_true", help="install only once: mark the environment as complete")
    arguments = parser.parse_args()
    restore_defaults()  # otherwise a failure of pip could go unnoticed
    parent = arguments.folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    if arguments.once:
        lock = os.open(lock_file(arguments.folder), os.O_CREAT | os.O_RDWR, 0o600)
    else:  # not a file of the checkout, because several checkouts share the environments for the SDK
        lock = os.open(parent, os.O_RDONLY)
    try:
        if arguments.needs_compiler:
            from stagemaker.doctor import OK, check_compiler

            compiler = check_compiler()
            if compiler.level != OK:
                raise SetUpError(f"C compiler: {compiler.result}. {compiler.cost} Fix: {compiler.fix}")
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_complete = arguments.once and (arguments.folder / READY).exists()
        if is_complete and Environment(arguments.folder, arguments.python).is_usable():
            return 0
        set_up(arguments.folder, arguments.sources, arguments.imports, arguments.python, arguments.constraints)
        if arguments.once:
            (arguments.folder / READY).touch()
    except SetUpError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; run `make` again to complete the environment")
        return INTERRUPTED_STATUS
    finally:
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
