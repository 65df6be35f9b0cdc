"""The container's environment: `ServingEnv` for model servers; everything else is from sagemaker-training."""

import importlib
import logging
import os
from typing import Any

from joblib import cpu_count

BASE_DIR = os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"


class ServingEnv(dict[str, Any]):
    """A model server's settings, with AWS's defaults, as items and attributes. The environment is read at creation."""

    def __init__(self) -> None:
        variables = os.environ
        cpus = cpu_count()
        program = variables.get("SAGEMAKER_PROGRAM")
        super().__init__(
            current_host=variables.get("SM_CURRENT_HOST"),
            default_accept=variables.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/json"),
            framework_module=variables.get("SAGEMAKER_SERVING_MODULE"),
            http_port=variables.get("SAGEMAKER_BIND_TO_PORT", "8080"),
            log_level=int(variables.get("SAGEMAKER_CONTAINER_LOG_LEVEL", logging.INFO)),
            model_dir=variables.get("SM_MODEL_DIR") or f"{BASE_DIR}/model",
            model_server_timeout=int(variables.get("SAGEMAKER_MODEL_SERVER_TIMEOUT", 60)),
            model_server_workers=int(variables.get("SAGEMAKER_MODEL_SERVER_WORKERS", cpus)),
            module_dir=variables.get("SAGEMAKER_SUBMIT_DIRECTORY", f"{BASE_DIR}/code"),
            module_name=program.removesuffix(".py") if program else None,
            num_cpus=cpus,
            num_gpus=0,
            safe_port_range=variables.get("SAGEMAKER_SAFE_PORT_RANGE"),
            use_nginx=False,
            user_entry_point=program,
        )

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(f"ServingEnv has no attribute {name!r}")
        return self[name]


def __getattr__(name: str) -> Any:
    environment = importlib.import_module("sagemaker_training.environment")
    return getattr(environment, "Environment" if name == "TrainingEnv" else name)
