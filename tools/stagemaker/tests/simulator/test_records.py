"""The record store behaves like a dict of dicts, even with threads and after restarts; it rejects damaged files."""

import contextlib
import copy
import datetime
import itertools
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from stagemaker_support.fuzzing import examples

from stagemaker.compute.platform import Platform
from stagemaker.protocol.errors import ServiceError
from stagemaker.resources.model import Models
from stagemaker.resources.tags import Tags
from stagemaker.state.database import LAYOUT, Database
from stagemaker.state.records import Record, Store

KEYS = st.sampled_from(["a", "A", "", "a/b", "a\0b", "ü 😀", "arn:aws:sagemaker:us-east-1:1:model/a", "a' OR 1=1 --"])
KINDS = st.sampled_from(["Model", "TrainingJob"])
TIMES = st.datetimes(timezones=st.sampled_from([None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=-5))]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | TIMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("$time"), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(["Name", "Status", "$time", "$$", "{}"]), VALUES, max_size=4)


class StoreComparison(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.records: defaultdict[str, dict[str, Record]] = defaultdict(dict)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    @initialize()
    def open(self) -> None:
        self.database = Database.open(self.folder / "state.sqlite")
        self.store = Store(self.database)

    @rule()
    def restart(self) -> None:
        self.database.close()
        self.open()

    @rule(kind=KINDS, key=KEYS, record=RECORDS)
    def add(self, kind: str, key: str, record: Record) -> None:
        assert self.store.add(kind, key, record) == (key not in self.records[kind])
        self.records[kind].setdefault(key, copy.deepcopy(record))
        record["Name"] = "changed by the caller"

    @rule(kind=KINDS, key=KEYS, members=RECORDS)
    def update(self, kind: str, key: str, members: Record) -> None:
        if key not in self.records[kind]:
            with pytest.raises(KeyError):
                self.store.update(kind, key, **members)
            return
        self.records[kind][key] |= copy.deepcopy(members)
        assert self.store.update(kind, key, **members) == self.records[kind][key]

    @rule(kind=KINDS, key=KEYS, record=RECORDS)
    def change(self, kind: str, key: str, record: Record) -> None:
        expected = {**self.records[kind].get(key, {"default": []}), "new": copy.deepcopy(record)}
        assert self.store.change(kind, key, lambda old: {**old, "new": record}, {"default": []}) == expected
        self.records[kind][key] = expected

    @rule(kind=KINDS, key=KEYS)
    def fail_to_change(self, kind: str, key: str) -> None:
        def fail(record: Record) -> Record:
            record.clear()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            self.store.change(kind, key, fail, {})

    @rule(kind=KINDS, key=KEYS, record=RECORDS)
    def fail_in_a_transaction(self, kind: str, key: str, record: Record) -> None:
        with contextlib.suppress(ZeroDivisionError), self.store.transaction():
            self.store.delete(kind, key)
            self.store.add(kind, key, record)
            assert self.store.get(kind, key) == record
            raise ZeroDivisionError

    @rule(kind=KINDS, key=KEYS)
    def delete(self, kind: str, key: str) -> None:
        assert self.store.delete(kind, key) == (self.records[kind].pop(key, None) is not None)

    @rule(kind=KINDS, key=KEYS)
    def change_returned_records(self, kind: str, key: str) -> None:
        for record in [self.store.get(kind, key) or {}, *self.store.all(kind)]:
            for value in record.values():
                if isinstance(value, dict | list):
                    value.clear()
            record.clear()

    @invariant()
    def contents_are_equal(self) -> None:
        for kind, records in self.records.items():
            assert self.store.all(kind) == list(records.values())
            assert all(self.store.get(kind, key) == record for key, record in records.items())
            assert self.store.get(kind, "never stored") is None


TestStoreComparison = StoreComparison.TestCase
TestStoreComparison.settings = settings(examples(10), stateful_step_count=30)


def test_the_second_of_two_requests_with_the_same_token_waits_for_the_first() -> None:
    models = Models(cast(Platform, SimpleNamespace(store=Store())))
    barrier, run_numbers = threading.Barrier(2), itertools.count(1)

    def create(request: Record) -> Record:
        number = next(run_numbers)
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(1)
        return {"Number": number}

    with ThreadPoolExecutor(2) as pool:
        responses = pool.map(lambda _: models.run_once("CreateModel", {"ClientToken": "one"}, create), range(2))
        assert [*responses] == [{"Number": 1}] * 2


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with contextlib.closing(Database.open(tmp_path / "state.sqlite")) as database:
        yield database


def test_a_change_is_on_disk_when_its_call_returns(database: Database) -> None:
    """Only a power failure would reveal a missing flush, so the test checks that SQLite's synchronous mode is FULL."""
    with database.transaction() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_threads_do_not_interfere_with_each_other(database: Database) -> None:
    store = Store(database)

    def work(thread: int) -> bool:
        for index in range(25):
            name = f"{thread}/{index}"
            assert store.add("Model", name, {"step": index})
            assert store.update("Model", name, again=index) == {"step": index, "again": index}
            store.change("Counter", "shared", lambda old: {"count": old["count"] + 1}, {"count": 0})
            assert index % 2 == 0 or store.delete("Model", name)
        return store.add("Race", "shared", {})

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 1
    assert store.get("Counter", "shared") == {"count": 200}
    assert sorted(record["again"] for record in store.all("Model")) == sorted([*range(0, 25, 2)] * 8)


def test_reading_does_not_wait_for_a_change_that_is_being_written(database: Database) -> None:
    store = Store(database)
    store.add("Model", "a", {"Status": "before"})
    change_started, read_finished = threading.Event(), threading.Event()

    def change(record: Record) -> Record:
        change_started.set()
        assert read_finished.wait(60)
        return {"Status": "after"}

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(store.change, "Model", "a", change)
        assert change_started.wait(60)
        assert (store.get("Model", "a"), store.all("Model")) == ({"Status": "before"}, [{"Status": "before"}])
        read_finished.set()
        future.result()
    assert store.get("Model", "a") == {"Status": "after"}


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", Path("/"), {"nested": [object()]}])
def test_values_that_json_cannot_represent_are_rejected(value: Any) -> None:
    store = Store()
    with pytest.raises(TypeError):
        store.add("Model", "a", {"value": value})
    assert store.all("Model") == []


def file_contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_database(path: Path, records: int = 200) -> None:
    database = Database.open(path)
    store = Store(database)
    with store.transaction():
        for index in range(records):
            store.add("Model", f"model-{index}", {"Environment": {"text": "x" * 200}})
    database.close()


def test_a_table_of_an_earlier_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    make_database(path, records=1)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE counters (kind TEXT, name TEXT, last INTEGER NOT NULL)")
        connection.execute("INSERT INTO counters VALUES ('ModelPackage', 'group', 7)")
    database = Database.open(path)
    assert Store(database).add("Model", "later", {"Name": "later"})
    assert [record.get("Name") for record in Store(database).all("Model")] == [None, "later"]
    assert database.read("SELECT last FROM counters") == [(7,)]
    database.close()


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    if kind in STATEMENTS:
        if "CREATE" in STATEMENTS[kind]:
            path.unlink()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(STATEMENTS[kind])
    elif kind == "a folder":
        path.unlink()
        path.mkdir()
    elif kind == "overwritten in the middle":
        path.write_bytes(content[:8192] + b"\xff" * 8192 + content[16384:])
    elif kind == "text":
        path.write_text("This is not a database. " * 100)
    else:
        path.write_bytes(content[: int(float(kind) * len(content))])


STATEMENTS = {
    "another program's database": "CREATE TABLE records (text)",
    "an earlier layout": f"PRAGMA user_version = {LAYOUT - 1}",
    "a later layout": f"PRAGMA user_version = {LAYOUT + 1}",
}
DAMAGE_ERRORS = {
    **dict.fromkeys(("0", "0.0001", "0.1", "0.5", "0.99", "overwritten in the middle"), "damaged"),
    **dict.fromkeys(("text", "another program's database"), "not a simulator database"),
    **dict.fromkeys(("an earlier layout", "a later layout"), "another version of stagemaker wrote it"),
    "a folder": "cannot be opened",
}


@pytest.mark.parametrize("kind", DAMAGE_ERRORS)
def test_a_damaged_or_foreign_file_is_rejected_and_not_changed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    make_database(path)
    damage(path, kind)
    contents = file_contents(tmp_path)
    with pytest.raises(OSError, match=DAMAGE_ERRORS[kind]) as excinfo:
        Database.open(path)
    assert str(excinfo.value).startswith(f"{path}: ")
    assert "use another folder" in str(excinfo.value) or "or another folder" in str(excinfo.value)
    assert "\n" not in str(excinfo.value)
    assert file_contents(tmp_path).items() >= contents.items()


def test_the_write_ahead_log_of_a_damaged_file_is_kept(tmp_path: Path) -> None:
    make_database(tmp_path / "state.sqlite")
    database = Database.open(tmp_path / "state.sqlite")
    Store(database).add("Model", "the latest", {})
    copied_folder = tmp_path / "copied"  # the files that a kill at this moment would leave behind
    copied_folder.mkdir()
    for name in ("state.sqlite", "state.sqlite-wal"):
        shutil.copy(tmp_path / name, copied_folder)
    database.close()
    damage(copied_folder / "state.sqlite", "0.5")
    contents = file_contents(copied_folder)
    assert len(contents[copied_folder / "state.sqlite-wal"]) > 0
    with pytest.raises(OSError, match="it is damaged"):
        Database.open(copied_folder / "state.sqlite")
    assert file_contents(copied_folder).items() >= contents.items()


def test_a_partially_created_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite.new").write_bytes(b"SQLite format 3")
    make_database(tmp_path / "state.sqlite")
    assert [path.name for path in tmp_path.iterdir()] == ["state.sqlite"]


def test_tags_are_merged_and_deleted_with_their_model() -> None:
    store = Store()
    platform = SimpleNamespace(store=store)
    models = Models(platform)
    tags = Tags(platform, [models])
    request = {"ModelName": "a", "PrimaryContainer": {"Image": "sklearn:1"}}
    arn = models.CreateModel(request)["ModelArn"]

    def add(thread: int) -> None:
        tags.AddTags({"ResourceArn": arn, "Tags": [{"Key": str(thread), "Value": "1"}]})

    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(add, range(32)))
    assert {tag["Key"] for tag in tags.ListTags({"ResourceArn": arn})["Tags"]} == set(map(str, range(32)))

    def add_or_recreate(thread: int) -> None:
        for _ in range(100):
            if thread:
                with contextlib.suppress(ServiceError):  # the model may not exist at this moment
                    add(thread)
            else:
                models.handle("DeleteModel", {"ModelName": "a"})
                assert store.get("Tags", arn) is None
                models.CreateModel(request)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_or_recreate, range(8)))
    sys.setswitchinterval(switch_interval)
    models.handle("DeleteModel", {"ModelName": "a"})
    assert store.all("Tags") == []


