"""Records of resources by kind and key, in a database."""

import datetime
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from recore.simulator.state.database import Database

Record = dict[str, Any]


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Store:
    """Records by kind and key, in memory unless a database is given. Safe to use from several threads.

    A key is any text: a name, an ARN, a name with a version. A record holds what JSON can express, and times. Each one
    that is returned is the caller's own copy: only the methods change what is stored.
    """

    def __init__(self, database: Database | None = None):
        self._database = database or Database.in_memory()

    def transaction(self) -> AbstractContextManager[object]:
        """Make several changes, all or none; no change of another thread comes between."""
        return self._database.transaction()

    def add(self, kind: str, key: str, record: Record) -> bool:
        """Store a new record; False if the key is taken."""
        with self._database.transaction() as connection:
            statement = "INSERT INTO records (kind, key, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            return connection.execute(statement, (kind, key, to_json(record))).rowcount > 0

    def change(
        self, kind: str, key: str, function: Callable[[Record], Record], default: Record | None = None
    ) -> Record:
        """Replace a record by what a function makes of it, and return the new one; no other change comes between.

        The function gets a copy of the record, or of the default if there is no record. If it raises, nothing changes.
        Raises KeyError if there is neither a record nor a default.
        """
        with self._database.transaction() as connection:
            text = self._text(kind, key)
            if text is None and default is None:
                raise KeyError(key)
            changed = to_json(function(from_json(text or to_json(default))))
            connection.execute(
                "INSERT INTO records (kind, key, record) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, key) DO UPDATE SET record = excluded.record",
                (kind, key, changed),
            )
        record: Record = from_json(changed)
        return record

    def update(self, kind: str, key: str, /, **members: Any) -> Record:
        """Change members of a record and return it. Raises KeyError if it does not exist."""
        return self.change(kind, key, lambda record: record | members)

    def get(self, kind: str, key: str) -> Record | None:
        """The record of that key, or None."""
        text = self._text(kind, key)
        return None if text is None else from_json(text)

    def all(self, kind: str) -> list[Record]:
        """All records of a kind in the order in which they were added."""
        rows = self._database.read("SELECT record FROM records WHERE kind = ? ORDER BY position", kind)
        return [from_json(text) for (text,) in rows]

    def items(self, kind: str) -> list[tuple[str, Record]]:
        """The keys and records of a kind in the order in which they were added."""
        rows = self._database.read("SELECT key, record FROM records WHERE kind = ? ORDER BY position", kind)
        return [(key, from_json(text)) for key, text in rows]

    def delete(self, kind: str, key: str) -> bool:
        """Delete a record; False if it does not exist."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0

    def _text(self, kind: str, key: str) -> str | None:
        rows = self._database.read("SELECT record FROM records WHERE kind = ? AND key = ?", kind, key)
        return rows[0][0] if rows else None


def to_json(value: Any) -> str:
    """The JSON of a value that may hold times. Raises TypeError if it holds anything else that JSON has not."""
    return json.dumps(_with_times(value))


def from_json(text: str) -> Any:
    """The value of which `to_json` made the JSON."""
    return json.loads(text, object_hook=_without_times)


def _with_times(value: Any) -> Any:
    """Times as objects of one member, $time. Members that begin with $ get another $: users may name them so."""
    if isinstance(value, dict):
        return {f"${key}" if key.startswith("$") else key: _with_times(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_times(item) for item in value]
    return {"$time": value.isoformat()} if isinstance(value, datetime.datetime) else value


def _without_times(value: dict[str, Any]) -> Any:
    if value.keys() == {"$time"}:
        return datetime.datetime.fromisoformat(value["$time"])
    return {key.removeprefix("$"): item for key, item in value.items()}
