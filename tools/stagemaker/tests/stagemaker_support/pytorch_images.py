"""A mark for tests that need the environment of PyTorch images, which `make setup-pytorch` creates."""

import pytest

from stagemaker.images import pytorch

NEEDS_PYTORCH = [
    pytest.mark.machine,
    pytest.mark.skipif(
        pytorch.PACKAGES.find() is None,
        reason="the environment of PyTorch images is missing: `stagemaker setup pytorch`",
    ),
]
