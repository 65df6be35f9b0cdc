"""The model class, and the interfaces of its trainer and dataset generator."""

import importlib
import os
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from .environment import SageMakerEnv
from .errors import ConfigError
from .predictor import ModelPredictor
from .uploads import S3Access

Part = TypeVar("Part")


class ModelTrainer:
    """Base class for trainers of models. env: the environment, which provides the data and model folders."""

    def __init__(self, env: SageMakerEnv):
        self.env = env

    def train(self) -> None:
        """Read the data, train the model, and write the model and any validation output to the model folder."""
        raise NotImplementedError("Sub-classes should implement .train()")


class ModelDatasetGenerator(S3Access):
    """Base class for dataset generators. env: the environment, which provides the dataset's name and the S3 URL."""

    def generate(self) -> None:
        """Read the source data, generate the dataset and write it to S3."""
        raise NotImplementedError("Sub-classes should implement .generate()")

    def upload_to_s3(self, file_path: str | os.PathLike[str]) -> None:
        """Upload a file to the dataset's folder on S3, under its base name.

        Raises ConfigError if the environment has no dataset name or S3 URL, UploadError if the object cannot be
        written, or OSError if the file cannot be read.
        """
        if not self.env.dataset_name:
            raise ConfigError("no dataset to upload to: set the environment variable ML2P_DATASET")
        if self.env.s3 is None:
            raise ConfigError("no S3 URL to upload to: set the environment variable ML2P_S3_URL")
        key = self.env.s3.path(f"datasets/{self.env.dataset_name}/{Path(file_path).name}")
        self._uploader.put_file(self.env.s3.bucket(), key, file_path)


class MissingPartError(ValueError):
    """A required part of a model is missing or has the wrong class."""


class Model:
    """A dataset generator, a trainer and a predictor that belong together.

    Subclasses set any of DATASET_GENERATOR, TRAINER and PREDICTOR to a class.
    """

    DATASET_GENERATOR: ClassVar[type[ModelDatasetGenerator] | None] = None
    TRAINER: ClassVar[type[ModelTrainer] | None] = None
    PREDICTOR: ClassVar[type[ModelPredictor] | None] = None

    def dataset_generator(self, env: SageMakerEnv) -> ModelDatasetGenerator:
        """Return the dataset generator. Raises MissingPartError if DATASET_GENERATOR is not set."""
        return _checked(self.DATASET_GENERATOR, "DATASET_GENERATOR", ModelDatasetGenerator)(env)

    def trainer(self, env: SageMakerEnv) -> ModelTrainer:
        """Return the trainer. Raises MissingPartError if TRAINER is not set."""
        return _checked(self.TRAINER, "TRAINER", ModelTrainer)(env)

    def predictor(self, env: SageMakerEnv) -> ModelPredictor:
        """Return the predictor. Raises MissingPartError if PREDICTOR is not set."""
        return _checked(self.PREDICTOR, "PREDICTOR", ModelPredictor)(env)


def _checked(part: Any, name: str, kind: type[Part]) -> type[Part]:
    if not isinstance(part, type) or not issubclass(part, kind):
        raise MissingPartError(f".{name} should be an instance of {kind.__name__}")
    return part


class ModelClassError(ImportError):
    """A class does not exist or is not a model class."""


def import_string(name: str) -> Any:
    """Return the class or other object with a dotted name such as package.module.Class.

    Raises ModelClassError if the module or the name does not exist. Exceptions raised by the module are not caught.
    """
    module_name, _, attribute = name.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in name.split(".")):
        raise ModelClassError(f"{name!r} is not a dotted name such as package.module.Class")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # a module that it imports is missing
        raise ModelClassError(f"{name!r} cannot be imported: the module {error.name!r} does not exist") from error
    if not hasattr(module, attribute):
        raise ModelClassError(f"{name!r} cannot be imported: the module {module_name!r} has no {attribute!r}")
    return getattr(module, attribute)


def load_model(name: str) -> Model:
    """Return an instance of the model class with a dotted name. Raises ModelClassError if it is not a model class."""
    model = import_string(name)
    if not isinstance(model, type) or not issubclass(model, Model):
        raise ModelClassError(f"{name!r} is not a model class: it must be a subclass of Model")
    return model()
