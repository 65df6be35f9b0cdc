"""The parts of AWS's package sagemaker-containers that scripts import.

AWS's scikit-learn image contains version 2.8.6.post2, which does not run with current versions of its requirements. Its
successor, sagemaker-training, has most modules under other names; this package adds the modules that only servers use.
"""

from typing import Any


def training_env() -> Any:
    """Return a training job's environment: its hosts, channels, hyperparameters and folders."""
    from . import _env

    return _env.TrainingEnv()
