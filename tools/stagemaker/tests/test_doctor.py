"""`stagemaker doctor` on machines with missing components. Each check tries the component that it reports on."""

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.incomplete_python import make_incomplete_python

from stagemaker.doctor import programs
from stagemaker.installation import pinned_versions

TOOLS = ("bwrap", "docker", "cc", "gcc")
LEVELS = {"ok", "note", "fail"}


def stagemaker(
    *arguments: str, python: object = sys.executable, cwd: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    command, variables = [python, "-m", "stagemaker", *arguments], environment() | variables
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=120)


def run_checks(cwd: Path = ROOT, **variables: str) -> dict[str, dict[str, Any]]:
    result = stagemaker("doctor", "--json", cwd=cwd, **variables)
    assert result.stderr == ""
    results = {check["name"]: check for check in json.loads(result.stdout)}
    assert result.returncode == int(any(check["level"] == "fail" for check in results.values()))
    return results


@pytest.fixture
def bare_machine(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{tmp_path}/no-such-socket"}


def test_missing_components_are_listed_with_their_fixes(bare_machine: dict[str, str], tmp_path: Path) -> None:
    results = run_checks(cwd=tmp_path, HOME=str(tmp_path), **bare_machine)
    assert {check["level"] for check in results.values()} <= LEVELS
    for name in ("sandbox", "Docker", "C compiler"):
        assert results[name]["level"] == "note", results[name]
    for check in results.values():
        assert check["result"]
        assert check["level"] == "ok" or check["cost"]
    assert "cannot start a sandbox" in results["sandbox"]["result"]
    assert "no-such-socket" in results["Docker"]["result"]


def test_missing_programs_and_a_missing_temporary_folder_are_named(tmp_path: Path) -> None:
    folder = str(tmp_path / "nowhere")
    results = run_checks(PATH=str(tmp_path), DOCKER_HOST=f"unix://{tmp_path}/none", TMPDIR=folder)
    assert results["sandbox"]["result"] == "bubblewrap is not installed"
    assert results["C compiler"]["result"] == "not found"
    assert results["temporary"]["level"] == "note"
    assert "nowhere) is not writable" in results["temporary"]["result"]


def test_lines_fit_in_80_columns(bare_machine: dict[str, str], tmp_path: Path) -> None:
    result = stagemaker("doctor", cwd=tmp_path, HOME=str(tmp_path), **bare_machine)
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    for line in result.stdout.splitlines():
        assert len(line) <= 80 or max(map(len, line.split())) > 62, line
    assert result.stdout.splitlines()[-1].startswith("doctor: ")


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a small disk needs root on Linux")
@pytest.mark.parametrize(("size", "level"), [("20m", "fail"), ("200m", "note")])
def test_a_small_disk_is_reported(size: str, level: str, tmp_path: Path) -> None:
    with mount_disk(tmp_path / "small", size) as folder:
        results = run_checks(cwd=folder, TMPDIR=str(folder))
        assert results["temporary"]["level"] == level
        assert str(folder) in results["temporary"]["result"]
        if level == "fail":
            result = stagemaker("doctor", cwd=folder, TMPDIR=str(folder))
            assert result.returncode == 1
            assert "`stagemaker start` will not work here; failed checks: temporary" in " ".join(result.stdout.split())


@contextlib.contextmanager
def mount_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def write_metadata(folder: Path, *requirements: str) -> None:
    """Write stagemaker's metadata with these requirements to a folder. On PYTHONPATH, it takes precedence."""
    folder = folder / "stagemaker-1.0.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: stagemaker", "Version: 1.0"]
    lines += [f"Requires-Dist: {each}" for each in requirements]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_other_versions_and_missing_packages_are_reported(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src/stagemaker", tmp_path / "stagemaker", ignore=shutil.ignore_patterns("__pycache__"))
    packages = tmp_path / "stagemaker/container/packages.txt"
    packages.write_text(packages.read_text().replace("numpy==", "numpy==0."))
    results = run_checks(PYTHONPATH=str(tmp_path))
    assert "scikit-learn-1.9-0: will be created before its first job" in results["images"]["result"]
    write_metadata(tmp_path, "click==8.5.1", "no-such-package[extra]==1.0", "docker==7.2.0; extra == 'docker'")
    result = run_checks(PYTHONPATH=str(tmp_path))["packages"]
    assert (result["level"], result["result"]) == ("fail", "not installed: no-such-package")
    assert "pip install 'no-such-package[extra]==1.0'" in result["fix"]


def test_doctor_lists_missing_packages_and_other_commands_end_with_one_line(tmp_path: Path) -> None:
    python = make_incomplete_python(tmp_path / "venv", stagemaker=ROOT / "src")
    result = stagemaker("doctor", python=python)
    assert (result.returncode, result.stderr) == (1, "")
    assert "not installed: " in result.stdout
    assert "moto" in result.stdout
    result = stagemaker("start", python=python, cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "-m pip install" in result.stderr
    shutil.rmtree(next((python.parents[1] / "lib").glob("*/site-packages/click")))
    result = stagemaker(python=python, cwd=tmp_path)
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "`click` is not installed" in result.stderr


def test_a_missing_docker_package_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "docker.py").write_text("raise ModuleNotFoundError('No module named docker', name='docker')\n")
    result = stagemaker("start", "--engine", "docker", PYTHONPATH=str(tmp_path))
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("stagemaker: the Python package `docker` is not installed; install it with `")
    assert "-m pip install 'docker" in line


@contextlib.contextmanager
def engine_at(path: Path, response: bytes) -> Iterator[None]:
    """Like a Docker engine, listen on a Unix socket, and send this body in response to each request."""

    def respond() -> None:
        with contextlib.suppress(OSError):  # the socket was closed
            while True:
                with listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + response)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=respond, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def test_a_docker_engine_that_responds_is_reported(socket_folder: Path) -> None:
    path = socket_folder / "engine"
    with engine_at(path, b'{"Version": "28.1.2"}'):
        assert "engine 28.1.2 responds" in run_checks(DOCKER_HOST=f"unix://{path}")["Docker"]["result"]
    with engine_at(path.with_name("other"), b"hello"):
        check = run_checks(DOCKER_HOST=f"unix://{path.with_name('other')}")["Docker"]
        assert "the response is not from Docker" in check["result"]


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "apt-get install bubblewrap"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-get install bubblewrap"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install bubblewrap"),
        ({"ID": "arch"}, "pacman -S bubblewrap"),
        ({"ID": "unknown"}, "bubblewrap is for Linux"),
    ],
)
def test_a_fix_uses_the_package_manager_of_the_system(
    release: dict[str, str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    monkeypatch.setattr(sys, "platform", "linux")
    assert programs.install_command("bubblewrap").startswith(command)


def test_fixes_on_macos_use_macos_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert programs.install_command("docker") == "brew install --cask docker"
    assert programs.install_command("compiler").startswith("xcode-select")


def test_requirements_are_read_with_their_versions() -> None:
    content = (
        "# a comment\n-r other.txt\nplain\nmoto[s3]==5.2.5\nlightgbm>=4\nx==1; python_version<'3'\na @ file:///a\n"
    )
    assert list(pinned_versions(content)) == [("plain", None), ("moto", "5.2.5"), ("lightgbm", None)]
