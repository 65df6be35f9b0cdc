"""SageMaker's SDK, version 3."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from support.sdk import NeedsSdk, nothing_leaves, s3, variables

__all__ = ["nothing_leaves", "s3", "variables"]  # fixtures


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if find_spec("sagemaker") and find_spec("sagemaker.train"):
        return None
    return NeedsSdk.from_parent(parent, path=module_path)
