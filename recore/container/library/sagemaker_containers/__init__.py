"""The parts of AWS's package sagemaker-containers that scripts import.

The AWS scikit-learn image holds version 2.8.6.post2, which does not run with current versions of its requirements. Its
successor, sagemaker-training, has most of the modules under other names; this package adds what only servers need.
"""

from typing import Any


def training_env() -> Any:
    """Return the environment of a training job: its hosts, channels, hyperparameters and folders."""
    from . import _env

    return _env.TrainingEnv()
