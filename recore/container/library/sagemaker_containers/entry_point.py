"""How a script is run: as in sagemaker-training. AWS's examples for several instances import a private name of it."""

from sagemaker_training.entry_point import *  # noqa: F403
from sagemaker_training.entry_point import _wait_hostname_resolution as _wait_hostname_resolution
