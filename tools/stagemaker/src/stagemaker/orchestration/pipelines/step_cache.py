"""The cache of step results. A result is reused for an equal request if it is new enough and unchanged on S3.

The key of a result is a digest of the step's request, with S3 URIs replaced by digests of their contents.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker import locked
from stagemaker.archive_members import ARCHIVE_ERRORS, read_members
from stagemaker.compute.batch_transform.manifest import source_objects
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files import transfers
from stagemaker.compute.files.output_files import StopCheck
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.pipelines.step import PipelineStep
from stagemaker.state.records import Record, now

UNCACHED_MEMBERS = ("RoleArn", "Tags", "ExperimentConfig")  # members of all requests that do not affect the result
# members of a model that do not affect its predictions
UNCACHED_MODEL_MEMBERS = {"ModelName", "ModelArn", "CreationTime", "LastModifiedTime", "ExecutionRoleArn"}
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")
Limits = tuple[int, int, int]
ARCHIVE_LIMITS = 256 << 20, 1 << 30, 50_000  # of the archive's bytes, the content's bytes, and the files
PYCACHE_FOLDER = "__pycache__"  # a folder whose files contain the modification times of their sources
ContentReader = Callable[[str], Any]  # returns the digests of the objects below an S3 URI, or None if it has no objects


class StepCache:
    """The cached results of one pipeline."""

    def __init__(self, platform: Platform, pipeline: str, raise_if_stopping: Callable[[], None]):
        self._platform, self._store, self._raise_if_stopping = platform, platform.store, raise_if_stopping
        self._kind = cache_kind(pipeline)
        self._content_digests = cache(lambda uri: content_digests(platform.s3, uri, raise_if_stopping))

    def forget_contents(self) -> None:
        """Forget the digests of S3 objects. Called before each group of steps, because steps often share objects."""
        self._content_digests.cache_clear()

    def key(self, step: PipelineStep, request: Record) -> str:
        description = dict(request)
        if model := self._store.get("Model", request.get("ModelName", "")):  # its name differs in each execution
            affecting = model.keys() - UNCACHED_MODEL_MEMBERS
            description["ModelName"] = {name: model[name] for name in affecting}
        source = request.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource", {})
        if source.get("S3DataType") == "ManifestFile":
            description["Named"] = self._manifest_objects(source)
        digest = cache_key(description, (*step.request_type.uncached, *UNCACHED_MEMBERS), self._content_digests)
        return f"{step.name}/{step.type.name}/{digest}"

    def _manifest_objects(self, source: Record) -> list[Any]:
        with contextlib.suppress(JobFailed):  # the job will report the problem
            return [
                (item.bucket, item.key, etags_below(self._platform.s3, f"s3://{item.bucket}/{item.key}").get(item.key))
                for item in source_objects(self._platform.s3, source, self._raise_if_stopping)
            ]
        return []

    def find(self, step: PipelineStep, key: str) -> Record | None:
        """Return an earlier result that can be reused (an execution's ARN, properties and metadata), or None."""
        entry = self._store.get(self._kind, key)
        if entry is None or (step.cache.max_age is not None and now() - entry["Time"] > step.cache.max_age):
            return None
        for uri, cached_etags in entry["Objects"].items():
            etags = etags_below(self._platform.s3, uri)
            if any(etags.get(name) != etag for name, etag in cached_etags.items()):
                return None
        return entry

    def add(self, step: PipelineStep, key: str, execution: str, properties: Any, metadata: Record) -> None:
        etags = {uri: self._output_etags(uri) for uri in step.request_type.outputs(properties)}
        result = {"SourcePipelineExecutionArn": execution, "Properties": properties, "Metadata": metadata}
        entry = {"Time": now(), "Objects": etags} | result
        self._store.change(self._kind, key, lambda _: entry, {})

    def _output_etags(self, uri: str) -> dict[str, str]:
        key = transfers.parse(uri)[1].rstrip("/")
        etags = etags_below(self._platform.s3, uri).items()
        return {name: etag for name, etag in etags if name == key or name.startswith(f"{key}/")}


def cache_kind(pipeline: str) -> str:
    return f"PipelineCache {pipeline}"


def cache_key(request: dict[str, Any], ignored_paths: tuple[str, ...], contents: ContentReader) -> str:
    """Return a digest of a request without the members that do not affect its result.

    ignored_paths: the paths of these members. Each S3 URI, even inside a hyperparameter's JSON string, is replaced by
    digests of its contents.
    """
    remaining = request
    for path in ignored_paths:
        remaining = _remove_path(remaining, path.split("."))
    encoded = json.dumps(_replace_uris(remaining, contents), sort_keys=True, default=str)
    return hashlib.sha256(encoded.encode()).hexdigest()


def _remove_path(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        return [_remove_path(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    remaining = {name: item for name, item in value.items() if name != path[0]}
    return remaining if len(path) == 1 else remaining | {path[0]: _remove_path(value[path[0]], path[1:])}


def _replace_uris(value: Any, contents: ContentReader) -> Any:
    if isinstance(value, dict):
        return {name: _replace_uris(item, contents) for name, item in value.items()}
    if isinstance(value, list):
        return [_replace_uris(item, contents) for item in value]
    if isinstance(value, str) and transfers.is_address(uri := value.strip('"')):
        digests = contents(uri)
        return value if digests is None else {"content": digests}
    return value


def etags_below(s3: Any, uri: str) -> dict[str, str]:
    bucket, prefix = transfers.parse(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}
    except (ClientError, BotoCoreError):  # the bucket may not exist
        return {}


def content_digests(
    s3: Any, uri: str, raise_if_stopping: StopCheck, limits: Limits = ARCHIVE_LIMITS
) -> dict[str, str] | None:
    """Return digests of the objects below a URI, by the files' names in a job, or None if no object exists.

    limits: the limits on archives whose members are compared; larger archives are compared by their ETags.
    """
    bucket, prefix = transfers.parse(uri)
    digests: dict[str, str] = {}
    for key, etag in etags_below(s3, uri).items():
        name = key[len(prefix) :] if key != prefix and prefix.endswith("/") else key[prefix.rfind("/") + 1 :]
        if not key.endswith("/") and PYCACHE_FOLDER not in name.split("/"):
            relative_path = key[len(prefix) :].lstrip("/") if key.startswith(f"{prefix}/") else name
            digests[relative_path] = (
                _archive_digest(s3, bucket, key, raise_if_stopping, limits) if key.endswith(ARCHIVE_SUFFIXES) else None
            ) or etag
    return digests or None


def _archive_digest(s3: Any, bucket: str, key: str, raise_if_stopping: StopCheck, limits: Limits) -> str | None:
    with locked.temporary_folder("stagemaker-content-") as folder:
        path = Path(folder, "archive")
        try:
            if s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > limits[0]:
                return None
            transfers.download_file(s3, bucket, key, path, raise_if_stopping)
            return _members_digest(path, raise_if_stopping, *limits[1:])
        except (JobFailed, ClientError, BotoCoreError, *ARCHIVE_ERRORS):
            return None


def _members_digest(path: Path, raise_if_stopping: StopCheck, max_size: int, max_files: int) -> str | None:
    members: dict[str, str] = {}
    size = 0
    for index, (tar, member) in enumerate(read_members(path, raise_if_stopping)):
        size += member.size
        if size > max_size or index >= max_files:
            return None
        if PYCACHE_FOLDER in member.name.split("/"):
            continue
        file, digest = tar.extractfile(member) if member.isreg() else None, hashlib.sha256()
        while file and (chunk := file.read(1 << 20)):
            digest.update(chunk)
        members[member.name] = f"{member.type!r} {member.linkname} {member.mode & 0o111:o} {digest.hexdigest()}"
    return hashlib.sha256(repr(sorted(members.items())).encode()).hexdigest()
