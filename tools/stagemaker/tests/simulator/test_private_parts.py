"""The one module for each package whose inside stagemaker leans on, to review when the version changes."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import stagemaker
from stagemaker import container_packages

STAGEMAKER = Path(stagemaker.__file__).parent
MODULES = {  # by package: the version, and the only module, or the package of the only modules, that import it
    "moto": ("5.2.5", "services/moto_inside"),
    "waitress": ("3.0.2", "api/http_server.py"),
    "gunicorn": ("26.0.0", "container/serving.py"),
}


@pytest.mark.parametrize("package", MODULES)
def test_a_module_is_written_for_the_installed_version(package: str) -> None:
    expected_version, module = MODULES[package]
    message = f"{package} has a new version: review {module}, then update the version in this test"
    assert (container_packages().get(package) or version(package)) == expected_version, message


@pytest.mark.parametrize("package", MODULES)
def test_only_one_module_imports_a_package(package: str) -> None:
    statement = re.compile(rf"^\s*(from|import) {package}\b", re.MULTILINE)
    modules = [
        str(path.relative_to(STAGEMAKER)) for path in STAGEMAKER.rglob("*.py") if statement.search(path.read_text())
    ]
    assert modules
    assert all(module.startswith(MODULES[package][1]) for module in modules), modules


def test_importing_the_simulator_changes_nothing_in_moto() -> None:
    names = "moto.core.base_backend.Session", "moto.core.utils.Session", "moto.s3.models.tempfile"
    names += "moto.s3.models._VersionedKeyStore", "moto.cloudwatch.models.cloudwatch_backends.backend"
    names += "moto.logs.models.logs_backends.backend", "moto.events.models.events_backends.backend"
    names += ("moto.s3.models.s3_backends.backend",)
    program = f"""
import moto.core.base_backend, moto.core.utils
import moto.cloudwatch.models, moto.events.models, moto.logs.models, moto.s3.models
before = {", ".join(names)}
import stagemaker.server
after = {", ".join(names)}
assert before == after
from stagemaker.services import moto_inside

installed = {", ".join(names)}
assert all(new is not old for new, old in zip(installed, before, strict=True))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
