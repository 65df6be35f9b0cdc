"""S3 on disk: every object is in a folder before the request that wrote it is answered, and comes back from there."""

import fcntl
import hashlib
import json
import os
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.s3.models import s3_backends

from recore.simulator.store import write_through

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class State:
    """A folder that outlives a simulator: `records/` of its resources, `s3/` of its objects.

    Raises OSError where another simulator uses the folder.
    """

    def __init__(self, folder: Path):
        (folder / "records").mkdir(parents=True, exist_ok=True)
        (folder / "s3").mkdir(exist_ok=True)
        self.records = folder / "records"
        self._s3 = folder / "s3"
        self._lock = threading.Lock()
        self._ready = False  # what restore itself puts back is on the disk already
        self._kept: dict[tuple[str, str], tuple[Any, Path]] = {}
        self._in_use = open(folder / "lock", "w")  # noqa: SIM115 - open as long as the folder is in use
        try:
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{folder} is in use by another simulator") from None

    def restore(self, s3: Any) -> None:
        """Put buckets and objects back, by an S3 client."""
        for bucket in sorted(self._s3.iterdir()):
            name = urllib.parse.unquote(bucket.name)
            s3.create_bucket(Bucket=name)
            for path in sorted(bucket.glob("*.json")):
                entry = json.loads(path.read_text("utf-8"))
                with open(bucket / entry["content"], "rb") as content:
                    s3.put_object(Bucket=name, Key=entry["key"], Body=content, **entry["arguments"])
        with self._lock:
            for bucket_name, key, found in _objects():
                self._kept[bucket_name, key] = (found, self._entry(bucket_name, key))
        self._ready = True

    def keep(self) -> None:
        """Write what S3 holds now and the folder does not, and remove what it no longer holds."""
        with self._lock:
            buckets = {name for account in list(s3_backends.keys()) for name in s3_backends[account]["aws"].buckets}
            for name in buckets:
                (self._s3 / urllib.parse.quote(name, safe="")).mkdir(exist_ok=True)
            present = {}
            for bucket, key, found in _objects():
                present[bucket, key] = found
                if (bucket, key) not in self._kept or self._kept[bucket, key][0] is not found:
                    self._write(bucket, key, found)
            for gone in self._kept.keys() - present.keys():
                self._remove(self._kept.pop(gone)[1])
            for folder in self._s3.iterdir():
                if urllib.parse.unquote(folder.name) not in buckets:
                    for path in folder.iterdir():
                        path.unlink()
                    folder.rmdir()

    def write_through(self, application: Wsgi) -> Wsgi:
        """An application whose answers to what may change S3 come after the change is on the disk."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            changes = environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE")
            body = application(environ, start_response)
            if not self._ready or not changes or "/s3/" not in environ.get("HTTP_AUTHORIZATION", "/s3/"):
                return body
            whole = list(body)
            self.keep()
            return whole

        return answer

    def close(self) -> None:
        self._in_use.close()

    def _entry(self, bucket: str, key: str) -> Path:
        return self._s3 / urllib.parse.quote(bucket, safe="") / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _write(self, bucket: str, key: str, found: Any) -> None:
        """The content under a name of its own first, then the entry that names it: whole whenever it is seen."""
        entry = self._entry(bucket, key)
        older = json.loads(entry.read_text("utf-8"))["content"] if entry.exists() else None
        content = f"{entry.stem}.{os.urandom(6).hex()}"
        write_through(entry.with_name(content), found.value)
        metadata = dict(found.metadata)
        arguments = {
            "ContentType": metadata.get("content-type", "binary/octet-stream"),
            "Metadata": {
                name.removeprefix("x-amz-meta-"): value
                for name, value in metadata.items()
                if name.startswith("x-amz-meta-")
            },
        }
        write_through(entry, json.dumps({"key": key, "content": content, "arguments": arguments}).encode())
        if older:
            entry.with_name(older).unlink(missing_ok=True)
        self._kept[bucket, key] = (found, entry)

    @staticmethod
    def _remove(entry: Path) -> None:
        if entry.exists():
            content = json.loads(entry.read_text("utf-8"))["content"]
            entry.unlink()
            entry.with_name(content).unlink(missing_ok=True)


def _objects() -> list[tuple[str, str, Any]]:
    """Every object of every bucket: bucket, key, moto's object, which is another one after each write."""
    found = []
    for account in list(s3_backends.keys()):
        for name, bucket in list(s3_backends[account]["aws"].buckets.items()):
            found += [(name, key, item) for key, item in list(bucket.keys.items()) if hasattr(item, "value")]
    return found
