"""Transfer a job's files to and from S3. `raise_if_stopping` is called before each chunk."""

import io
import re
import shutil
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker import machine
from stagemaker.archive_members import CheckedReader
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.output_files import Announce, OutputFile, OutputFolder, StopCheck, ignore
from stagemaker.compute.processes.volume import Volume

CHUNK_SIZE = 1 << 20  # bytes that are transferred at a time
MAX_KEY_BYTES = 1024
MAX_OBJECT_BYTES = 5 << 30  # maximum size that S3 accepts in one request
# https://bucket.s3.REGION.amazonaws.com/key, or with the bucket in the path; the region can be missing
WEB_ADDRESS = re.compile(
    r"https://(?:([^/@]+)\.)?s3(?:[.-]dualstack)?(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:/(.*))?", re.S
)
# characters that a listing of objects, which is XML 1.0, cannot contain or does not preserve
NON_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def is_address(string: str) -> bool:
    """Return whether a string is an S3 URI such as s3://bucket/key or https://s3.amazonaws.com/bucket/key."""
    return string.startswith("s3://") or (WEB_ADDRESS.fullmatch(string) is not None and parse(string)[0] != "")


def parse(uri: str) -> tuple[str, str]:
    """Return the bucket and the key in s3://bucket/key, or in an object's https URL."""
    match = WEB_ADDRESS.fullmatch(uri)
    path = "/".join(filter(None, match.groups())) if match else uri.removeprefix("s3://")
    bucket, _, key = path.partition("/")
    return bucket, key


