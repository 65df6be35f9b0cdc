"""Records of resources, in memory and, where a folder is given, on disk before a request is answered."""

import datetime
import json
import os
import threading
import urllib.parse
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Store:
    """Records by kind and name. Safe to use from several threads; a record read is the caller's own copy."""

    def __init__(self, folder: Path | None = None):
        self._folder = folder
        self._lock = threading.RLock()
        self._records: dict[str, dict[str, Record]] = {}
        for path in sorted(folder.glob("*/*.json")) if folder else []:
            kind = self._records.setdefault(path.parent.name, {})
            kind[urllib.parse.unquote(path.stem)] = json.loads(path.read_text("utf-8"), object_hook=_from_json)

    def add(self, kind: str, name: str, record: Record) -> bool:
        """Keep a new record; False where the name is taken."""
        with self._lock:
            if name in self._records.get(kind, {}):
                return False
            self._put(kind, name, record)
            return True

    def update(self, kind: str, name: str, **changes: Any) -> None:
        """Change members of a record. Raises KeyError where there is none."""
        with self._lock:
            self._put(kind, name, self._records[kind][name] | changes)

    def get(self, kind: str, name: str) -> Record | None:
        """The record of that name, or None."""
        with self._lock:
            record = self._records.get(kind, {}).get(name)
            return dict(record) if record is not None else None

    def all(self, kind: str) -> list[Record]:
        """All records of a kind, oldest first."""
        with self._lock:
            return [dict(record) for record in self._records.get(kind, {}).values()]

    def delete(self, kind: str, name: str) -> bool:
        """Forget a record; False where there is none."""
        with self._lock:
            if self._records.get(kind, {}).pop(name, None) is None:
                return False
            if self._folder:
                self._path(self._folder, kind, name).unlink(missing_ok=True)
            return True

    def _put(self, kind: str, name: str, record: Record) -> None:
        if self._folder:
            path = self._path(self._folder, kind, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_through(path, json.dumps(record, default=_to_json).encode())
        self._records.setdefault(kind, {})[name] = record

    @staticmethod
    def _path(folder: Path, kind: str, name: str) -> Path:
        return folder / kind / f"{urllib.parse.quote(name, safe='')}.json"


def write_through(path: Path, content: bytes) -> None:
    """Write a file so that it is whole, and on the disk, when this returns."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return {"$time": value.timestamp()}
    raise TypeError(f"{type(value).__name__} in a record")


def _from_json(value: dict[str, Any]) -> Any:
    if value.keys() == {"$time"} and isinstance(value["$time"], float):  # a string is a hyperparameter of that name
        return datetime.datetime.fromtimestamp(value["$time"], datetime.UTC)
    return value
