"""S3 buckets and objects on disk: database rows, and a file for the content of each large object."""

import contextlib
import os
import threading
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from stagemaker.services.s3_changes import Change
from stagemaker.state.database import FIXES, Database, sync_folder
from stagemaker.state.records import from_json, to_json

MAX_BYTES_IN_DATABASE = 64 << 10  # larger contents go to files; writing a row waits for the disk once, a file 3 times


class StoredObjects:
    """Copies of moto's objects on disk, from which moto's objects are restored.

    Only an object's latest version is stored: its content, metadata, storage class, ETag, checksum and time. Each large
    content is written to a file with a new name, so that a row always refers to a complete file.
    """

    def __init__(self, database: Database, folder: Path):
        self._database = database
        self._folder = folder
        self._buckets: dict[str, Any] = {}  # moto's buckets that are on disk
        # Only one request at a time stores a key. Keys share locks, which are acquired in the order of this list.
        self._key_locks = [threading.Lock() for _ in range(64)]

    def check(self) -> None:
        """Raise OSError if an object's file is missing or has the wrong size."""
        with self._database.transaction() as connection:
            rows = "SELECT bucket, key, size, file FROM objects WHERE file IS NOT NULL"
            for bucket, key, size, file in connection.execute(rows):
                with self._open(bucket, key, size, file):
                    pass

    def restore(self) -> None:
        """Copy the stored buckets and objects to moto. Raises OSError if a file is missing or has the wrong size."""
        from stagemaker.services.moto_inside.s3 import make_s3_bucket, put_s3_object

        files = set()
        with self._database.transaction() as connection:
            for name, account, partition, region in connection.execute("SELECT * FROM buckets"):
                self._buckets[name] = make_s3_bucket(name, account, partition, region)
            rows = "SELECT bucket, key, attributes, size, content, file FROM objects JOIN buckets ON bucket = name"
            for bucket, key, attributes, size, content, file in connection.execute(rows):
                files.add(file)
                value = self._content(bucket, key, size, file) if file else content
                put_s3_object(self._buckets[bucket], key, value, from_json(attributes))
        # remove files of requests that were interrupted before their rows were stored
        self._unlink(path.name for path in self._folder.iterdir() if path.name not in files)

    def store_buckets(self) -> None:
        """Store new buckets, and delete buckets that moto no longer has. Returns when the changes are on disk."""
        from stagemaker.services.moto_inside.s3 import s3_buckets

        if s3_buckets() == self._buckets:
            return
        with contextlib.ExitStack() as locks:
            for lock in self._key_locks:
                locks.enter_context(lock)
            buckets = s3_buckets()
            deleted_buckets = [name for name, bucket in self._buckets.items() if buckets.get(name) is not bucket]
            with self._database.transaction() as connection:
                files = []
                for name in deleted_buckets:
                    files += connection.execute("SELECT file FROM objects WHERE bucket = ?", (name,)).fetchall()
                    connection.execute("DELETE FROM objects WHERE bucket = ?", (name,))
                    connection.execute("DELETE FROM buckets WHERE name = ?", (name,))
                for name, bucket in buckets.items():
                    row = (name, bucket.account_id, bucket.partition, bucket.region_name)
                    connection.execute("INSERT INTO buckets VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
            self._buckets = buckets
            self._unlink(file for (file,) in files)

    def store(self, changes: Iterable[Change]) -> None:
        """Store moto's current objects under the changed keys. Returns when the changes are on disk.

        Raises OSError if the disk is full.
        """
        from stagemaker.services.moto_inside.s3 import s3_buckets

        names = {id(bucket.keys): name for name, bucket in s3_buckets().items()}
        keys = {(names[id(watched_keys)], key) for watched_keys, key in changes if id(watched_keys) in names}
        written_files: list[str] = []
        with contextlib.ExitStack() as locks:
            for index in sorted({hash(key) % len(self._key_locks) for key in keys}):
                locks.enter_context(self._key_locks[index])
            try:
                rows = [self._row(bucket, key, written_files) for bucket, key in keys]
                if written_files:
                    sync_folder(self._folder)
                replaced_files = self._replace(keys, [row for row in rows if row])
            except BaseException:
                self._unlink(written_files)
                raise
            self._unlink(replaced_files)

    def _replace(self, keys: set[tuple[str, str]], rows: list[tuple[Any, ...]]) -> list[str | None]:
        files = []
        with self._database.transaction() as connection:
            for key in keys:
                files += connection.execute("SELECT file FROM objects WHERE bucket = ? AND key = ?", key).fetchall()
                connection.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", key)
            connection.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", rows)
        return [file for (file,) in files]

    def _row(self, bucket: str, key: str, written_files: list[str]) -> tuple[Any, ...] | None:
        """Return an object's row, or None if the object does not exist.

        Write large content to a new file, and append its name to `written_files`."""
        from stagemaker.services.moto_inside.s3 import read_s3_object

        result = read_s3_object(bucket, key)
        if result is None:
            return None
        value, attributes = result
        row = (bucket, key, to_json(attributes), len(value))
        if len(value) <= MAX_BYTES_IN_DATABASE:
            return *row, value, None
        written_files.append(uuid.uuid4().hex)
        path = self._folder / written_files[-1]
        try:
            with open(path, "xb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(f"{path}: {FIXES['IOERR']} ({error.strerror})") from error
        return *row, None, path.name

    def _content(self, bucket: str, key: str, size: int, file: str) -> bytes:
        with self._open(bucket, key, size, file) as content:
            return content.read()

    def _open(self, bucket: str, key: str, size: int, file: str) -> IO[bytes]:
        path, fix = self._folder / file, "restore the folder from a backup, or use another folder"
        try:
            content = open(path, "rb")  # noqa: SIM115 - the caller closes it
        except OSError as error:
            raise OSError(f"{path}: s3://{bucket}/{key} could not be read ({error.strerror}); {fix}") from error
        if (actual_size := os.fstat(content.fileno()).st_size) != size:
            content.close()
            raise OSError(f"{path}: s3://{bucket}/{key} has {actual_size} instead of {size} bytes; {fix}")
        return content

    def _unlink(self, files: Iterable[str | None]) -> None:
        for file in files:
            with contextlib.suppress(OSError):  # the next `restore` removes remaining files
                if file:
                    (self._folder / file).unlink(missing_ok=True)