def download(
    s3: Any, uri: str, folder: Path, raise_if_stopping: StopCheck, volume: Volume | None = None, is_object: bool = False
) -> None:
    """Download the objects under a prefix to paths relative to the prefix; a single object keeps its name.

    volume: the volume on which the objects must fit. is_object: whether the URI names a single object. Raises JobFailed
    if no object exists, if they do not fit, or if a key leads out of the folder; OSError if the local disk is full.
    """
    bucket, prefix = parse(uri)
    objects = [(key, size) for key, size in objects_below(s3, uri) if not is_object or key == prefix]
    if not objects:
        raise JobFailed(f"ClientError: No S3 object found at {uri!r}")
    if volume and not volume.take(sum(size for _, size in objects)):
        reason = f"the inputs are larger than {volume}"
        raise JobFailed(f"ClientError: Data download failed: Insufficient disk space: {reason}")
    for key, _ in objects:
        raise_if_stopping()
        is_below = key == prefix or prefix.endswith("/") or key[len(prefix)] == "/"
        name = key[len(prefix) if is_below else prefix.rfind("/") + 1 :].lstrip("/") or key.rsplit("/", 1)[-1]
        target, subject = folder / name, f"ClientError: The key {key[:700]!r}"
        try:
            if folder.resolve() not in target.resolve().parents:
                raise JobFailed(f"{subject} points outside its folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            download_file(s3, bucket, key, target, raise_if_stopping)
        except (OSError, ValueError) as error:  # the name is too long, or is both a file and a folder
            if machine.is_disk_full(error):
                raise
            raise JobFailed(
                f"{subject} could not be stored as a file: {getattr(error, 'strerror', None) or error}"
            ) from None


def download_file(s3: Any, bucket: str, key: str, path: Path, raise_if_stopping: StopCheck = ignore) -> None:
    """Download an object to a file. Raises JobFailed if the request fails, or OSError if the file cannot be written."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        with open(path, "wb") as file:
            for chunk in body.iter_chunks(CHUNK_SIZE):
                raise_if_stopping()
                file.write(chunk)
    except (ClientError, BotoCoreError) as error:
        raise JobFailed(f"ClientError: '{key}' could not be downloaded: {_reason(error)}") from None


def upload_file(s3: Any, path: Path, uri: str, raise_if_stopping: StopCheck = ignore) -> None:
    """Upload a file to an S3 URI. Raises JobFailed."""
    _put(s3, OutputFile(path.name, str(path), path.stat()), uri, parse(uri)[1], raise_if_stopping)


def upload_folder(
    s3: Any, folder: OutputFolder, uri: str, volume: Volume, raise_if_stopping: StopCheck, announce: Announce = ignore
) -> None:
    """Upload a folder's files to keys below the URI's key. If the folder is a file, it is uploaded to that key.

    Raises JobFailed if the folder cannot be read or, before any upload, if it is larger than the volume. If some file
    names cannot be keys, raises JobFailed after all other files have been uploaded.
    """
    if not folder.exists():
        return
    prefix = parse(uri)[1]
    announce(folder.measure_volume(volume, raise_if_stopping, is_archive=False))
    rejections = []
    for file in folder.files(raise_if_stopping):
        if file.size is None:
            continue
        key = f"{prefix.rstrip('/')}/{file.name}".lstrip("/") if file.name else prefix
        if reason := _key_problem(key):
            rejections.append(f"the file {file.name[:200]!r} cannot be stored as an object: {reason}")
            continue
        try:
            _put(s3, file, uri, key, raise_if_stopping)
        except OSError as error:
            raise JobFailed(f"AlgorithmError: {folder.name} could not be read: {error.strerror}") from None
    if rejections:
        count = len(rejections) - 1
        suffix = f"; nor can {count:,} other file{'s' if count > 1 else ''}" if count else ""
        raise JobFailed(f"ClientError: Artifact upload failed: {folder.name}: {rejections[0]}{suffix}")


def get_archive(folder: Path, uri: str) -> Path:
    """Return the archive downloaded from a URI: the file that the URI names, otherwise the folder's only file."""
    namesake = folder / uri.rsplit("/", 1)[-1]
    files = [path for path in folder.rglob("*") if path.is_file()]
    if namesake in files:
        return namesake
    if len(files) > 1:
        raise JobFailed(f"ClientError: '{uri}' must be a single archive, but it is a prefix of {len(files)} objects")
    return files[0]


def objects_below(s3: Any, uri: str) -> list[tuple[str, int]]:
    """Return the keys and sizes of the objects below a URI. Raises JobFailed if there are none."""
    bucket, prefix = parse(uri)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        items = [(item["Key"], item["Size"]) for page in pages for item in page.get("Contents", [])]
    except s3.exceptions.NoSuchBucket:
        raise JobFailed(f"ClientError: The bucket of '{uri}' does not exist") from None
    except (ClientError, BotoCoreError) as error:
        raise JobFailed(f"ClientError: '{uri}' could not be listed: {error}") from None
    objects = [(key, size) for key, size in items if not key.endswith("/")]
    if not objects:
        raise JobFailed(f"ClientError: No S3 objects found under S3 URL '{uri}'")
    return objects


def _put(s3: Any, file: OutputFile, uri: str, key: str, raise_if_stopping: StopCheck) -> None:
    size = file.size or 0
    if size > MAX_OBJECT_BYTES:
        reason = f"{key[:700]!r} would be larger than {MAX_OBJECT_BYTES >> 30} GiB, the maximum for one request"
        raise JobFailed(f"ClientError: '{uri}' could not be written to: {reason}")
    content = io.BytesIO()  # which S3, here in this process, reads without a copy
    with file.open() as source:
        shutil.copyfileobj(CheckedReader(source, size, raise_if_stopping), content, CHUNK_SIZE)
    try:
        s3.put_object(Bucket=parse(uri)[0], Key=key, Body=content.getvalue())
    except (ClientError, BotoCoreError) as error:
        raise JobFailed(f"ClientError: '{uri}' could not be written to: {_reason(error)}") from None


def _reason(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, BotoCoreError):
        return str(error)
    details = error.response["Error"]
    return f"{details.get('Message')} ({details.get('Code')})"


def has_objects(s3: Any, uri: str, is_prefix: bool) -> bool:
    """Return whether an object exists at a URI or, with `is_prefix`, whether any key begins with the URI's key.

    A prefix does not match keys that end with "/", which S3's console creates for folders. Raises OSError if S3 fails.
    """
    bucket, key = parse(uri)
    size = {"PageSize": 100 if is_prefix else 1}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, PaginationConfig=size)
    keys = (item["Key"] for page in pages for item in page.get("Contents", []))
    try:
        return any(not name.endswith("/") for name in keys) if is_prefix else next(keys, None) == key
    except (s3.exceptions.NoSuchBucket, BotoCoreError):
        return False
    except ClientError as error:
        raise OSError(_reason(error)) from None


def _key_problem(key: str) -> str | None:
    if any("\ud800" <= character <= "\udfff" for character in key):
        return "its name is not valid UTF-8"
    if NON_XML.search(key):
        return "its name contains control characters"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"its key exceeds {MAX_KEY_BYTES:,} bytes"
    return None if key else "its key is empty"
