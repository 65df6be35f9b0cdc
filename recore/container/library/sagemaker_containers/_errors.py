"""Errors: those of sagemaker-training, and a former name of one."""

from sagemaker_training.errors import *  # noqa: F403
from sagemaker_training.errors import ChannelDoesNotExistError as ChannelDoesNotExistException  # noqa: F401
