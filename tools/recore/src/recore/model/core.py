"""The names of ML2P's module `core` that a model class needs, in one place: only its import has to be changed."""

from .classes import Model, ModelDatasetGenerator, ModelTrainer
from .environment import SageMakerEnv, SageMakerEnvType
from .loading import import_string
from .local_env import LocalEnv
from .predictor import ModelPredictor
from .project_file import ModellingSubCfg
from .s3_url import S3URL

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
