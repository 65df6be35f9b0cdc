import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from stagemaker_support.incomplete_python import make_incomplete_python
from support.checkout import ROOT, environment


def run_python(python: object, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command, variables = [python, "-m", "recore", *arguments], environment() | variables
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=120)


def run_checks(cwd: Path, **variables: str) -> dict[str, dict[str, Any]]:
    result = run_python(sys.executable, "doctor", "--json", cwd=cwd, **variables)
    assert result.stderr == ""
    results = {check["name"]: check for check in json.loads(result.stdout)}
    assert result.returncode == int(any(check["level"] == "fail" for check in results.values()))
    return results


def test_what_is_missing_is_listed_with_consequences_and_fixes(tmp_path: Path) -> None:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    results = run_checks(tmp_path, HOME=str(tmp_path), PATH=f"{tmp_path}:/usr/bin:/bin")
    for name in ("browser", "data", "AWS"):
        assert results[name]["level"] == "note", results[name]
    for check in results.values():
        assert check["result"]
        assert check["level"] == "ok" or check["cost"]
    assert {"Python", "container", "packages", "temporary", "sandbox", "Docker"} <= results.keys()
    assert run_checks(tmp_path, PATH="/nowhere")["browser"]["result"] == "no Chromium or Chrome"
    assert f"free in {tmp_path}" in results["disk"]["result"]


def test_lines_fit_in_80_columns(tmp_path: Path) -> None:
    result = run_python(sys.executable, "doctor", cwd=tmp_path, HOME=str(tmp_path))
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    for line in result.stdout.splitlines():
        assert len(line) <= 80 or max(map(len, line.split())) > 62, line
    assert result.stdout.splitlines()[-1].startswith("doctor: ")


def test_another_environment_than_that_of_make_is_reported(tmp_path: Path) -> None:
    source = tmp_path / "tools/recore/src"
    shutil.copytree(ROOT / "tools/recore/src", source, ignore=shutil.ignore_patterns("__pycache__"))
    results = run_checks(tmp_path, PYTHONPATH=str(source))
    assert "not the environment" in results["Python"]["result"]
    assert results["Python"]["fix"].startswith("make setup")


def test_data_files_and_credentials_are_found(tmp_path: Path) -> None:
    for name in ("public/public.csv.gz", "private/private.csv.gz"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    results = run_checks(tmp_path, AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="do not print this")
    assert results["data"]["result"] == "no data/private/actual.csv.gz"
    assert results["AWS"]["level"] == "ok"
    assert "AWS_ACCESS_KEY_ID" in results["AWS"]["result"]
    assert "AKIAEXAMPLE" not in json.dumps(results)
    assert "do not print" not in json.dumps(results)


def test_doctor_starts_if_packages_are_missing_and_other_commands_say_so(tmp_path: Path) -> None:
    sources = {name: ROOT / f"tools/{name}/src" for name in ("recore", "stagemaker")}
    incomplete_python = make_incomplete_python(tmp_path / "venv", **sources)
    result = run_python(incomplete_python, "doctor", cwd=ROOT)
    assert result.returncode == 1, result.stderr
    assert result.stderr == ""
    assert {"moto", "plotly"} <= set(re.findall(r"\w+", result.stdout))
    result = run_python(incomplete_python, "sample", "--out", "data", cwd=tmp_path)
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert "`make setup`" in line


def test_recore_without_stagemaker_says_how_to_install_it(tmp_path: Path) -> None:
    python = make_incomplete_python(tmp_path / "venv", recore=ROOT / "tools/recore/src")
    result = run_python(python, "run", cwd=tmp_path)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("recore: stagemaker, which runs the jobs, is not installed for ")
    assert line.endswith("; run `make setup`")
