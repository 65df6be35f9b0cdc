"""The errors of sagemaker-training, one of them also under its former name."""

from sagemaker_training.errors import *  # noqa: F403
from sagemaker_training.errors import ChannelDoesNotExistError as ChannelDoesNotExistException  # noqa: F401
