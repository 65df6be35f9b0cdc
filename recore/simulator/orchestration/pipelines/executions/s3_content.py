"""What objects on S3 hold, in a form that can be compared: archives by their files, because gzip adds the time."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.simulator.compute.jobs import archives, transfers
from recore.simulator.compute.jobs.failure import JobFailed
from recore.simulator.compute.jobs.output_files import Check

ARCHIVES = (".tar.gz", ".tgz")
# of an archive that is read; of a larger one, the bytes are compared instead
LARGEST_ARCHIVE, LARGEST_CONTENT, MOST_FILES = 256 << 20, 1 << 30, 50_000
COMPILED = "__pycache__"  # whose files hold the time of their sources


def objects(s3: Any, uri: str) -> dict[str, str]:
    """The ETags of all objects whose key begins with the URI's, by their keys; empty where there are none."""
    bucket, prefix = transfers.parse(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    try:
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}
    except (ClientError, BotoCoreError):  # an address need not be one of a bucket here
        return {}


def content(s3: Any, uri: str, check: Check) -> dict[str, str] | None:
    """What stands for the contents below a URI, by the names that a job's files would have; None where nothing is.

    check: called now and then; it raises where the work must end.
    """
    bucket, prefix = transfers.parse(uri)
    found: dict[str, str] = {}
    for key, tag in objects(s3, uri).items():
        name = key[len(prefix) :] if key != prefix and prefix.endswith("/") else key[prefix.rfind("/") + 1 :]
        if not key.endswith("/") and COMPILED not in name.split("/"):
            below = key[len(prefix) :].lstrip("/") if key.startswith(f"{prefix}/") else name
            found[below] = (_archive(s3, bucket, key, check) if key.endswith(ARCHIVES) else None) or tag
    return found or None


def _archive(s3: Any, bucket: str, key: str, check: Check) -> str | None:
    """A digest of the files in an archive; None where it is too large or not an archive."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "archive")
        try:
            if s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > LARGEST_ARCHIVE:
                return None
            transfers.download_file(s3, bucket, key, path, check)
            return _digest(path, check)
        except (JobFailed, ClientError, BotoCoreError, *archives.MALFORMED):
            return None


def _digest(path: Path, check: Check) -> str | None:
    """Names, types, rights and contents of an archive's members. Raises where it cannot be read."""
    members: dict[str, str] = {}
    size = 0
    for number, (tar, member) in enumerate(archives.members(path, check)):
        size += member.size
        if size > LARGEST_CONTENT or number >= MOST_FILES:
            return None
        if COMPILED in member.name.split("/"):
            continue
        file, digest = tar.extractfile(member) if member.isreg() else None, hashlib.sha256()
        while file and (chunk := file.read(1 << 20)):
            digest.update(chunk)
        described = f"{member.type!r} {member.linkname} {member.mode & 0o111:o} {digest.hexdigest()}"
        members[member.name] = described
    return hashlib.sha256(repr(sorted(members.items())).encode()).hexdigest()
