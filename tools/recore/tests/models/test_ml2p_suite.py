"""Run ML2P's own tests on this package, from the copy of ML2P's repository that RECORE_ML2P names.

A plugin replaces ML2P's modules with ours, and makes the tests' fake clock accept the time zone that botocore passes.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import environment

ML2P_COPY = os.environ.get("RECORE_ML2P")
TEST_FILES = ("test_core.py", "test_docker.py", "test_errors.py", "test_hyperparameters.py")
# These tests expect tracebacks that name the file ml2p/docker.py.
EXPECTED_FAILURES = (
    "TestML2PDockerTrain::test_training_exception",
    "TestML2PDockerGenerateDataset::test_generate_dataset_exception",
)

PLUGIN = """
import importlib
import sys

import pytest

sys.modules["ml2p"] = importlib.import_module("recore.model")
MODULES = {"core": "core", "docker": "docker", "errors": "errors", "hyperparameters": "hyperparameter_encoding"}
for name, ours in MODULES.items():
    sys.modules[f"ml2p.{name}"] = importlib.import_module(f"recore.model.{ours}")


@pytest.fixture(autouse=True)
def clock_with_time_zone(fake_utcnow, monkeypatch):
    import datetime

    monkeypatch.setattr(datetime.datetime, "now", classmethod(lambda cls, tz=None: fake_utcnow))
"""
CONFTEST = "from .fixtures import data_fixtures, fake_utcnow, fake_uuid4, moto_session, sagemaker\n"


@pytest.mark.machine
@pytest.mark.skipif(not ML2P_COPY, reason="RECORE_ML2P is not set; it must name a copy of ML2P's repository")
def test_ml2ps_own_tests_pass_except_for_tracebacks(tmp_path: Path) -> None:
    tests = Path(ML2P_COPY or "", "tests")
    (tmp_path / "tests").mkdir()
    for name in (*TEST_FILES, "__init__.py", "fixtures.py"):
        shutil.copy(tests / name, tmp_path / "tests")
    (tmp_path / "tests/conftest.py").write_text(CONFTEST)
    (tmp_path / "ml2p_is_ours.py").write_text(PLUGIN)
    command = [sys.executable, "-m", "pytest", "-p", "ml2p_is_ours", "-p", "no:cacheprovider", "-q", "-rfE", "tests"]
    variables = {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment() | variables, capture_output=True, text=True, timeout=300
    )
    failed_tests = re.findall(r"^(?:FAILED|ERROR) tests/\S+?::(\S+)", result.stdout, re.MULTILINE)
    assert sorted(failed_tests) == sorted(EXPECTED_FAILURES), result.stdout[-10000:] + result.stderr
    assert "2 failed, 113 passed" in result.stdout
