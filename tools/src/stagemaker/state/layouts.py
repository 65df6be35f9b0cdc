"""The layout of the database, and the migrations from each older layout to the next."""

import json
import sqlite3
from collections.abc import Callable, Set

LAYOUT = 3
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
    """Migrate a database with an older layout to the current one. The caller must have begun a transaction."""
    for old_layout in range(layout, LAYOUT):
        MIGRATIONS[old_layout](connection)
    connection.execute(f"PRAGMA user_version = {LAYOUT}")


def _add_internal_members(connection: sqlite3.Connection) -> None:
    """Add a revision to records, and a column for members that do not belong to the API."""
    connection.execute("ALTER TABLE records ADD COLUMN internal TEXT NOT NULL DEFAULT '{}'")
    connection.execute("ALTER TABLE records ADD COLUMN revision INTEGER NOT NULL DEFAULT 1")
    _move_internal_members(connection, "Model", {"Served"})
    _move_internal_members(connection, "ModelPackageGroup", {"LastVersion"})
    _move_internal_members(connection, "ModelPackage", set(), unused_names={"ListedName"})


def _move_members_of_background_work(connection: sqlite3.Connection) -> None:
    """Move the internal members of resources with background work, such as endpoints and pipeline executions."""
    deployment_members = {"Deployment", "Pending", "PendingSince", "Rescaling", "Retiring", "Alarms"}
    # the names in that layout; execution_records.py may use others today
    step_members = {"Position", "Job", "Properties", "CacheKey", "AttemptTime", "RetryAt", "Retries", "FirstFailed"}
    _move_internal_members(connection, "Endpoint", deployment_members)
    _move_internal_members(connection, "HyperParameterTuningJob", {"Seed", "TuningId"})
    _move_internal_members(connection, "PipelineExecution", {"Parameters"}, unused_names={"Key", "PipelineName"})
    _move_internal_members(connection, "PipelineStep *", step_members)


def _move_internal_members(
    connection: sqlite3.Connection, kind: str, names: set[str], unused_names: Set[str] = frozenset()
) -> None:
    """Move members of a kind's records to the internal members, and delete unused members.

    kind: a GLOB pattern. unused_names: members whose values are also in other members or in the record's key.
    """
    rows = connection.execute("SELECT position, record, internal FROM records WHERE kind GLOB ?", (kind,)).fetchall()
    for position, record, internal in rows:
        members = json.loads(record)
        moved_members = json.loads(internal) | {name: members[name] for name in names & members.keys()}
        kept_members = {name: value for name, value in members.items() if name not in names | unused_names}
        values = (json.dumps(kept_members), json.dumps(moved_members), position)
        connection.execute("UPDATE records SET record = ?, internal = ? WHERE position = ?", values)


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {
    1: _add_internal_members,
    2: _move_members_of_background_work,
}
