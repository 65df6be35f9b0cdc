"""stagemaker with several versions of Python, and with the lowest and highest versions of its requirements.

The examples of README.md and first-job.md train, deploy and predict as printed. The tests that are run again cover code
that relies on library internals, SQLite, processes or files.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.pages import run_blocks

from stagemaker.images.package_set import find_python

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("environments")]
UV = Path(sys.prefix, "bin/uv")
TEST_FILES = (
    *("test_start.py", "simulator/test_private_parts.py", "simulator/test_records.py", "simulator/test_state.py"),
    *("simulator/test_other_services.py", "simulator/test_tuning_search.py", "simulator/test_job_queue.py"),
)
TEST_PACKAGES = ("pytest==9.1.1", "pytest-xdist==3.8.0", "hypothesis==6.170.15")


def uv(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([UV, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.parametrize(
    ("version", "resolution", "other_packages"),
    [
        ("3.11", "lowest-direct", ()),
        ("3.11", "highest", ("scikit-learn", "sagemaker")),
        ("3.12", "highest", ("scikit-learn", "sagemaker<3")),
        ("3.13", "highest", ("scikit-learn", "sagemaker")),
    ],
)
def test_stagemaker_works_with_other_packages(
    version: str, resolution: str, other_packages: tuple[str, ...], tmp_path: Path
) -> None:
    python = find_python(version) or pytest.skip(f"there is no Python {version} with venv on this machine")
    uv("venv", "--quiet", "--python", python, "own", cwd=tmp_path)
    program = tmp_path / "own/bin/python"
    install = ("pip", "install", "--quiet", "--python", program)
    uv(*install, "--resolution", resolution, ROOT, *other_packages, cwd=tmp_path)
    uv("pip", "check", "--python", program, cwd=tmp_path)
    variables = environment() | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [program.with_name("stagemaker"), "setup", "scikit-learn", "xgboost"]
    subprocess.run(command, env=variables, cwd=tmp_path, check=True)
    (tmp_path / "work").mkdir()
    # from now on without a network, so that requests to an index or a proxy fail
    settings = {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1", "HTTPS_PROXY": "http://127.0.0.1:9"}
    run_blocks([ROOT / "README.md", ROOT / "docs/first-job.md"], tmp_path / "work", variables | settings)
    uv(*install, *TEST_PACKAGES, cwd=tmp_path)
    tests = [ROOT / "tests" / name for name in TEST_FILES]
    options = "-q -n 2 -p no:cacheprovider -m".split()
    command = [program, "-m", "pytest", *options, "not (slow or timing or fuzz or machine)"]
    result = subprocess.run([*command, *tests], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-5000:]
