"""Files of a job from and to S3, by boto3 like any client."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from recore.simulator.failure import JobFailed, JobStopped

# a file in one request: moto reads the whole object for each part that is asked for, so parts take time by their square
WHOLE = TransferConfig(multipart_threshold=1 << 50, io_chunksize=1 << 20, use_threads=False)


def parse(uri: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def keys(s3: Any, uri: str) -> list[str]:
    """The keys of all objects whose key begins with the URI's. Raises JobFailed where there is none."""
    bucket, prefix = parse(uri)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].endswith("/")]
    except s3.exceptions.NoSuchBucket:
        raise JobFailed(f"ClientError: The bucket of '{uri}' does not exist") from None
    if not found:
        raise JobFailed(f"ClientError: No S3 objects found under S3 URL '{uri}'")
    return found


def download(s3: Any, uri: str, folder: Path, stopping: Callable[[], bool] = lambda: False) -> None:
    """Objects under a prefix into a folder, by their names below the prefix; one object, named whole, by its own name.

    Raises JobFailed where a key is no path within the folder, and JobStopped between objects where `stopping` says so.
    """
    bucket, prefix = parse(uri)
    for key in keys(s3, uri):
        if stopping():
            raise JobStopped
        below = key[len(prefix) :] if key == prefix or prefix.endswith("/") or key[len(prefix)] == "/" else None
        name = (below if below is not None else key[prefix.rfind("/") + 1 :]).lstrip("/") or key.rsplit("/", 1)[-1]
        target = folder / name
        try:
            if not target.resolve().is_relative_to(folder.resolve()) or target.resolve() == folder.resolve():
                raise JobFailed(f"ClientError: The key '{key}' leads out of its folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(target), Config=WHOLE)
        except (OSError, ValueError) as error:  # a name too long, or both a file and a folder
            raise JobFailed(f"ClientError: The key '{key}' cannot become a file: {error}") from None
        except ClientError as error:
            raise JobFailed(f"ClientError: '{key}' cannot be downloaded: {error}") from None


def upload(s3: Any, source: Path, uri: str) -> None:
    """A file to a key, or a folder's files to keys below it. Links that lead out of the folder are left behind.

    Raises JobFailed where the path itself holds a link: a job has put it there, and what it leads to is not the job's.
    """
    check_own(source)
    bucket, prefix = parse(uri)
    root = source.resolve()
    files = [source] if source.is_file() else sorted(source.rglob("*"))
    for path in files:
        if path.is_file() and path.resolve().is_relative_to(root):
            key = prefix if path == source else f"{prefix.rstrip('/')}/{path.relative_to(source)}".lstrip("/")
            try:
                s3.upload_file(str(path), bucket, key, Config=WHOLE)
            except (S3UploadFailedError, UnicodeError) as error:
                raise JobFailed(f"ClientError: '{uri}' cannot be written to: {error}") from None


class _Stoppable(io.FileIO):
    """A file whose writing ends where `stopping` says so: a job can leave very much."""

    def __init__(self, path: Path, stopping: Callable[[], bool]):
        super().__init__(path, "w")
        self._stopping = stopping

    def write(self, content: Any) -> int:
        if self._stopping():
            raise JobStopped
        return super().write(content)


def pack(folder: Path, archive: Path, most: int, stopping: Callable[[], bool] = lambda: False) -> None:
    """A folder's content as a tar.gz, as SageMaker packs a model. Links that lead out of it are left behind.

    most: bytes that the volume has. Raises JobFailed where the folder holds more, JobStopped where `stopping` says so.
    """
    check_own(folder)
    sizes = {(found.st_dev, found.st_ino): found.st_size for found in (path.lstat() for path in folder.rglob("*"))}
    if sum(sizes.values()) > most:
        raise JobFailed(f"AlgorithmError: /opt/ml/{folder.name} holds more than the volume of {most >> 30} GB")

    def chosen(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if member.issym():
            path = folder / member.name
            inside = not Path(member.linkname).is_absolute() and path.resolve().is_relative_to(folder)
            return member if inside else None
        return member if member.isreg() or member.isdir() or member.islnk() else None

    with _Stoppable(archive, stopping) as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name, filter=chosen)


def unpack(archive: Path, folder: Path) -> None:
    """A tar archive's content into a folder; nothing outside it. Raises JobFailed where it is none, or hostile."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter=_within)  # noqa: S202 - with a filter stricter than the one it asks for
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise JobFailed(f"ClientError: {archive.name} cannot be unpacked: {error}") from None


def _within(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """tarfile's own filter, and no member through a link that came before it: some Python 3.12 let those out."""
    beside = os.path.dirname(member.name) if member.issym() else ""
    names = [member.name, *([os.path.join(beside, member.linkname)] if member.linkname else [])]
    for name in names:
        if any(Path(folder, place).is_symlink() for place in (Path(name), *Path(name).parents)):
            raise tarfile.LinkOutsideDestinationError(member, name)
    return tarfile.data_filter(member, folder)


def check_own(path: Path) -> None:
    """Raise JobFailed where a link stands somewhere in the path."""
    if path != path.resolve():
        raise JobFailed(f"AlgorithmError: {path.name} is not a folder of the job any more, but a link")


def only(folder: Path, uri: str) -> Path:
    """The file in a folder that a URI's objects were downloaded to: the one that bears the URI's name, if any does."""
    named = folder / uri.rsplit("/", 1)[-1]
    files = [path for path in folder.rglob("*") if path.is_file()]
    if named in files:
        return named
    if len(files) > 1:
        raise JobFailed(f"ClientError: '{uri}' must be one archive, and {len(files)} objects begin with it")
    return files[0]
