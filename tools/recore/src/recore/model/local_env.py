"""A local environment that replaces SageMaker's folders and downloads datasets and models from S3."""

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from .environment import S3URL, SageMakerEnv
from .errors import ConfigError, LocalEnvError, NamingError

MAX_MEMBERS = 100_000  # of a model archive


class ModellingSubCfg:
    """A section of the project file; missing settings are taken from the defaults section.

    cfg: the contents of the project file. section, defaults: names of the sections; defaults may be None. Settings are
    read as attributes or items. They can be set as items, which does not change the file.
    """

    def __init__(self, cfg: Mapping[str, Any], section: str, defaults: str | None = "defaults"):
        self._settings: dict[str, Any] = {}
        for name in filter(None, (defaults, section)):
            settings = cfg.get(name) or {}
            if not isinstance(settings, Mapping):
                raise ConfigError(f"the section {name!r} of the project file is not a mapping")
            self._settings |= settings

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_settings"][name]
        except KeyError:
            raise AttributeError(f"the project file has no setting {name!r}") from None

    def __getitem__(self, name: str) -> Any:
        return self._settings[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._settings[name] = value

    def keys(self) -> list[str]:
        return sorted(self._settings)

    def get(self, name: str, default: Any = None) -> Any:
        return self._settings.get(name, default)


def read_project_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the contents of a project file.

    Raises ConfigError if it cannot be read, is not YAML, or lacks a string for `project` or an S3 URL for `s3folder`.
    """
    try:
        content = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"the project file {path} could not be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, a date such as 2026-02-30
        raise ConfigError(f"the project file {path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"the project file {path} is not a mapping: it needs the keys project and s3folder")
    for key in ("project", "s3folder"):
        if not isinstance(content.get(key), str) or not content[key]:
            problem = "has no key" if key not in content else "needs a string for the key"
            raise ConfigError(f"the project file {path} {problem} {key!r}")
    try:
        S3URL(content["s3folder"])
    except ValueError as error:
        raise ConfigError(f"the key 's3folder' of the project file {path} is invalid: {error}") from error
    return content


class LocalEnv(SageMakerEnv):
    """A local environment in an existing folder, `ml_folder`, in which the folder `model` is created.

    cfg: the path of the project file. session: a boto3 session, needed only for downloads. Raises LocalEnvError if the
    folder does not exist, or ConfigError if the project file is invalid.
    """

    def __init__(self, ml_folder: str | os.PathLike[str], cfg: str | os.PathLike[str], session: Any = None):
        super().__init__(ml_folder, {})
        if not self._ml_folder.is_dir():
            raise LocalEnvError(f"Local environment folder {ml_folder} does not exist.")
        settings = read_project_file(cfg)
        self.session = session
        self.env_type = self.LOCAL
        self.project = settings["project"]
        self.model_version = "local"
        self.s3: S3URL = S3URL(settings["s3folder"])
        self.model_folder().mkdir(exist_ok=True)

    def clean_model_folder(self) -> None:
        """Delete all files in the model folder."""
        shutil.rmtree(self.model_folder())
        self.model_folder().mkdir()

    def download_dataset(self, dataset: str) -> None:
        """Download a dataset, including its subfolders, to the folder of the training data.

        Raises LocalEnvError if the download fails, or NamingError if the name is empty or contains a slash.
        """
        bucket, prefix = self._locate("datasets", f"datasets/{_checked_name('dataset', dataset)}/")
        folder = self.dataset_folder()
        with _explain_errors(f"the dataset {dataset!r}", bucket):
            s3 = self.session.client("s3")
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
            if not keys:
                raise LocalEnvError(f"the dataset {dataset!r} does not exist: no objects at s3://{bucket}/{prefix}")
            folder.mkdir(parents=True, exist_ok=True)
            for key in keys:
                if not key.endswith("/"):  # such an object represents a folder
                    path = _path_below(folder, key.removeprefix(prefix))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    s3.download_file(bucket, key, str(path))

    def download_model(self, training_job: str) -> None:
        """Download a training job's model archive to the model folder and unpack it there.

        training_job: the job's name without the project's name. Raises LocalEnvError if there is no session or
        model, or if the archive is damaged, unsafe or too large for the disk, and NamingError if the name is invalid.
        """
        name = f"{self.project}-{_checked_name('training job', training_job)}"
        bucket, key = self._locate("models", f"models/{name}/output/model.tar.gz")
        archive = self.model_folder() / "model.tar.gz"
        with _explain_errors(f"the model of the training job {training_job!r} (s3://{bucket}/{key})", bucket):
            self.session.client("s3").download_file(bucket, key, str(archive))
            _unpack(archive, self.model_folder())

    def _locate(self, kind: str, suffix: str) -> tuple[str, str]:
        if self.session is None:
            raise LocalEnvError(f"Downloading {kind} requires a boto session.")
        return self.s3.bucket(), self.s3.path(suffix)


def _checked_name(kind: str, name: str) -> str:
    if not name or "/" in name:
        raise NamingError(f"{name!r} is not a valid {kind} name: it must not be empty or contain a slash")
    return name


def _path_below(folder: Path, name: str) -> Path:
    path = folder / name
    if ".." in Path(name).parts or "\0" in name or not path.is_relative_to(folder):
        raise LocalEnvError(f"the object {name!r} would be written outside {folder}")
    return path


@contextmanager
def _explain_errors(subject: str, bucket: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchKey"):
            raise LocalEnvError(f"{subject} does not exist") from error
        reason = f"the bucket {bucket} does not exist" if code == "NoSuchBucket" else str(error)
        raise LocalEnvError(f"{subject} could not be downloaded: {reason}") from error
    except (Boto3Error, BotoCoreError, OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise LocalEnvError(f"{subject} could not be downloaded: {error}") from error


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive. Reject unsafe links and paths, and archives that are too large for the disk."""
    size, free = 0, shutil.disk_usage(folder).free
    with tarfile.open(archive, "r:gz") as tar:
        for number, member in enumerate(tar, 1):
            size += member.size
            if size > free or number > MAX_MEMBERS:
                limits = f"more than {MAX_MEMBERS} files or more than the {free} free bytes"
                raise tarfile.TarError(f"it unpacks to {limits}")
            tar.extract(member, folder, filter="data")
