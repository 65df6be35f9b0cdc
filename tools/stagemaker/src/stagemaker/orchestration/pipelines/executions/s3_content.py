"""Digests of S3 objects. Archives are compared by their files, because gzip stores the time of compression."""

import hashlib
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker import locked
from stagemaker.archive_members import ARCHIVE_ERRORS, read_members
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files import transfers
from stagemaker.compute.files.output_files import Check

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz")
Limits = tuple[int, int, int]
ARCHIVE_LIMITS = 256 << 20, 1 << 30, 50_000  # bytes, bytes of content, files
PYCACHE_FOLDER = "__pycache__"  # a folder whose files contain the modification times of their sources


def etags_below(s3: Any, uri: str) -> dict[str, str]:
    bucket, prefix = transfers.parse(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}
    except (ClientError, BotoCoreError):  # the URI may name a bucket that does not exist
        return {}


def content_digests(s3: Any, uri: str, check: Check, limits: Limits = ARCHIVE_LIMITS) -> dict[str, str] | None:
    """Return a digest of each object below a URI, or None if there are no objects.

    The digests' keys are the names that the objects' files have in a job. limits: of an archive that is read; a larger
    one is compared by its ETag.
    """
    bucket, prefix = transfers.parse(uri)
    digests: dict[str, str] = {}
    for key, etag in etags_below(s3, uri).items():
        name = key[len(prefix) :] if key != prefix and prefix.endswith("/") else key[prefix.rfind("/") + 1 :]
        if not key.endswith("/") and PYCACHE_FOLDER not in name.split("/"):
            relative = key[len(prefix) :].lstrip("/") if key.startswith(f"{prefix}/") else name
            digests[relative] = (
                _archive_digest(s3, bucket, key, check, limits) if key.endswith(ARCHIVE_SUFFIXES) else None
            ) or etag
    return digests or None


def _archive_digest(s3: Any, bucket: str, key: str, check: Check, limits: Limits) -> str | None:
    with locked.temporary_folder("stagemaker-content-") as folder:
        path = Path(folder, "archive")
        try:
            if s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > limits[0]:
                return None
            transfers.download_file(s3, bucket, key, path, check)
            return _members_digest(path, check, *limits[1:])
        except (JobFailed, ClientError, BotoCoreError, *ARCHIVE_ERRORS):
            return None


def _members_digest(path: Path, check: Check, max_size: int, max_files: int) -> str | None:
    members: dict[str, str] = {}
    size = 0
    for number, (tar, member) in enumerate(read_members(path, check)):
        size += member.size
        if size > max_size or number >= max_files:
            return None
        if PYCACHE_FOLDER in member.name.split("/"):
            continue
        file, digest = tar.extractfile(member) if member.isreg() else None, hashlib.sha256()
        while file and (chunk := file.read(1 << 20)):
            digest.update(chunk)
        members[member.name] = f"{member.type!r} {member.linkname} {member.mode & 0o111:o} {digest.hexdigest()}"
    return hashlib.sha256(repr(sorted(members.items())).encode()).hexdigest()
