"""PyTorch images: jobs run in a separate environment, which `make setup-pytorch` creates once per machine.

The name of the environment's folder contains a digest of its requirements, as in the Makefile.
"""

import hashlib
import os
import re
from pathlib import Path

from stagemaker.images.family import CONTAINER, ImageFamily
from stagemaker.images.python_environment import PythonEnvironment, environment_in

REQUIREMENTS = Path(__file__).with_name("pytorch.txt")


def folder() -> Path:
    """Return the environment's folder. It may not exist."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() if REQUIREMENTS.is_file() else b"").hexdigest()[:12]
    return Path(os.path.expanduser("~/.cache/recore"), f"pytorch-{digest}")


def environment() -> PythonEnvironment:
    """Return the environment, or an environment without packages if it is missing or incomplete."""
    path = folder()
    return environment_in(path if (path / "ready").is_file() else path / "missing")


FAMILY = ImageFamily(
    name="PyTorch",
    repositories=re.compile(r"pytorch-(training|inference)|sagemaker-pytorch"),
    distributions=("torch",),
    remedy="make setup-pytorch in a checkout of recore",
    tags=re.compile(r"\d+\.\d+(\.\d+)?-(cpu|gpu)-py\d+(-.+)?"),
    examples="1.8.0-cpu-py3 and 2.6.0-cpu-py312",
    hooks=CONTAINER / "pytorch_hooks.py",
    python=environment,
)
