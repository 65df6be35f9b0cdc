"""A database that an older version of recore wrote is migrated when it is opened."""

import contextlib
import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from recore.simulator.protocol.account import arn
from recore.simulator.resources.model_package import ModelPackages
from recore.simulator.resources.model_package_group import ModelPackageGroups
from recore.simulator.state.database import APPLICATION, Database
from recore.simulator.state.layouts import LAYOUT
from recore.simulator.state.records import Record, Store

LAYOUT_1 = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = 1;
CREATE TABLE records (
    position INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (kind, key)
);
CREATE TABLE buckets (name TEXT PRIMARY KEY, account TEXT NOT NULL, partition TEXT NOT NULL, region TEXT NOT NULL);
CREATE TABLE objects (
    bucket TEXT, key TEXT, attributes TEXT NOT NULL, size INTEGER NOT NULL, content BLOB, file TEXT,
    PRIMARY KEY (bucket, key)
);
"""
TIME = {"$time": "2026-01-01T00:00:00+00:00"}
TIMES = {"CreationTime": TIME, "LastModifiedTime": TIME}
RECORDS: list[tuple[str, str, Record]] = [
    (
        "ModelPackageGroup",
        "group",
        {
            "ModelPackageGroupName": "group",
            "ModelPackageGroupArn": arn("model-package-group/group"),
            "ModelPackageGroupStatus": "Completed",
            "LastVersion": 7,
            **TIMES,
        },
    ),
    (
        "ModelPackage",
        "group/7",
        {
            "ModelPackageGroupName": "group",
            "ModelPackageVersion": 7,
            "ModelPackageArn": arn("model-package/group/7"),
            "ModelPackageType": "Versioned",
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "ListedName": "group",
            **TIMES,
        },
    ),
    ("Model", "packaged", {"ModelName": "packaged", "Served": {"PrimaryContainer": {"Image": "sklearn:1"}}, **TIMES}),
    ("Endpoint", "endpoint", {"EndpointName": "endpoint", "EndpointStatus": "InService", "Deployment": {"a": 1}}),
    ("HyperParameterTuningJob", "tuning", {"HyperParameterTuningJobName": "tuning", "TuningId": "id", "Seed": 3}),
    ("PipelineExecution", "p/e", {"PipelineName": "p", "Key": "p/e", "Parameters": {"x": 1}}),
    ("PipelineStep p/e", "train", {"StepName": "train", "StepStatus": "Succeeded"}),
]


def write_layout_1(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(LAYOUT_1)
        for kind, key, record in RECORDS:
            values = (kind, key, json.dumps(record))
            connection.execute("INSERT INTO records (kind, key, record) VALUES (?, ?, ?)", values)


def test_a_database_of_layout_1_is_migrated_and_works(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    write_layout_1(path)
    Database.open(path).close()
    database = Database.open(path)  # it has the newest layout now
    assert database.read("PRAGMA user_version") == [(LAYOUT,)]
    store = Store(database)
    group, package = store.get("ModelPackageGroup", "group"), store.get("ModelPackage", "group/7")
    model = store.get("Model", "packaged")
    assert group is not None
    assert package is not None
    assert model is not None
    assert (group.internal, "LastVersion" in group) == ({"LastVersion": 7}, False)
    assert (package.internal, "ListedName" in package) == ({}, False)
    assert (model.internal, "Served" in model) == ({"Served": {"PrimaryContainer": {"Image": "sklearn:1"}}}, False)
    for kind, key, record in RECORDS[3:]:
        assert store.get(kind, key) == record

    platform = SimpleNamespace(store=store, client=None)
    groups, packages = ModelPackageGroups(platform), ModelPackages(platform)
    [listed] = packages.ListModelPackages({"ModelPackageGroupName": "group"})["ModelPackageSummaryList"]
    assert listed["ModelPackageVersion"] == 7
    assert packages.ListModelPackages({"NameContains": "GROU", "ModelPackageType": "Both"})["ModelPackageSummaryList"]
    assert groups.answer("DescribeModelPackageGroup", {"ModelPackageGroupName": "group"})["ModelPackageGroupName"]
    assert packages._create_version({"ModelPackageGroupName": "group"}) == arn("model-package/group/8")
    database.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    write_layout_1(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET record = '{' WHERE kind = 'ModelPackage'")
    with pytest.raises(OSError, match="it is damaged"):
        Database.open(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert [row[1] for row in connection.execute("PRAGMA table_info(records)")] == [
            "position",
            "kind",
            "key",
            "record",
        ]


def test_internal_members_are_separate_and_each_change_has_a_revision() -> None:
    store = Store()
    assert store.add("Model", "a", {"ModelName": "a"}, {"Secret": 1})
    updated = store.update("Model", "a", {"Other": 2}, Status="new")
    assert (updated, updated.internal, updated.revision) == (
        {"ModelName": "a", "Status": "new"},
        {"Secret": 1, "Other": 2},
        2,
    )
    changed_record = store.change("Model", "a", lambda record: {"ModelName": "b"})
    assert (changed_record, changed_record.internal, changed_record.revision) == (
        {"ModelName": "b"},
        {"Secret": 1, "Other": 2},
        3,
    )
    assert store.all("Model")[0].internal == dict(store.items("Model"))["a"].internal == changed_record.internal
