"""The entry_point module of sagemaker-training, with a private name that AWS's multi-instance examples import."""

from sagemaker_training.entry_point import *  # noqa: F403
from sagemaker_training.entry_point import _wait_hostname_resolution as _wait_hostname_resolution
