"""Objects in a state folder: keys, contents and metadata, changed by one thread and by many."""

import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends
from stagemaker_support.fuzzing import examples
from stagemaker_support.state import SimulatorProcess, objects_of, running, stored_objects

from stagemaker.server import BUCKET
from stagemaker.state.state_folder import State

LARGE_BODY = b"large " * 20_000  # large enough for a separate file
UNUSUAL_KEYS = [" ", "a b", "a+b", "a%20b", "ü/😀", "e\u0301", "é", "A", "a", "a/", "/a", "//", "a//b", "./a", ".."]
UNUSUAL_KEYS += ["../../a", "'\"<>&", "a\tb", "\x01", "\\", "?x=1#y", "a;b", "x" * 1024, "ü" * 512, "$time", "s3"]
UNUSUAL_BUCKETS = ["a.b", "xn--a", "123", "b" * 63, "with-dash", "www.a"]


PROPERTIES = {
    "ContentType": "text/csv",
    "ContentEncoding": "gzip",
    "CacheControl": "no-cache",
    "ContentDisposition": "attachment",
    "Metadata": {"name": "value", "under_score": "1"},
    "StorageClass": "STANDARD_IA",
    "ChecksumAlgorithm": "SHA256",
}


def head_objects(s3: Any) -> list[dict[str, Any]]:
    keys = ("described", "plain", "parts")
    responses = [s3.head_object(Bucket="metadata", Key=key, ChecksumMode="ENABLED") for key in keys]
    return [{name: value for name, value in head.items() if name != "ResponseMetadata"} for head in responses]


@pytest.mark.slow
def test_unusual_keys_and_bucket_names_and_the_metadata_of_objects_are_kept(tmp_path: Path) -> None:
    expected = {name: {"../a": b"1"} for name in UNUSUAL_BUCKETS}
    expected |= {BUCKET: {key: key.encode() for key in UNUSUAL_KEYS}, "metadata": {}}
    with running("--state", tmp_path) as simulator:
        s3 = simulator.client("s3")
        for name, objects in expected.items():
            s3.create_bucket(Bucket=name)
            for key, body in objects.items():
                s3.put_object(Bucket=name, Key=key, Body=body)
        assert stored_objects(tmp_path) == expected
        s3.put_object(Bucket="metadata", Key="described", Body=b"1", **PROPERTIES)
        s3.put_object(Bucket="metadata", Key="plain", Body=b"1")
        upload = {"Bucket": "metadata", "Key": "parts"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        etag = s3.upload_part(**upload, PartNumber=1, Body=b"1")["ETag"]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]})
        old_heads = head_objects(s3)
    expected["metadata"] = dict.fromkeys(("described", "plain", "parts"), b"1")
    time.sleep(1.1)  # LastModified is in whole seconds
    with running("--state", tmp_path) as simulator:
        s3 = simulator.client("s3")
        assert head_objects(s3) == old_heads
        assert objects_of(s3) == expected


@pytest.fixture(scope="module")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SimulatorProcess, Path]]:
    folder = tmp_path_factory.mktemp("shared")
    with running("--state", folder) as simulator:
        yield simulator, folder


BODIES = st.sampled_from([b"", b"1", b"22", LARGE_BODY, LARGE_BODY + b"!"])
KEYS = st.sampled_from(["a", "a/b", "ü "])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, BODIES),
    st.tuples(st.just("delete"), KEYS, st.none()),
    st.tuples(st.just("delete several"), st.lists(KEYS, min_size=1, unique=True), st.none()),
    st.tuples(st.just("copy"), KEYS, KEYS),
)


@given(st.lists(STEPS, max_size=12))
@examples(15)
def test_s3_in_a_state_folder_behaves_like_a_dict(
    shared_simulator: tuple[SimulatorProcess, Path], steps: list[tuple[str, Any, Any]]
) -> None:
    simulator, folder = shared_simulator
    s3 = simulator.client("s3")
    s3.create_bucket(Bucket="like-a-dict")
    expected: dict[str, bytes] = {}
    for step, key, value in steps:
        if step == "put":
            s3.put_object(Bucket="like-a-dict", Key=key, Body=value)
            expected[key] = value
        elif step == "delete":
            s3.delete_object(Bucket="like-a-dict", Key=key)
            expected.pop(key, None)
        elif step == "delete several":
            s3.delete_objects(Bucket="like-a-dict", Delete={"Objects": [{"Key": name} for name in key]})
            expected = {name: body for name, body in expected.items() if name not in key}
        elif key in expected and key != value:
            s3.copy_object(Bucket="like-a-dict", Key=value, CopySource={"Bucket": "like-a-dict", "Key": key})
            expected[value] = expected[key]
        assert stored_objects(folder)["like-a-dict"] == expected
    for key in expected:
        s3.delete_object(Bucket="like-a-dict", Key=key)
    s3.delete_bucket(Bucket="like-a-dict")


