"""Files that rely on the private API of a package must be reviewed when the package's pinned version changes."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

import stagemaker

STAGEMAKER = Path(stagemaker.__file__).parent
# For each package, the pinned version and the files that import the package and rely on its private API.
PACKAGES = {
    "moto": (
        "5.2.5",
        {
            "api/other_services.py",
            "cloudwatch/alarms.py",
            "cloudwatch/evaluation.py",
            "cloudwatch/log_filters.py",
            "cloudwatch/retention.py",
            "cloudwatch/validation.py",
            "state/s3_changes.py",
            "state/s3_contents.py",
            "state/s3_objects.py",
        },
    ),
    "waitress": ("3.0.2", {"api/http_server.py"}),
    "gunicorn": ("26.0.0", {"container/serving.py"}),
}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_files_were_written_for_the_installed_version(package: str) -> None:
    expected_version, files = PACKAGES[package]
    message = f"{package} has a new version: review these files, then update the version in this test: {sorted(files)}"
    assert version(package) == expected_version, message


@pytest.mark.parametrize("package", PACKAGES)
def test_all_files_that_import_a_package_are_listed(package: str) -> None:
    statement = re.compile(rf"^\s*(from|import) {package}\b", re.MULTILINE)
    importing_files = {
        str(path.relative_to(STAGEMAKER)) for path in STAGEMAKER.rglob("*.py") if statement.search(path.read_text())
    }
    assert importing_files == PACKAGES[package][1]
