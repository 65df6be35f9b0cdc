"""Models as classes: one class generates a dataset, trains and predicts, on this machine, in Docker and on SageMaker.

The package imports nothing else of this repository, because it travels in the code archive of a job.
"""

from .core import (
    S3URL,
    LocalEnv,
    Model,
    ModelDatasetGenerator,
    ModelPredictor,
    ModelTrainer,
    SageMakerEnv,
    SageMakerEnvType,
)
from .version import __version__

__all__ = [
    "S3URL",
    "LocalEnv",
    "Model",
    "ModelDatasetGenerator",
    "ModelPredictor",
    "ModelTrainer",
    "SageMakerEnv",
    "SageMakerEnvType",
    "__version__",
]
