"""The errors of sagemaker-training. One of them is also available under its former name."""

from sagemaker_training.errors import *  # noqa: F403
from sagemaker_training.errors import ChannelDoesNotExistError as ChannelDoesNotExistException  # noqa: F401
