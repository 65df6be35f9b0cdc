"""An SQLite database, in a file or in memory. A change is on the disk when the call that made it returns."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recore.simulator.state.layouts import LAYOUT, SCHEMA, migrate

APPLICATION = 0x7265636F  # "reco" in ASCII, in SQLite's field for the program that a file belongs to
REMEDIES = {
    "FULL": "the disk is full: free space and repeat the request",
    "READONLY": "it is not writable: allow this user to write the file and its folder, or use another folder",
    "CANTOPEN": "it cannot be opened: allow this user to read and write it and its folder, or use another folder",
    "NOTADB": "it is damaged, or not a database of the simulator: restore it from a backup, or use another folder",
    "CORRUPT": "it is damaged: restore it from a backup, or use another folder",
    "BUSY": "another program uses it: close that program",
    "IOERR": "it could not be read or written: check the disk and its free space",
}


class Database:
    """SQLite for several threads. Changes take turns; reading does not wait for a change that is being written.

    Every error of the file is an OSError whose message is one line: the file, what is wrong, and what to do.
    """

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection | None, path: Path | None):
        self.path = path
        self._writer, self._writing = writer, threading.RLock()
        self._reader, self._reading = reader or writer, threading.RLock() if reader else self._writing

    @classmethod
    def in_memory(cls) -> "Database":
        connection = _connect(":memory:")
        _create_tables(connection)
        return cls(connection, None, None)

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open a file, or create it. A file of an older layout is migrated.

        Raises OSError if it cannot be used; the file is then unchanged.
        """
        with contextlib.ExitStack() as opened, _errors(path):
            if not path.exists():
                _create(path)
            writer = opened.enter_context(contextlib.closing(_connect(path)))
            _check_and_migrate(writer, path)
            reader = opened.enter_context(contextlib.closing(_connect(path)))
            opened.pop_all()
        return cls(writer, reader, path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make several changes, all or none. Inside a transaction of the same thread, this joins that transaction."""
        with self._writing, _errors(self.path):
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
        """Return the rows of a SELECT, which sees committed changes and those of this thread's transaction."""
        with _errors(self.path):
            if self._writing.acquire(blocking=False):
                connection, lock = self._writer, self._writing
            else:  # another thread may be waiting for the disk
                self._reading.acquire()
                connection, lock = self._reader, self._reading
            try:
                return connection.execute(statement, values).fetchall()
            finally:
                lock.release()

    def close(self) -> None:
        """Close the file, after the transaction and the read in progress."""
        with self._writing, self._reading, _errors(self.path):
            self._reader.close()
            self._writer.close()


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk: a new or renamed file could otherwise be lost."""
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
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def _create(path: Path) -> None:
    """Create a file under another name first, so that an empty file under its own name is always a damaged one."""
    new = path.with_name(f"{path.name}.new")
    for incomplete in path.parent.glob(f"{new.name}*"):
        incomplete.unlink()
    with contextlib.closing(_connect(new)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        _create_tables(connection)
    new.replace(path)
    sync_folder(path.parent)


def _check_and_migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate a database of an older layout. Raises OSError if a file is damaged, foreign, newer or not writable."""
    # A refused file must stay unchanged: otherwise closing it would copy the changes in its -wal file into it.
    connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
    application, layout = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application != APPLICATION or layout < 1:
        raise OSError(f"{path}: {REMEDIES['NOTADB']}")
    if layout > LAYOUT:
        raise OSError(f"{path}: a newer version of recore wrote it: use that version, or another folder")
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise OSError(f"{path}: {REMEDIES['CORRUPT']}")
    connection.execute("BEGIN IMMEDIATE")
    if layout < LAYOUT:
        try:
            migrate(connection, layout)
        except ValueError as error:  # a record is not JSON
            raise OSError(f"{path}: {REMEDIES['CORRUPT']}") from error
    connection.execute("COMMIT")
    connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, False)


@contextlib.contextmanager
def _errors(path: Path | None) -> Iterator[None]:
    """Raise OSError with a remedy for SQLite's errors."""
    try:
        yield
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
        if kind not in REMEDIES:
            raise
        raise OSError(f"{path}: {REMEDIES[kind]} ({error})") from error
