"""PyTorch images: jobs run in an environment of their own, made by `make setup-pytorch` once on a machine.

The environment's folder has the digest of its requirements in its name, as in the Makefile.
"""

import hashlib
import os
import re
from pathlib import Path

from recore.distribution import TEMPLATE
from recore.simulator.images.family import CONTAINER, ImageFamily
from recore.simulator.images.python_environment import PythonEnvironment, environment_in

REQUIREMENTS = TEMPLATE / "requirements/pytorch.txt"


def folder() -> Path:
    """Where the environment is, or would be."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() if REQUIREMENTS.is_file() else b"").hexdigest()[:12]
    return Path(os.path.expanduser("~/.cache/recore"), f"pytorch-{digest}")


def environment() -> PythonEnvironment:
    """The environment; without packages as long as it is not complete."""
    place = folder()
    return environment_in(place if (place / "ready").is_file() else place / "missing")


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
