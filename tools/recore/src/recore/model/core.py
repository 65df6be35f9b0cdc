"""The names in ML2P's module `core` that a model class needs, so that only its import has to change."""

from .classes import Model, ModelDatasetGenerator, ModelTrainer, import_string
from .environment import S3URL, SageMakerEnv, SageMakerEnvType
from .local_env import LocalEnv, ModellingSubCfg
from .predictor import ModelPredictor

__all__ = [
    "S3URL",
    "LocalEnv",
    "Model",
    "ModelDatasetGenerator",
    "ModelPredictor",
    "ModelTrainer",
    "ModellingSubCfg",
    "SageMakerEnv",
    "SageMakerEnvType",
    "import_string",
]
