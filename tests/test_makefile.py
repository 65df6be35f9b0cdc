"""The Makefile: bare `make` prints help, and a missing prerequisite is named with its mend."""

import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import ROOT


def make(*arguments: str, cwd: Path = ROOT, path: str | None = None) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": path} if path else None
    command = [shutil.which("make"), *arguments]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=120)


def test_bare_make_prints_help() -> None:
    done = make()
    assert done.returncode == 0
    for target in ("run", "by-hand", "test", "test-bare", "test-slow", "lint", "bench", "clean"):
        assert f"make {target} " in done.stdout


@pytest.mark.parametrize(
    ("tools", "named"),
    [
        ([], "Python 3.12 with venv is needed"),
        (["python3.12"], "A C compiler is needed"),
    ],
)
def test_what_is_missing_is_named(tools: list[str], named: str, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which("sh"))
    for tool in tools:
        (folder / tool).write_text("#!/bin/sh\nexit 0\n")
        (folder / tool).chmod(0o755)
    done = make("setup", f"VENV={tmp_path / 'venv'}", path=str(folder))
    assert done.returncode == 2
    assert named in done.stderr
    assert "Debian" in done.stderr
    assert not (tmp_path / "venv").exists()
