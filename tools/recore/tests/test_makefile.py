"""The real Makefile, pip and uv create environments for a project whose packages are small wheels in a folder.

Only pip's configuration specifies this folder, so packages can be installed only if the configuration is used.
"""

import contextlib
import fcntl
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from stagemaker.doctor import install_command
from stagemaker.installing import UV


def make(*arguments: str, cwd: Path = ROOT, path: str | None = None) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": path} if path else None
    command = [shutil.which("make"), *arguments]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=120)


def test_bare_make_prints_help_about_every_target_but_internal_ones() -> None:
    result = make()
    assert result.returncode == 0
    documented = re.findall(r"^ *make (\S+) +\w", result.stdout, re.MULTILINE)
    targets = " ".join(re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)).split()
    internal = re.compile("FORCE|(first|later|private)-.*")
    assert sorted(documented) == sorted(name for name in targets if not internal.fullmatch(name))
    workflow = (ROOT / ".github/workflows/check.yml").read_text()
    assert set() < set(re.findall(r"\bmake (\S+)", workflow)) <= set(documented)


@pytest.mark.parametrize(
    ("tools", "message", "advice"),
    [
        ({}, "Python 3.12 with venv is needed", "Debian, Ubuntu   apt-get install python3.12 python3.12-venv"),
        ({"python3.12": 1, "python3": 1}, "Python 3.12 with venv is needed", "Debian"),
        ({"python3.12": 0}, "C compiler: not found", install_command("compiler")),
        ({"python3.12": 1, "python3": 0}, "C compiler: not found", install_command("compiler")),
        ({"python": 0}, "C compiler: not found", install_command("compiler")),
        ({"python": 0, "cc": 1}, "C compiler: cc cannot compile", install_command("compiler")),
    ],
)
def test_missing_tools_are_named(tools: dict[str, int], message: str, advice: str, tmp_path: Path) -> None:
    """tools: for each name, 0 for a Python 3.12 with venv, or 1 for a program that always fails."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "test"):
        (folder / name).symlink_to(shutil.which(name))
    for name, status in tools.items():
        write_program(folder / name, "exit 1" if status else f'exec "{sys.executable}" "$@"')
    result = make("setup", f"VENV={tmp_path / 'venv'}", path=str(folder))
    assert result.returncode == 2
    assert message in result.stderr
    assert advice in result.stderr
    assert not (tmp_path / "venv").exists()


def write_program(path: Path, script: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in (files | {f"{info}/RECORD": record.encode()}).items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, content)


@pytest.fixture(scope="session")
def uv_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel that contains this environment's uv."""
    uv = Path(sys.prefix, "bin/uv")
    if not uv.exists():
        pytest.skip("uv is missing in this environment: `make setup-dev` installs it")
    folder = tmp_path_factory.mktemp("uv")
    write_wheel(folder, "uv", UV, {f"uv-{UV}.data/scripts/uv": uv.read_bytes()})
    return folder


# A build backend for `pip install -e FOLDER` that needs no other package.
BACKEND = """
import zipfile
from pathlib import Path

def build_editable(folder, config_settings=None, metadata_directory=None):
    project = Path.cwd().name
    info = f"{project}-1.0.dist-info"
    files = {f"_{project}.pth": str(Path("src").resolve())}
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nTag: py3-none-any\\n"
    files[f"{project}-1.0.data/scripts/{project}"] = "#!python\\n"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\\nName: {project}\\nVersion: 1.0\\n"
    files[f"{info}/METADATA"] += "".join(f"Provides-Extra: {name}\\n" for name in ("docker", "web", "xgboost"))
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(Path(folder, f"{project}-1.0-py3-none-any.whl"), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return f"{project}-1.0-py3-none-any.whl"
"""


