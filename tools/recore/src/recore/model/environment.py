"""The SageMaker environment of a model class: settings in environment variables, folders, S3 URLs, and the log."""

import enum
import json
import logging
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .hyperparameter_encoding import HyperParameterEncodingError, decode

__version__ = "0.6.0"  # of ML2P, whose interface this package has
FAILURE = "output/failure"  # SageMaker shows the contents of this file if a job fails
# SageMaker's own hyperparameters: those with this prefix, and the one that a tuning job adds.
RESERVED_PREFIX, TUNING_OBJECTIVE = "sagemaker_", "_tuning_objective_metric"


class S3URL:
    """A folder on S3. s3folder: a URL such as s3://bucket/folder; slashes around the folder are ignored.

    Raises ValueError if the URL does not begin with s3:// or has no bucket.
    """

    def __init__(self, s3folder: str):
        scheme, _, address = str(s3folder).partition("://")
        self._bucket, _, root = address.partition("/")
        if scheme != "s3" or not self._bucket:
            raise ValueError(f"{s3folder!r} is not an S3 URL of the form s3://bucket/folder")
        self._root = root.strip("/")

    def bucket(self) -> str:
        return self._bucket

    def path(self, suffix: str) -> str:
        """Return the key of a file in the folder: the folder, a slash and the suffix."""
        suffix = suffix.lstrip("/")
        return f"{self._root}/{suffix}" if self._root else suffix

    def url(self, suffix: str = "") -> str:
        """Return the URL of a file in the folder; without a suffix, the URL of the folder with a final slash."""
        return f"s3://{self._bucket}/{self.path(suffix)}"


def read_number(variable: str, default: int) -> int:
    """Return an environment variable as an integer, or `default` if unset. Raises ConfigError if invalid or below 0."""
    value = os.environ.get(variable) or str(default)
    if not (value.isascii() and value.isdecimal()) or len(value) > 15:
        raise ConfigError(f"the environment variable {variable} is {value[:40]!r}: it must be an integer")
    return int(value)


class SageMakerEnvType(enum.Enum):
    DATASET = "dataset"
    TRAIN = "train"
    SERVE = "serve"
    LOCAL = "local"
    UNKNOWN = "unknown"


class SageMakerEnv:
    """The environment of a job or model server. tools/recore/docs/model-classes.md lists its attributes and variables.

    ml_folder: the folder that SageMaker populates, /opt/ml in a container. environ: the variables, by default
    os.environ. Raises ConfigError if ML2P_S3_URL is not an S3 URL.
    """

    DATASET = SageMakerEnvType.DATASET
    TRAIN = SageMakerEnvType.TRAIN
    SERVE = SageMakerEnvType.SERVE
    LOCAL = SageMakerEnvType.LOCAL
    UNKNOWN = SageMakerEnvType.UNKNOWN

    def __init__(self, ml_folder: str | os.PathLike[str], environ: Mapping[str, str] | None = None):
        environ = os.environ if environ is None else environ
        self._ml_folder = Path(ml_folder)
        self.session: Any = None  # a boto3 session, which a local environment may have
        self.dataset_name = environ.get("ML2P_DATASET")
        self.training_job_name = environ.get("ML2P_TRAINING_JOB")
        self.model_version = environ.get("ML2P_MODEL_VERSION")
        self.project = environ.get("ML2P_PROJECT")
        self.model_cls = environ.get("ML2P_MODEL_CLS")
        self.record_invokes = environ.get("ML2P_RECORD_INVOKES") == "true"
        self.s3: S3URL | None = None
        if url := environ.get("ML2P_S3_URL"):
            try:
                self.s3 = S3URL(url)
            except ValueError as error:
                raise ConfigError(f"the environment variable ML2P_S3_URL is invalid: {error}") from error
        self.env_type = self._find_type()

    def dataset_folder(self, dataset: str | None = None) -> Path:
        """Return the training data's folder. The argument, a channel name, is deprecated: use data_channel_folder."""
        if dataset is None:
            return self.data_channel_folder("training")
        message = "dataset_folder(channel) is deprecated: use data_channel_folder(channel)"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.data_channel_folder(dataset)

    def data_channel_folder(self, channel: str) -> Path:
        return self._ml_folder / "input" / "data" / channel

    def model_folder(self) -> Path:
        """Return the model folder. SageMaker archives a trainer's files there, and restores them for serving."""
        return self._ml_folder / "model"

    def hyperparameters(self) -> dict[str, Any]:
        """Return the training job's decoded hyperparameters, or {} if hyperparameters.json does not exist.

        SageMaker's own hyperparameters, such as `sagemaker_program`, are omitted. Raises ConfigError if the file is
        not a JSON object, or if its values cannot be decoded.
        """
        config = self._read_config("hyperparameters.json")
        encoded = {name: value for name, value in config.items() if not name.startswith(RESERVED_PREFIX)}
        encoded.pop(TUNING_OBJECTIVE, None)
        try:
            return decode(encoded)
        except HyperParameterEncodingError as error:
            raise ConfigError(f"the hyperparameters are invalid: {error}") from error

    def resourceconfig(self) -> dict[str, Any]:
        """Return the contents of resourceconfig.json, which describes the job's hosts, or {} if it does not exist.

        Raises ConfigError if the file is not a JSON object.
        """
        return self._read_config("resourceconfig.json")

    def write_failure(self, reason: str) -> None:
        """Write the reason for a job's failure to the file that SageMaker reads."""
        path = self._ml_folder / FAILURE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason, encoding="utf-8", errors="backslashreplace")

    def _read_config(self, name: str) -> dict[str, Any]:
        path = self._ml_folder / "input" / "config" / name
        if not path.exists():
            return {}
        try:
            config = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path} is not valid JSON: {error}") from error
        if not isinstance(config, dict):
            raise ConfigError(f"{path} does not contain a JSON object")
        return config

    def _find_type(self) -> SageMakerEnvType:
        if self.dataset_name:
            return self.DATASET
        if self.training_job_name:
            return self.TRAIN
        return self.SERVE if self.model_version else self.UNKNOWN


class StdoutHandler(logging.Handler):
    """Logging handler that writes to the current sys.stdout."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stdout, flush=True)
        except Exception:
            self.handleError(record)


def log_to_stdout() -> None:
    """Log messages of level INFO and above to standard output. Safe to call repeatedly."""
    root = logging.getLogger()
    if not any(isinstance(handler, StdoutHandler) for handler in root.handlers):
        root.addHandler(StdoutHandler())
    root.setLevel(logging.INFO)
    for name in ("boto3", "botocore", "s3transfer", "urllib3", "werkzeug"):
        logging.getLogger(name).setLevel(logging.WARNING)
