"""Runs a script as sagemaker-training does. AWS's examples for several instances import a private name from here."""

from sagemaker_training.entry_point import *  # noqa: F403
from sagemaker_training.entry_point import _wait_hostname_resolution as _wait_hostname_resolution