def test_internal_members_are_separate_and_each_change_increments_the_revision() -> None:
    store = Store()
    assert store.add("Model", "a", {"ModelName": "a"}, {"Secret": 1})
    updated_record = store.update("Model", "a", {"Other": 2}, Status="new")
    internal = {"Secret": 1, "Other": 2}
    assert updated_record == {"ModelName": "a", "Status": "new"}
    assert (updated_record.internal, updated_record.revision) == (internal, 2)
    changed_record = store.change("Model", "a", lambda record: {"ModelName": "b"})
    assert changed_record == {"ModelName": "b"}
    assert (changed_record.internal, changed_record.revision) == (internal, 3)
    assert store.all("Model")[0].internal == dict(store.items("Model"))["a"].internal == changed_record.internal


def test_lists_share_the_decoded_records_of_the_store() -> None:
    store = Store()
    store.add("Model", "a", {"Name": "a"}, {"Inner": 1})
    [shared] = store.shared("Model")
    assert store.shared("Model")[0] is shared
    assert (shared, shared.internal, shared.revision) == ({"Name": "a"}, {"Inner": 1}, 1)
    store.update("Model", "a", Name="b")
    assert store.shared("Model") == [{"Name": "b"}]
    store.delete("Model", "a")
    store.add("Model", "a", {"Name": "b"})
    assert store.shared("Model")[0].internal == {}
