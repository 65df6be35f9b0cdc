"""Files of a job from and to S3, by boto3 like any client."""

import tarfile
from pathlib import Path
from typing import Any

from recore.simulator.failure import JobFailed


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


def download(s3: Any, uri: str, folder: Path) -> None:
    """Objects under a prefix into a folder, by their names below the prefix; one object, named whole, by its own name."""
    bucket, prefix = parse(uri)
    for key in keys(s3, uri):
        below = key[len(prefix) :] if key == prefix or prefix.endswith("/") or key[len(prefix)] == "/" else None
        name = (below if below is not None else key[prefix.rfind("/") + 1 :]).lstrip("/") or key.rsplit("/", 1)[-1]
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise JobFailed(f"ClientError: The key '{key}' leads out of its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(target))


def upload(s3: Any, source: Path, uri: str) -> None:
    """A file to a key, or a folder's files to keys below it. Links that lead out of the folder are left behind."""
    bucket, prefix = parse(uri)
    if source.is_file():
        s3.upload_file(str(source), bucket, prefix)
        return
    root = source.resolve()
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(root):
            s3.upload_file(str(path), bucket, f"{prefix.rstrip('/')}/{path.relative_to(source)}")


def pack(folder: Path, archive: Path) -> None:
    """A folder's content as a tar.gz, as SageMaker packs a model."""
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)


def unpack(archive: Path, folder: Path) -> None:
    """A tar archive's content into a folder; nothing outside it. Raises JobFailed where it is none, or hostile."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobFailed(f"ClientError: {archive.name} cannot be unpacked: {error}") from None
