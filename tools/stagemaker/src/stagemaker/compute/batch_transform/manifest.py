"""Find a data source's S3 objects, which have a common key prefix or are listed in a manifest."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files import transfers
from stagemaker.compute.files.output_files import StopCheck, ignore

MAX_MANIFEST_BYTES = 64 << 20


@dataclass(frozen=True)
class SourceObject:
    """An object in S3. name: its key relative to the prefix's folder, used to name the output."""

    bucket: str
    key: str
    name: str


def source_objects(s3: Any, source: dict[str, Any], raise_if_stopping: StopCheck = ignore) -> list[SourceObject]:
    """Return the objects that an S3DataSource's prefix or manifest selects. Raises JobFailed if one is missing."""
    if source["S3DataType"] == "ManifestFile":
        return _manifest_objects(s3, source["S3Uri"], raise_if_stopping)
    bucket, prefix = transfers.parse(source["S3Uri"])
    folder = prefix[: prefix.rfind("/") + 1]

    def name(key: str) -> str:
        is_folder = key.startswith(f"{prefix}/")
        return key.removeprefix(prefix).lstrip("/") if is_folder else key.removeprefix(folder)

    return [SourceObject(bucket, key, name(key)) for key, _ in transfers.objects_below(s3, source["S3Uri"])]


def _manifest_objects(s3: Any, uri: str, raise_if_stopping: StopCheck) -> list[SourceObject]:
    """Return the objects listed in a manifest: a JSON array of {"prefix": S3 URI}, then the rest of each URI."""
    entries = _read_manifest(s3, uri)
    prefix = entries[0].get("prefix") if entries and isinstance(entries[0], dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://"):
        raise JobFailed(f"ClientError: The manifest '{uri}' does not begin with an object whose prefix is an S3 URI")
    names = entries[1:]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise JobFailed(f"ClientError: The manifest '{uri}' must list the names of objects after its prefix")
    if outside_names := [name for name in names if ".." in name.split("/")]:
        raise JobFailed(f"ClientError: The manifest '{uri}' lists '{outside_names[0]}': '..' cannot be part of a name")
    # two objects with the same name would have the same output
    if repeated_names := [name for name, occurrences in Counter(names).items() if occurrences > 1]:
        raise JobFailed(f"ClientError: The manifest '{uri}' lists '{repeated_names[0]}' more than once")
    objects = []
    for name in names:
        raise_if_stopping()
        bucket, key = transfers.parse(prefix + name)
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError, UnicodeError) as error:
            raise JobFailed(
                f"ClientError: '{prefix}{name}', listed in the manifest '{uri}', could not be read: {error}"
            ) from None
        objects.append(SourceObject(bucket, key, name))
    return objects


def _read_manifest(s3: Any, uri: str) -> list[Any]:
    bucket, key = transfers.parse(uri)
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
        content = response["Body"].read(MAX_MANIFEST_BYTES + 1)
    except (ClientError, BotoCoreError) as error:
        raise JobFailed(f"ClientError: The manifest '{uri}' could not be read: {error}") from None
    if len(content) > MAX_MANIFEST_BYTES:
        raise JobFailed(f"ClientError: The manifest '{uri}' is larger than {MAX_MANIFEST_BYTES >> 20} MiB")
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise JobFailed(f"ClientError: The manifest '{uri}' is not valid JSON: {error}") from None
    if not isinstance(entries, list):
        raise JobFailed(f"ClientError: The manifest '{uri}' is not a JSON array")
    return entries
