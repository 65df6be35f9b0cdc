"""A database of resource records by kind and key."""

import datetime
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from stagemaker.protocol.errors import ServiceError
from stagemaker.state.database import Database

Record = dict[str, Any]
MAX_SHARED_RECORDS = 20_000  # records that stay decoded
MAX_SHARED_LENGTH = 4096  # characters of a record that stays decoded


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class StoredRecord(Record):
    """A record from the store: the API's members and, separately, the simulator's internal members.

    internal: members that no response contains. revision: the number of changes to the record, including its creation.
    """

    def __init__(self, members: Record, internal: Record, revision: int):
        super().__init__(members)
        self.internal, self.revision = internal, revision


class Store:
    """A thread-safe store of records by kind and key, in memory unless a database is given.

    A key is any string, such as a name or an ARN. A record contains JSON values and times. Returned records are copies:
    only this class's methods change the stored records.
    """

    def __init__(self, database: Database | None = None):
        self._database = database or Database.open_in_memory()
        self._shared_record = lru_cache(MAX_SHARED_RECORDS)(_stored_record)
        self._is_replaced = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Apply all changes made in the context, or none. Other threads make no changes in the meantime."""
        with self._database.transaction() as connection:
            if self._is_replaced:
                raise ServiceError("ServiceUnavailable", "The simulator was reset in the meantime", 503)
            yield connection

    def add(self, kind: str, key: str, record: Record, internal: Record | None = None) -> bool:
        """Store a new record. Return False if the key is already in use."""
        with self.transaction() as connection:
            statement = "INSERT INTO records (kind, key, record, internal) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            values = (kind, key, to_json(record), to_json(internal or {}))
            return connection.execute(statement, values).rowcount > 0

    def change(
        self, kind: str, key: str, function: Callable[[StoredRecord], Record], default: Record | None = None
    ) -> StoredRecord:
        """Replace a record with the result of a function, as one transaction, and return the new record.

        The function receives a copy of the record or, if it does not exist, of the default. It returns the API's
        members, and may change the copy's internal members. If it raises an error, nothing changes. Raises KeyError if
        neither a record nor a default exists.
        """
        with self.transaction() as connection:
            record = self.get(kind, key)
            if record is None:
                if default is None:
                    raise KeyError(key)
                record = StoredRecord(from_json(to_json(default)), {}, 0)
            columns = to_json(function(record)), to_json(record.internal), record.revision + 1
            connection.execute(
                "INSERT INTO records (kind, key, record, internal, revision) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (kind, key) DO UPDATE SET "
                "record = excluded.record, internal = excluded.internal, revision = excluded.revision",
                (kind, key, *columns),
            )
        return _stored_record(*columns)

    def update(self, kind: str, key: str, internal: Record | None = None, /, **members: Any) -> StoredRecord:
        """Change members of a record and return the new record. Raises KeyError if it does not exist."""

        def add_members(record: StoredRecord) -> Record:
            record.internal |= internal or {}
            return record | members

        return self.change(kind, key, add_members)

    def get(self, kind: str, key: str) -> StoredRecord | None:
        statement = "SELECT record, internal, revision FROM records WHERE kind = ? AND key = ?"
        rows = self._database.read(statement, kind, key)
        return _stored_record(*rows[0]) if rows else None

    def all(self, kind: str) -> list[StoredRecord]:
        return [record for _, record in self.items(kind)]

    def shared(self, kind: str) -> list[StoredRecord]:
        """Return all records of a kind in insertion order. Callers share these objects and must not change them.

        Unchanged records are decoded only once, so that listing thousands page by page stays fast.
        """
        statement = "SELECT record, internal, revision FROM records WHERE kind = ? ORDER BY position"
        return [
            self._shared_record(*columns) if len(columns[0]) <= MAX_SHARED_LENGTH else _stored_record(*columns)
            for columns in self._database.read(statement, kind)
        ]

    def items(self, kind: str) -> list[tuple[str, StoredRecord]]:
        """Return the keys and records of a kind in insertion order."""
        statement = "SELECT key, record, internal, revision FROM records WHERE kind = ? ORDER BY position"
        return [(key, _stored_record(*columns)) for key, *columns in self._database.read(statement, kind)]

    def delete(self, kind: str, key: str) -> bool:
        with self.transaction() as connection:
            return connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0

    def replace(self) -> "Store":
        """Delete all records, and return a store for new ones. The old store then rejects changes."""
        with self._database.transaction() as connection:
            self._is_replaced = True
            connection.execute("DELETE FROM records")
        return Store(self._database)


def _stored_record(record: str, internal: str, revision: int) -> StoredRecord:
    return StoredRecord(from_json(record), from_json(internal), revision)


def to_json(value: Any) -> str:
    """Encode a value, which may contain times, as JSON. Raises TypeError for any other type that JSON lacks."""
    return json.dumps(_encode_times(value))


def from_json(document: str) -> Any:
    return json.loads(document, object_hook=_decode_times)


def _encode_times(value: Any) -> Any:
    """Encode times as objects with one member, $time. Names that begin with $ are escaped with another $."""
    if isinstance(value, dict):
        return {f"${key}" if key.startswith("$") else key: _encode_times(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encode_times(item) for item in value]
    return {"$time": value.isoformat()} if isinstance(value, datetime.datetime) else value


def _decode_times(value: dict[str, Any]) -> Any:
    if value.keys() == {"$time"}:
        return datetime.datetime.fromisoformat(value["$time"])
    return {key.removeprefix("$"): item for key, item in value.items()}
