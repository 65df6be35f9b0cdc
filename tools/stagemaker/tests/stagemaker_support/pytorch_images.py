"""A mark for tests that need the PyTorch images' environment, which `make setup-pytorch` creates."""

import pytest

from stagemaker.images import pytorch

NEEDS_PYTORCH = [
    pytest.mark.machine,
    pytest.mark.skipif(
        pytorch.FAMILY.version() is None,
        reason=f"the PyTorch images' environment is missing: run {pytorch.FAMILY.remedy}",
    ),
]
