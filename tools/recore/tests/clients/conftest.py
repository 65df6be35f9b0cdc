"""Clients of the simulator: `make test-sdk` runs these tests once for each client, in an environment with that client.

The name of each test file begins with its client: sdk (SageMaker's SDK, versions 2 and 3), v2, ml2p.
"""

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from stagemaker_support.sdk import installed_client, no_outside_lookups, sandbox, variables

__all__ = ["no_outside_lookups", "sandbox", "variables"]  # fixtures

CLIENT = installed_client()
TEST_GROUPS = (CLIENT, "sdk") if CLIENT in ("v2", "v3") else (CLIENT,)
collect_ignore = [
    str(path) for path in Path(__file__).parent.glob("test_*.py") if path.stem.split("_")[1] not in TEST_GROUPS
]


@pytest.fixture(scope="session")
def sdk(variables: dict[str, str]) -> ModuleType:
    """Import the module for this SDK after setting the variables, because the import creates clients."""
    return importlib.import_module(f"sdk_{CLIENT}")
