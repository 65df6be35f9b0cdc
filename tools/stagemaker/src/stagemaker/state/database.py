"""An SQLite database in a file or in memory. Calls that change it return only once the change is on disk."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

APPLICATION_ID = 0x7265636F  # "reco" in ASCII: SQLite's ID for the application that a file belongs to
LAYOUT = 3  # the number of the schema, which is stored in the file
SCHEMA = """
CREATE TABLE records (
    position INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL,
    internal TEXT NOT NULL DEFAULT '{}', revision INTEGER NOT NULL DEFAULT 1, UNIQUE (kind, key)
);
CREATE TABLE buckets (name TEXT PRIMARY KEY, account TEXT NOT NULL, partition TEXT NOT NULL, region TEXT NOT NULL);
CREATE TABLE objects (
    bucket TEXT, key TEXT, attributes TEXT NOT NULL, size INTEGER NOT NULL, content BLOB, file TEXT,
    PRIMARY KEY (bucket, key)
);
"""
FIXES = {
    "FULL": "the disk is full; free some space and repeat the request",
    "READONLY": "it cannot be written to; allow this user to write to the file and its folder, or use another folder",
    "CANTOPEN": "it cannot be opened; allow this user to read and write the file and its folder, or use another folder",
    "NOTADB": "it is damaged or is not a simulator database; restore it from a backup, or use another folder",
    "CORRUPT": "it is damaged; restore it from a backup, or use another folder",
    "BUSY": "another program is using it; close that program",
    "IOERR": "it could not be read or written; check the disk and its free space",
}


class Database:
    """An SQLite database that threads can share. Changes are serialised. Reads need not wait for a change in progress.

    Every file error is raised as an OSError whose one-line message states the file, the problem and the fix.
    """

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection | None, path: Path | None):
        self.path = path
        self._writer, self._write_lock = writer, threading.RLock()
        self._reader, self._read_lock = reader or writer, threading.RLock() if reader else self._write_lock

    @classmethod
    def open_in_memory(cls) -> "Database":
        connection = _connect(":memory:")
        _create_tables(connection)
        return cls(connection, None, None)

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open a file, or create it if it does not exist.

        Raises OSError, without changing the file, if it cannot be used.
        """
        with contextlib.ExitStack() as exit_stack, _convert_errors(path):
            if not path.exists():
                _create(path)
            _check(path)
            writer = exit_stack.enter_context(contextlib.closing(_connect(path)))
            writer.execute("BEGIN IMMEDIATE")  # fails if the file is not writable
            writer.execute("COMMIT")
            reader = exit_stack.enter_context(contextlib.closing(_connect(path)))
            exit_stack.pop_all()
        return cls(writer, reader, path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Apply all changes made in the context, or none. Nested transactions of a thread join the outermost one."""
        with self._write_lock, _convert_errors(self.path):
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def read(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a SELECT, which sees committed changes and this thread's own uncommitted changes."""
        with _convert_errors(self.path):
            if self._write_lock.acquire(blocking=False):
                connection, lock = self._writer, self._write_lock
            else:  # another thread may be writing, and waiting for the disk
                self._read_lock.acquire()
                connection, lock = self._reader, self._read_lock
            try:
                return connection.execute(statement, values).fetchall()
            finally:
                lock.release()

    def close(self) -> None:
        with self._write_lock, self._read_lock, _convert_errors(self.path):
            self._reader.close()
            self._writer.close()


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk; otherwise a crash could lose a new or renamed file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _create_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(SCHEMA)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def _create(path: Path) -> None:
    """Create a database under another name and rename it, so that the file at `path` is never incomplete."""
    new_path = path.with_name(f"{path.name}.new")
    for incomplete_path in path.parent.glob(f"{new_path.name}*"):
        incomplete_path.unlink()
    with contextlib.closing(_connect(new_path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        _create_tables(connection)
    new_path.replace(path)
    sync_folder(path.parent)


def _check(path: Path) -> None:
    if not path.is_file():
        raise OSError(f"{path}: {FIXES['CANTOPEN']}")
    # A rejected file must stay unchanged. Closing a writable one would apply the changes in its -wal file.
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        application_id, layout = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if application_id != APPLICATION_ID or layout < 1:
            raise OSError(f"{path}: {FIXES['NOTADB']}")
        if layout != LAYOUT:
            raise OSError(f"{path}: another version of stagemaker wrote it; use that version, or another folder")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise OSError(f"{path}: {FIXES['CORRUPT']}")


@contextlib.contextmanager
def _convert_errors(path: Path | None) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
        if kind not in FIXES:
            raise
        raise OSError(f"{path}: {FIXES[kind]} ({error})") from error
