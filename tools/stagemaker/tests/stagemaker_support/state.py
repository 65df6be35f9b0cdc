"""The contents of a state folder, and the S3 objects of a simulator that uses one."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from stagemaker.server import BUCKET
from stagemaker_support.simulator_process import SimulatorProcess, running

__all__ = ["SimulatorProcess", "objects_of", "running", "stored_objects"]
Snapshot = dict[str, dict[str, bytes]]  # the objects' contents, by bucket and key


def objects_of(s3: Any) -> Snapshot:
    snapshot: Snapshot = {}
    for name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        snapshot[name] = {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}
    return drop_empty_bucket(snapshot)


def stored_objects(folder: Path) -> Snapshot:
    with contextlib.closing(sqlite3.connect(folder / "state.sqlite")) as connection:
        snapshot: Snapshot = {name: {} for (name,) in connection.execute("SELECT name FROM buckets")}
        rows = connection.execute("SELECT bucket, key, content, file FROM objects").fetchall()
    for bucket, key, content, file in rows:
        snapshot[bucket][key] = (folder / "s3" / file).read_bytes() if file else content
    return drop_empty_bucket(snapshot)


def drop_empty_bucket(objects: Snapshot) -> Snapshot:
    return {name: value for name, value in objects.items() if value or name != BUCKET}
