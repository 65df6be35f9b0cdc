"""The functions of sagemaker-training's `modules`, with an argument that sagemaker-training has dropped."""

import warnings
from types import ModuleType

from sagemaker_training import modules
from sagemaker_training.modules import *  # noqa: F403


def import_module(uri: str, name: str = modules.DEFAULT_MODULE_NAME, cache: bool | None = None) -> ModuleType:
    """Import a script or module from a folder or an archive on S3. `cache` has no effect. Raises ImportModuleError."""
    if cache is not None:
        warnings.warn("the argument `cache` of import_module has no effect", DeprecationWarning, 2)
    module: ModuleType = modules.import_module(uri, name)
    return module
