"""The names that scripts import: `from sagemaker_containers.beta.framework import encoders, worker`.

Each module is imported on its first use: some are slow to import, and scripts often import names that they do not use.
"""

import importlib
from typing import Any

from ... import training_env as training_env

LOCAL_MODULES = ("env", "errors", "modules", "params", "server", "transformer", "worker")
TRAINING_MODULES = "content_types encoders entry_point files functions mapping mpi process runner trainer"
MODULES = {name: f"sagemaker_containers._{name}" for name in LOCAL_MODULES}
MODULES |= {name: f"sagemaker_training.{name}" for name in TRAINING_MODULES.split()}
MODULES["logging"] = "sagemaker_training.logging_config"


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(MODULES[name])


def __dir__() -> list[str]:
    return [*MODULES, "training_env"]
