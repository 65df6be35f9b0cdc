"""A simulator with a state folder in a separate process, and the contents of that folder."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from stagemaker.server import BUCKET
from stagemaker_support.checkout import ROOT, full_disk_environment

Snapshot = dict[str, dict[str, bytes]]  # contents of objects by bucket and key


class SimulatorProcess:
    """`stagemaker start` as a process that can be killed. Simulators in the same process would share S3."""

    errors: int | None = subprocess.DEVNULL

    def __init__(self, *options: object, **variables: str):
        command = [sys.executable, "-m", "stagemaker", "start", "--isolation", "off", "--json", *map(str, options)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=full_disk_environment() | variables,  # some tests limit how much the process may write
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout
        self.endpoint = json.loads(self.process.stdout.readline())["AWS_ENDPOINT_URL"]
        self.port = urllib.parse.urlsplit(self.endpoint).port

    def client(self, service: str, **arguments: Any) -> Any:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", **keys | arguments)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=120)


@contextlib.contextmanager
def running(*options: object) -> Iterator[SimulatorProcess]:
    simulator = SimulatorProcess(*options)
    try:
        yield simulator
    finally:
        simulator.kill()


def objects_of(s3: Any) -> Snapshot:
    snapshot: Snapshot = {}
    for name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        snapshot[name] = {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}
    return without_empty_default_bucket(snapshot)


def stored_objects(folder: Path) -> Snapshot:
    with contextlib.closing(sqlite3.connect(folder / "state.sqlite")) as connection:
        stored: Snapshot = {name: {} for (name,) in connection.execute("SELECT name FROM buckets")}
        rows = connection.execute("SELECT bucket, key, content, file FROM objects").fetchall()
    for bucket, key, content, file in rows:
        stored[bucket][key] = (folder / "s3" / file).read_bytes() if file else content
    return without_empty_default_bucket(stored)


def without_empty_default_bucket(objects: Snapshot) -> Snapshot:
    return {name: value for name, value in objects.items() if value or name != BUCKET}