@pytest.mark.slow
def test_an_interrupted_request_leaves_no_file(tmp_path: Path) -> None:
    with running("--state", tmp_path) as simulator:
        simulator.client("s3").put_object(Bucket=BUCKET, Key="large", Body=LARGE_BODY)
    (tmp_path / "s3" / ("0" * 32)).write_bytes(LARGE_BODY[:100])
    with running("--state", tmp_path) as simulator:
        assert objects_of(simulator.client("s3")) == {BUCKET: {"large": LARGE_BODY}}
    assert len(list((tmp_path / "s3").iterdir())) == 1


@pytest.mark.slow
def test_the_folder_matches_s3_after_threads_interrupt_each_other(tmp_path: Path) -> None:
    """Requests bypass HTTP, which would take most of the time, and threads switch often."""
    backend = s3_backends["123456789012"]["aws"]
    names = ("interrupted-1", "interrupted-2")

    def put(bucket: str, key: str, value: str) -> None:
        s3_object = backend.put_object(bucket, key, value.encode() * int(value[-5:]))
        s3_object.set_metadata({"x-amz-meta-value": value})
        assert len(s3_object.etag) == 34

    def delete(bucket: str, key: str, _: str) -> None:
        backend.delete_object(bucket, key)

    def recreate(bucket: str, *_: str) -> None:
        for key in "ab":
            backend.delete_object(bucket, key)
        backend.delete_bucket(bucket)
        backend.create_bucket(bucket, "us-east-1")

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        # Another thread may have deleted the bucket or content. While a bucket is deleted, moto recurses endlessly.
        with contextlib.suppress(S3ClientError, ValueError, RecursionError):
            environ["change"]()
        start_response("200 OK", [])
        return []

    def work(random: Random) -> None:
        for index in range(20):
            value = f"{id(random)}-{index}-{random.choice([1, 1, 4000]):05}"
            change = partial(
                random.choice([put] * 6 + [delete] * 3 + [recreate]), random.choice(names), random.choice("ab")
            )
            stored_application({"REQUEST_METHOD": "PUT", "change": partial(change, value)}, lambda *_: None)

    switch_interval = sys.getswitchinterval()
    with State(tmp_path) as state, ThreadPoolExecutor(8) as pool:
        state.restore()
        stored_application = state.write_through(application, error_response=pytest.fail)
        try:
            sys.setswitchinterval(1e-6)
            for round_number in range(30):
                for name in names:
                    stored_application(
                        {"REQUEST_METHOD": "PUT", "change": partial(backend.create_bucket, name, "us-east-1")}, print
                    )
                list(pool.map(work, [Random(8 * round_number + thread) for thread in range(8)]))
                check_stored(tmp_path, {name: backend.buckets[name].keys for name in names if name in backend.buckets})
        finally:
            sys.setswitchinterval(switch_interval)
            for name in {*names} & backend.buckets.keys():  # the last change may have deleted a bucket
                recreate(name)
                backend.delete_bucket(name)


def check_stored(folder: Path, buckets: dict[str, Any]) -> None:
    snapshot = {name: objects for name, objects in stored_objects(folder).items() if name.startswith("interrupted")}
    assert snapshot == {name: {key: item.value for key, item in keys.items()} for name, keys in buckets.items()}
    with contextlib.closing(sqlite3.connect(folder / "state.sqlite")) as connection:
        rows = connection.execute(
            "SELECT bucket, key, attributes FROM objects WHERE bucket LIKE 'interrupted%'"
        ).fetchall()
    for bucket, key, attributes in rows:
        value = json.loads(attributes)["metadata"]["x-amz-meta-value"]
        assert snapshot[bucket][key] == value.encode() * int(value[-5:])


@pytest.mark.timing
def test_a_simulator_with_ten_thousand_objects_starts_quickly(tmp_path: Path) -> None:
    with running("--state", tmp_path) as simulator, ThreadPoolExecutor(4) as pool:
        put = partial(simulator.client("s3").put_object, Bucket=BUCKET)
        list(pool.map(lambda number: put(Key=f"{number}", Body=f"{number} ".encode() * 100), range(10_000)))
    start = time.monotonic()
    with running("--state", tmp_path):
        assert time.monotonic() - start < 20
