"""Tests that use clients of the simulator. `make test-sdk` runs them once per client, in a separate environment.

The prefix of a test file's name states which clients run it: v2 or v3 (versions of SageMaker's SDK), sdk (both of
them), xgboost or notebooks (versions 1 and 2 of the SDK), or airflow.
"""

import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.sdk import installed_client, no_outside_lookups, s3, sandbox, variables

__all__ = ["no_outside_lookups", "s3", "sandbox", "variables"]  # fixtures

CLIENT = installed_client()
SHARED_PREFIXES = {"v3": ["sdk"], "v2": ["sdk", "xgboost", "notebooks"], "v1": ["xgboost", "notebooks"]}
PREFIXES = [CLIENT, *SHARED_PREFIXES.get(CLIENT, [])]
collect_ignore = [
    str(path) for path in Path(__file__).parent.glob("test_*.py") if path.stem.split("_")[1] not in PREFIXES
]

if CLIENT == "airflow":  # it reads these when it is imported, and writes its settings into this folder
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
    os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
    os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = "aws://"


@pytest.fixture(scope="session")
def sdk(variables: dict[str, str]) -> Any:
    """Return the module for this version of the SDK. Importing it creates clients, which need `variables`."""
    return importlib.import_module(f"sdk_{CLIENT}")


@pytest.fixture(scope="session")
def services(variables: dict[str, str]) -> Any:
    """Return a function that creates boto3 clients for the simulator."""
    import boto3

    return boto3.client