class Project:
    """A folder with the Makefile, pip's configuration, and requirements whose wheels are all in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder.parent / "wheels"  # outside `folder`, because pip splits find-links at spaces
        self.python = folder / ".venv/bin/python"
        self.home = folder / "a home"
        self.path = f"{sys.base_prefix}/bin"  # with the Python that creates the environment
        self.folder.mkdir()
        self.wheels.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        tools, ignored = folder / "tools", shutil.ignore_patterns("__pycache__")
        source = "stagemaker/src/stagemaker"
        shutil.copytree(ROOT / "tools" / source, tools / source, ignore=ignored)
        (tools / "stagemaker/docker.txt").touch()
        (tools / "recore/src/recore").mkdir(parents=True)
        shutil.copy(ROOT / "tools/recore/src/recore/__init__.py", tools / "recore/src/recore")
        for name in ("recore", "stagemaker"):
            (tools / name / "backend.py").write_text(BACKEND)
            (tools / name / "pyproject.toml").write_text(
                "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
                f"[project]\nname = '{name}'\nversion = '1.0'\n"
            )
        (tools / "requirements").mkdir()
        (tools / "requirements/constraints.txt").touch()
        (tools / "stagemaker/src/stagemaker/images/xgboost.txt").write_text("")
        (tools / "requirements/dev.txt").write_text("gamma==1.0\n")
        for name, version in (("alpha", "1.0"), ("alpha", "2.0"), ("beta", "1.0"), ("gamma", "1.0")):
            files = {f"{name}.py": f"version = '{version}'\n".encode()}
            if name == "gamma":
                files["flask/__init__.py"] = b""  # named like a package that jobs import
            write_wheel(self.wheels, name, version, files)
        self.pip = folder / "pip.conf"
        self.pip.write_text(f"[global]\nno-index = true\nfind-links = {self.wheels}\n")
        self.require("alpha==1.0")

    def require(self, *lines: str) -> None:
        """Rewrite requirements.txt, so that it is newer than the last build."""
        earlier_time = time.time() - 60
        for stamp in self.folder.glob(".venv/ready*"):
            os.utime(stamp, (earlier_time, earlier_time))
        (self.folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))

    def start(self, target: str = "setup") -> "subprocess.Popen[str]":
        variables = {name: value for name, value in environment().items() if not name.startswith(("PIP_", "UV_"))}
        variables["PATH"] = f"{self.path}:{variables['PATH']}"
        variables |= {"PIP_CONFIG_FILE": str(self.pip), "MAKEFLAGS": "", "UV_CACHE_DIR": str(self.folder / "cache")}
        variables["HOME"] = str(self.home)
        return subprocess.Popen(
            ["make", target],
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, target: str = "setup") -> tuple[int, str]:
        process = self.start(target)
        output, _ = process.communicate(timeout=240)
        return process.returncode, output

    def versions(self) -> dict[str, str]:
        packages = next((self.folder / ".venv/lib").iterdir()) / "site-packages"
        folders = [path.name.removesuffix(".dist-info") for path in packages.glob("*.dist-info")]
        return {name: version for name, _, version in (folder.partition("-") for folder in folders) if name[-1] == "a"}

    def creation_time(self) -> int:
        return (self.folder / ".venv/pyvenv.cfg").stat().st_mtime_ns


@pytest.fixture
def bare_project(tmp_path: Path) -> Project:
    return Project(tmp_path / 'it\'s "my" $HOME & `pwd` #1 100% Übung;')


@pytest.fixture
def project(bare_project: Project, uv_wheel: Path) -> Project:
    """Return a project that can also install uv."""
    bare_project.pip.write_text(f"[global]\nno-index = true\nfind-links = {bare_project.wheels} {uv_wheel}\n")
    return bare_project


@pytest.mark.machine
def test_an_edit_updates_the_environment_unless_a_package_does_not_exist(project: Project) -> None:
    status, output = project.make()
    assert (status, project.versions()) == (0, {"alpha": "1.0"}), output
    assert "pip instead" not in output
    assert "is up to date" in project.make(".venv/ready")[1]
    old_time = project.creation_time()
    project.require("alpha==2.0", "beta==1.0")
    status, output = project.make()
    assert (status, project.versions()) == (0, {"alpha": "2.0", "beta": "1.0"}), output
    project.require("alpha==2.0")
    assert project.make()[0] == 0
    assert project.make("setup-dev")[0] == 0
    assert project.versions()["gamma"] == "1.0"
    assert project.creation_time() == old_time
    packages = next((project.folder / ".venv/lib").iterdir()) / "site-packages"
    assert list((packages / "flask/__pycache__").glob("*.pyc"))
    versions = project.versions()
    project.require("alpha==1.0", "beta==7.0")
    status, output = project.make()
    assert status == 2
    assert "beta==7.0" in output
    assert "the packages in requirements.txt could not be installed; the reason is above" in output
    assert "pip instead" not in output
    assert project.versions() == versions
    project.require("alpha==1.0", "beta==1.0")
    assert project.make()[0] == 0
    assert project.creation_time() == old_time


@pytest.mark.machine
def test_an_interrupted_setup_is_completed(project: Project) -> None:
    for seconds, signum in ((0.3, signal.SIGINT), (1.0, signal.SIGKILL), (2.0, signal.SIGINT), (3.0, signal.SIGKILL)):
        process = project.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        process.communicate(timeout=60)
    status, output = project.make()
    assert (status, project.versions()) == (0, {"alpha": "1.0"}), output
    assert subprocess.run([project.python, "-c", "import alpha"]).returncode == 0


@pytest.mark.machine
def test_a_python_without_pip_is_enough(project: Project, tmp_path: Path) -> None:
    base = tmp_path / "base"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", base], check=True)
    project.path = f"{base}/bin"
    process = project.start()
    while not list(project.folder.glob(".venv/lib/*/site-packages/pip/__init__.py")):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    status, output = project.make()
    assert (status, project.versions()) == (0, {"alpha": "1.0"}), output
    assert "pip instead" not in output
    assert subprocess.run([project.python, "-c", "import pip"]).returncode == 0


@pytest.mark.machine
def test_an_environment_that_is_broken_of_another_python_or_elsewhere_is_made_again(project: Project) -> None:
    assert project.make()[0] == 0
    creation_times = {project.creation_time()}
    project.python.unlink()
    project.python.symlink_to("/no/such/python")  # the stamp is newer than the requirements
    assert project.make()[0] == 0
    creation_times.add(project.creation_time())
    write_program(project.python, "echo 3.11")
    project.require("alpha==1.0")
    assert project.make()[0] == 0
    creation_times.add(project.creation_time())
    project.require("alpha==1.0")
    (project.folder / ".venv/installing").touch()  # left by an installation that was killed
    assert project.make()[0] == 0
    creation_times.add(project.creation_time())
    assert len(creation_times) == 4
    assert subprocess.run([project.python, "-c", "import alpha"]).returncode == 0
    project.folder = project.folder.rename(project.folder.with_name("renamed"))
    project.pip = project.folder / "pip.conf"
    assert project.make()[0] == 0
    program = "import recore; print(recore.__file__)"
    printed = subprocess.check_output([project.folder / ".venv/bin/python", "-c", program], text=True)
    assert printed.strip() == str(project.folder / "tools/recore/src/recore/__init__.py")
    assert "Nothing to be done" in project.make()[1]


def test_two_installations_take_turns(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stagemaker.installing", tmp_path / "environment", tmp_path / "requirements.txt"]
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # held by another installation
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE) as process:
        assert select.select([process.stderr], [], [], 2)[0] == []
        os.close(lock)
        assert select.select([process.stderr], [], [], 60)[0] == [process.stderr]
        process.terminate()


@pytest.mark.machine
def test_pip_is_used_and_reported_if_uv_is_missing_or_fails(bare_project: Project) -> None:
    status, output = bare_project.make()
    assert (status, bare_project.versions()) == (0, {"alpha": "1.0"}), output
    assert "installing with pip instead" in output
    script = f'test "$1" = --version && echo "uv {UV}" && exit 0; echo "no TLS"; exit 2'
    write_program(bare_project.folder / ".venv/bin/uv", script)
    bare_project.require("alpha==2.0")
    status, output = bare_project.make()
    assert (status, bare_project.versions()) == (0, {"alpha": "2.0"}), output
    assert "no TLS" in output
    assert "installing with pip instead" in output


@pytest.mark.machine
def test_the_sdks_environments_are_created_once_per_version_of_their_requirements(project: Project) -> None:
    cache = project.home / ".cache/recore"
    modules = {"sdk": "alpha", "sdk-v2": "beta", "sdk-v1": "beta", "ml2p": "gamma", "airflow": "gamma"}
    contents = {name: f"# {name}\n{module}==1.0\n" for name, module in modules.items()}
    for name, content in contents.items():
        (project.folder / f"tools/requirements/{name}.txt").write_text(content)
    status, output = project.make("setup-sdk")
    assert status == 0, output
    folders = [cache / f"{name}-{sha256(content.encode()).hexdigest()[:12]}" for name, content in contents.items()]
    assert sorted(cache.iterdir()) == sorted(folders)
    for folder, module in zip(folders, modules.values(), strict=True):
        assert (folder / "ready").exists()
        assert subprocess.run([folder / "bin/python", "-c", f"import {module}"]).returncode == 0
    assert "making" not in project.make("setup-sdk")[1]
    (folders[0] / "ready").unlink()  # missing after an interrupted installation
    assert project.make("setup-sdk")[0] == 0
    (project.folder / "tools/requirements/sdk.txt").write_text("alpha==2.0\n")
    assert project.make("setup-sdk")[0] == 0
    assert len(list(cache.glob("*/ready"))) == len(modules) + 1
    assert project.make("clean")[0] == 0
    assert len(list(cache.glob("*/ready"))) == len(modules) + 1


@pytest.mark.machine
@pytest.mark.parametrize("installer", ["project", "bare_project"])
def test_an_environment_whose_recore_has_stagemaker_is_updated(installer: str, request: pytest.FixtureRequest) -> None:
    """recore and stagemaker used to be one distribution."""
    project: Project = request.getfixturevalue(installer)
    files = {"recore/__init__.py": b"", "stagemaker/__init__.py": b"former = True\n"}
    write_wheel(project.wheels, "recore", "1.0", files | {"recore-1.0.data/scripts/stagemaker": b"#!python\n"})
    subprocess.run([sys.executable, "-m", "venv", project.folder / ".venv"], check=True)
    install = ["-m", "pip", "install", "--no-index", "--find-links", project.wheels, "recore"]
    subprocess.run([project.python, *install], check=True, stdout=subprocess.DEVNULL)
    status, output = project.make()
    assert status == 0, output
    program = "import recore, stagemaker; print(recore.__file__, stagemaker.__file__, sep='\\n')"
    paths = subprocess.run([project.python, "-c", program], capture_output=True, text=True).stdout.splitlines()
    assert paths == [str(project.folder / f"tools/{name}/src/{name}/__init__.py") for name in ("recore", "stagemaker")]
    assert (project.folder / ".venv/bin/stagemaker").exists()


def test_make_says_that_the_path_of_the_environment_must_not_contain_spaces() -> None:
    result = make("help", "VENV=an environment")
    assert result.returncode == 2
    assert 'VENV is "an environment": make cannot handle spaces in it' in result.stderr


def test_make_says_that_it_needs_the_tools(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for target in ("help", "run", "test"):
        result = make(target, cwd=tmp_path)
        assert result.returncode == 2
        assert "make needs the folder tools/" in result.stderr


def test_a_symlinked_environment_is_used_but_not_changed(bare_project: Project) -> None:
    other_venv = bare_project.folder / "theirs"
    other_venv.mkdir()
    (bare_project.folder / ".venv").symlink_to("theirs")
    status, output = bare_project.make()
    assert status == 2
    assert "is a symbolic link to an environment that is older" in output
    assert not list(other_venv.iterdir())
    (other_venv / "bin").mkdir()
    (other_venv / "bin/python").symlink_to(sys.executable)
    (other_venv / "ready").touch()
    status, output = bare_project.make()
    assert status == 0, output
    assert "Nothing to be done" in output
