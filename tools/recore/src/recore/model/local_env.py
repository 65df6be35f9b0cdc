"""A folder on this machine in place of SageMaker's, with datasets and models from S3."""

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from .environment import SageMakerEnv
from .errors import LocalEnvError, NamingError
from .project_file import read_project_file
from .s3_url import S3URL

MOST_MEMBERS = 100_000  # of a model's archive


class LocalEnv(SageMakerEnv):
    """ml_folder: an existing folder; the folder `model` is made in it. cfg: the project file. session: of boto3.

    The session is needed only for downloads. Raises LocalEnvError if the folder does not exist, ConfigError if the
    project file is invalid.
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
        """Delete the model folder with all files in it, and make it again."""
        shutil.rmtree(self.model_folder())
        self.model_folder().mkdir()

    def download_dataset(self, dataset: str) -> None:
        """Download a dataset, with its folders, to where a trainer looks for the training data.

        Raises LocalEnvError if there is no session or no such dataset, or it cannot be downloaded, and NamingError if
        the name is empty or contains a slash.
        """
        bucket, prefix = self._place("datasets", f"datasets/{_checked_name('dataset', dataset)}/")
        folder = self.dataset_folder()
        with _explained(f"the dataset {dataset!r}", bucket):
            s3 = self.session.client("s3")
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
            if not keys:
                raise LocalEnvError(f"there is no dataset {dataset!r}: there are no objects at s3://{bucket}/{prefix}")
            folder.mkdir(parents=True, exist_ok=True)
            for key in keys:
                if not key.endswith("/"):  # such an object stands for a folder
                    path = _path_below(folder, key.removeprefix(prefix))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    s3.download_file(bucket, key, str(path))

    def download_model(self, training_job: str) -> None:
        """Download the model of a training job to the model folder and unpack it there, beside its archive.

        training_job: its name without the project's. Raises LocalEnvError if there is no session or no such model, or
        its archive is damaged, unsafe or larger than the disk, and NamingError if the name is invalid.
        """
        name = f"{self.project}-{_checked_name('training job', training_job)}"
        bucket, key = self._place("models", f"models/{name}/output/model.tar.gz")
        archive = self.model_folder() / "model.tar.gz"
        with _explained(f"the model of the training job {training_job!r} (s3://{bucket}/{key})", bucket):
            self.session.client("s3").download_file(bucket, key, str(archive))
            _unpack(archive, self.model_folder())

    def _place(self, what: str, suffix: str) -> tuple[str, str]:
        if self.session is None:
            raise LocalEnvError(f"Downloading {what} requires a boto session.")
        return self.s3.bucket(), self.s3.path(suffix)


def _checked_name(what: str, name: str) -> str:
    if not name or "/" in name:
        raise NamingError(f"{name!r} is not a valid {what} name: it must not be empty or contain a slash")
    return name


def _path_below(folder: Path, name: str) -> Path:
    path = folder / name
    if ".." in Path(name).parts or "\0" in name or not path.is_relative_to(folder):
        raise LocalEnvError(f"the object {name!r} would be written outside of {folder}")
    return path


@contextmanager
def _explained(what: str, bucket: str) -> Iterator[None]:
    """Turn what a download raises into one clear error."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchKey"):
            raise LocalEnvError(f"{what} does not exist") from error
        reason = f"the bucket {bucket} does not exist" if code == "NoSuchBucket" else str(error)
        raise LocalEnvError(f"{what} could not be downloaded: {reason}") from error
    except (Boto3Error, BotoCoreError, OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise LocalEnvError(f"{what} could not be downloaded: {error}") from error


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive without links and paths that leave the folder, and not more than the disk can hold."""
    size, free = 0, shutil.disk_usage(folder).free
    with tarfile.open(archive, "r:gz") as tar:
        for number, member in enumerate(tar, 1):
            size += member.size
            if size > free or number > MOST_MEMBERS:
                raise tarfile.TarError(
                    f"it unpacks to more than {MOST_MEMBERS} files or more than the {free} free bytes"
                )
            tar.extract(member, folder, filter="data")
