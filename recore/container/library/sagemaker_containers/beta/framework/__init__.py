"""The names that scripts import: `from sagemaker_containers.beta.framework import encoders, worker`.

Each module is imported when it is first asked for: several take long, and scripts often import names that they do not
use.
"""

import importlib
from typing import Any

MODULES = {
    "env": "sagemaker_containers._env",
    "errors": "sagemaker_containers._errors",
    "modules": "sagemaker_containers._modules",
    "params": "sagemaker_containers._params",
    "server": "sagemaker_containers._server",
    "transformer": "sagemaker_containers._transformer",
    "worker": "sagemaker_containers._worker",
    "content_types": "sagemaker_training.content_types",
    "encoders": "sagemaker_training.encoders",
    "entry_point": "sagemaker_training.entry_point",
    "files": "sagemaker_training.files",
    "functions": "sagemaker_training.functions",
    "logging": "sagemaker_training.logging_config",
    "mapping": "sagemaker_training.mapping",
    "mpi": "sagemaker_training.mpi",
    "process": "sagemaker_training.process",
    "runner": "sagemaker_training.runner",
    "trainer": "sagemaker_training.trainer",
}


def training_env() -> Any:
    """The environment of a training job: its hosts, channels, hyperparameters and folders."""
    return __getattr__("env").TrainingEnv()


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(MODULES[name])


def __dir__() -> list[str]:
    return [*MODULES, "training_env"]
