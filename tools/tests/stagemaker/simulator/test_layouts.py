"""A database written by an older version of stagemaker is migrated when it is opened."""

import contextlib
import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from stagemaker.protocol.account import arn
from stagemaker.resources.model_package import ModelPackages
from stagemaker.resources.model_package_group import ModelPackageGroups
from stagemaker.resources.pipeline_execution import PipelineExecutions
from stagemaker.state.database import APPLICATION_ID, Database
from stagemaker.state.layouts import LAYOUT
from stagemaker.state.records import Record, Store, to_json

LAYOUT_1 = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION_ID};
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
LAYOUT_2 = LAYOUT_1.replace("user_version = 1", "user_version = 2").replace(
    "record TEXT NOT NULL,",
    "record TEXT NOT NULL, internal TEXT NOT NULL DEFAULT '{}', revision INTEGER NOT NULL DEFAULT 1,",
)
TIME = {"$time": "2026-01-01T00:00:00+00:00"}
TIMES = {"CreationTime": TIME, "LastModifiedTime": TIME}
PACKAGES: list[tuple[str, str, Record]] = [
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
]
ATTEMPT = {"Position": 1, "Job": "train-1", "CacheKey": None, "AttemptTime": TIME, "RetryAt": None, "FirstFailed": TIME}
# The last two records of each entry are the members that layout 3 made internal and the members that it removed.
WORK: list[tuple[str, str, Record, Record, Record]] = [
    (
        "Endpoint",
        "endpoint",
        {"EndpointName": "endpoint", "EndpointStatus": "InService", "LastDeploymentConfig": None},
        {
            "Deployment": {"$$a": 1},
            "Pending": None,
            "PendingSince": TIME,
            "Rescaling": False,
            "Retiring": 2,
            "Alarms": [],
        },
        {},
    ),
    ("Endpoint", "first", {"EndpointName": "first"}, {"Deployment": None, "Pending": {}, "Rescaling": False}, {}),
    (
        "HyperParameterTuningJob",
        "tuning",
        {"HyperParameterTuningJobName": "tuning"},
        {"TuningId": "id", "Seed": 3},
        {},
    ),
    (
        "PipelineExecution",
        "p/execution/e",
        {"PipelineArn": arn("pipeline/p"), "PipelineExecutionStatus": "Executing", **TIMES},
        {"Parameters": {"x": 1}},
        {"Key": "p/execution/e", "PipelineName": "p"},
    ),
    (
        "PipelineStep p/execution/e",
        "train",
        {"StepName": "train", "StepStatus": "Succeeded", "StartTime": TIME, "Metadata": {"TrainingJob": {"Arn": "a"}}},
        {**ATTEMPT, "Properties": {"TrainingJobName": "train-1"}, "Retries": {"0": 1}},
        {},
    ),
    ("TuningTrial", "trial", {"TrainingJobName": "trial", "TuningId": "id"}, {}, {}),
]


def write_layout_1(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(LAYOUT_1)
        work_records = [
            (kind, key, record | internal | removed_members) for kind, key, record, internal, removed_members in WORK
        ]
        for kind, key, record in PACKAGES + work_records:
            values = (kind, key, json.dumps(record))
            connection.execute("INSERT INTO records (kind, key, record) VALUES (?, ?, ?)", values)


def assert_work_is_migrated(store: Store) -> None:
    """Check stored work: its members (even if their names begin with $), its times and its order."""
    for kind, key, record, internal, _ in WORK:
        migrated_record = store.get(kind, key)
        assert migrated_record is not None
        assert (to_stored(migrated_record), to_stored(migrated_record.internal)) == (record, internal)
    assert [key for key, _ in store.items("Endpoint")] == ["endpoint", "first"]


def to_stored(record: Record) -> Record:
    stored: Record = json.loads(to_json(dict(record)))
    return stored


def test_a_database_of_layout_1_is_migrated_and_works(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    write_layout_1(path)
    Database.open(path).close()
    database = Database.open(path)  # the database now has the newest layout
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
    assert_work_is_migrated(store)

    platform = SimpleNamespace(store=store, client=None)
    groups, packages = ModelPackageGroups(platform), ModelPackages(platform)
    [listed] = packages.ListModelPackages({"ModelPackageGroupName": "group"})["ModelPackageSummaryList"]
    assert listed["ModelPackageVersion"] == 7
    assert packages.ListModelPackages({"NameContains": "GROU", "ModelPackageType": "Both"})["ModelPackageSummaryList"]
    assert groups.handle("DescribeModelPackageGroup", {"ModelPackageGroupName": "group"})["ModelPackageGroupName"]
    description, _ = packages._create({"ModelPackageGroupName": "group"})
    assert description["ModelPackageArn"] == arn("model-package/group/8")
    database.close()


def test_a_database_of_layout_2_is_migrated_and_works(tmp_path: Path) -> None:
    """In layout 2, model records already had internal members, but records of background work had none."""
    path = tmp_path / "state.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(LAYOUT_2)
        statement = "INSERT INTO records (kind, key, record, internal, revision) VALUES (?, ?, ?, ?, ?)"
        connection.execute(statement, ("Model", "packaged", '{"ModelName": "packaged"}', '{"Served": {}}', 4))
        for kind, key, record, internal, removed_members in WORK:
            connection.execute(statement, (kind, key, json.dumps(record | internal | removed_members), "{}", 5))
    database = Database.open(path)
    assert database.read("PRAGMA user_version") == [(LAYOUT,)]
    store = Store(database)
    assert_work_is_migrated(store)
    model, endpoint = store.get("Model", "packaged"), store.get("Endpoint", "endpoint")
    assert model is not None
    assert endpoint is not None
    assert (model, model.internal, model.revision) == ({"ModelName": "packaged"}, {"Served": {}}, 4)
    assert endpoint.revision == 5

    executions = PipelineExecutions(SimpleNamespace(store=store))
    request = {"PipelineExecutionArn": arn("pipeline/p/execution/e")}
    assert executions.handle("DescribePipelineExecution", request)["PipelineExecutionStatus"] == "Executing"
    [step] = executions.ListPipelineExecutionSteps(request)["PipelineExecutionSteps"]
    assert step["StepName"] == "train"
    [parameter] = executions.ListPipelineParametersForExecution(request)["PipelineParameters"]
    assert parameter == {"Name": "x", "Value": "1"}
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


def test_internal_members_are_separate_and_each_change_increments_the_revision() -> None:
    store = Store()
    assert store.add("Model", "a", {"ModelName": "a"}, {"Secret": 1})
    updated_record = store.update("Model", "a", {"Other": 2}, Status="new")
    assert (updated_record, updated_record.internal, updated_record.revision) == (
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
