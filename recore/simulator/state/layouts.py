"""The layout of the database, and the steps from each older layout to the next one."""

import json
import sqlite3
from collections.abc import Callable

LAYOUT = 2
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


def migrate(connection: sqlite3.Connection, layout: int) -> None:
    """Change a database of an older layout to this one. The caller has begun a transaction."""
    for older in range(layout, LAYOUT):
        MIGRATIONS[older](connection)
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def _separate_internal_members(connection: sqlite3.Connection) -> None:
    """Move members that are not the API's to a column of their own. Records get a revision."""
    connection.execute("ALTER TABLE records ADD COLUMN internal TEXT NOT NULL DEFAULT '{}'")
    connection.execute("ALTER TABLE records ADD COLUMN revision INTEGER NOT NULL DEFAULT 1")
    internal_members = {"Model": ["Served"], "ModelPackageGroup": ["LastVersion"], "ModelPackage": []}
    unused = {"ListedName"}  # of model packages: other members tell it
    for kind, names in internal_members.items():
        rows = connection.execute("SELECT position, record FROM records WHERE kind = ?", (kind,)).fetchall()
        for position, text in rows:
            record = json.loads(text)
            internal = {name: record[name] for name in names if name in record}
            members = {name: value for name, value in record.items() if name not in unused | internal.keys()}
            values = (json.dumps(members), json.dumps(internal), position)
            connection.execute("UPDATE records SET record = ?, internal = ? WHERE position = ?", values)


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _separate_internal_members}
