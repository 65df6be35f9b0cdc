"""Each package whose internals are used is imported by only one module, which must be reviewed for each new version."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import stagemaker
from stagemaker import container_packages

STAGEMAKER = Path(stagemaker.__file__).parent
MODULES = [  # each package, its version, and the only module (or package of modules) that imports it
    ("moto", "5.2.5", "services/moto_inside"),
    ("waitress", "3.0.2", "api/http_server.py"),
    ("gunicorn", "26.0.0", "container/serving.py"),
]


@pytest.mark.parametrize(("package", "expected_version", "module"), MODULES)
def test_only_one_module_imports_a_package_and_is_written_for_the_installed_version(
    package: str, expected_version: str, module: str
) -> None:
    message = f"{package} has a new version: review {module}, then update the version in this test"
    assert (container_packages().get(package) or version(package)) == expected_version, message
    statement = re.compile(rf"^\s*(from|import) {package}\b", re.MULTILINE)
    paths = [
        str(path.relative_to(STAGEMAKER)) for path in STAGEMAKER.rglob("*.py") if statement.search(path.read_text())
    ]
    assert paths
    assert all(path.startswith(module) for path in paths), paths


def test_importing_the_simulator_changes_nothing_in_moto() -> None:
    backends = [
        f"{service}.models.{service}_backends.backend" for service in ("cloudwatch", "logs", "events", "iam", "s3")
    ]
    inner = ["core.base_backend.Session", "core.utils.Session", "s3.models.tempfile", "s3.models._VersionedKeyStore"]
    names = ", ".join(f"moto.{name}" for name in [*inner, *backends])
    program = f"""
import moto.core.base_backend, moto.core.utils
import moto.cloudwatch.models, moto.events.models, moto.iam.models, moto.logs.models, moto.s3.models
before = {names}
import stagemaker.server
after = {names}
assert before == after
from stagemaker.services import moto_inside

installed = {names}
assert all(new is not old for new, old in zip(installed, before, strict=True))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
