"""A mark for tests that need the environment of PyTorch images, which `make setup-pytorch` creates."""

import pytest

from recore.simulator.images import pytorch

NEEDS_PYTORCH = [
    pytest.mark.machine,
    pytest.mark.skipif(
        pytorch.FAMILY.version() is None,
        reason=f"the environment of PyTorch images is missing: run {pytorch.FAMILY.remedy}",
    ),
]
