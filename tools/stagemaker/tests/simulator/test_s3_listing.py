"""Listings of buckets: the right pages in order, as fast in a large bucket as in a small one."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.simulator_client import Client, numbers

from stagemaker.services.moto_inside.s3 import SortedKeys, entries, make_s3_bucket, put_s3_object, s3_buckets

KEYS = st.sets(st.text("ab/é\U0010ffff", min_size=1, max_size=6), max_size=30)


def entries_one_by_one(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    """Return a listing's entries by looking at every key, as moto does."""
    found = set()
    for key in keys:
        if key.startswith(prefix):
            inner, separator, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key[len(prefix) :], "", "")
            found.add(prefix + inner + separator)
    return sorted(found)


@given(KEYS, st.text("ab/", max_size=2), st.sampled_from(["", "/", "b", "//"]), st.integers(1, 5))
def test_pages_have_all_entries_in_order(keys: set[str], prefix: str, delimiter: str, size: int) -> None:
    expected, found, after = entries_one_by_one(keys, prefix, delimiter), [], ""
    ordered = SortedKeys(lambda: keys).get()
    while page := list(itertools.islice(entries(ordered, prefix, delimiter, after), size)):
        found += [entry for entry, _, _ in page]
        after = found[-1]
        for entry, is_prefix, its_keys in page:
            assert its_keys == sorted(key for key in keys if (key.startswith(entry) if is_prefix else key == entry))
    assert found == expected


@pytest.fixture
def bucket(client: Client) -> str:
    name = f"listed-{next(numbers)}"
    client.s3.create_bucket(Bucket=name)
    return name


def pages(client: Client, operation: str, bucket: str, member: str, size: int, **request: Any) -> Iterator[Any]:
    paginator = client.s3.get_paginator(operation)
    for page in paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": size}, **request):
        items = page.get(member, [])
        assert len(items) <= size
        yield from items


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 100])
def test_objects_and_common_prefixes_are_paged(operation: str, size: int, client: Client, bucket: str) -> None:
    keys = ["a%41", "a+b", "d/1", "d/2", "e/f/3", "e/f/4", "e/g", "z\u2028", "ü <&> z"]
    for key in keys:
        client.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    client.s3.delete_object(Bucket=bucket, Key="a+b")
    keys.remove("a+b")
    listed = list(pages(client, operation, bucket, "Contents", size))
    assert [item["Key"] for item in listed] == keys
    assert listed[0].items() >= {"Size": 4, "StorageClass": "STANDARD"}.items()
    assert listed[0]["ETag"].startswith('"')
    request = {"Delimiter": "/", "Prefix": "e/"}
    assert [item["Key"] for item in pages(client, operation, bucket, "Contents", size, **request)] == ["e/g"]
    assert [item["Prefix"] for item in pages(client, operation, bucket, "CommonPrefixes", size, **request)] == ["e/f/"]


@pytest.mark.parametrize("size", [2, 100])
def test_versions_are_listed_on_pages_newest_first(size: int, client: Client, bucket: str) -> None:
    client.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    expected = []
    for key in ("a", "b", "c/d"):
        versions = [client.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"] for body in (b"1", b"2", b"3")]
        expected += [(key, version, version == versions[-1]) for version in reversed(versions)]
    listed = pages(client, "list_object_versions", bucket, "Versions", size)
    assert [(item["Key"], item["VersionId"], item["IsLatest"]) for item in listed] == expected
    marker = client.s3.delete_object(Bucket=bucket, Key="b")["VersionId"]
    assert [item["VersionId"] for item in pages(client, "list_object_versions", bucket, "DeleteMarkers", size)] == [
        marker
    ]
    latest = [item for item in pages(client, "list_object_versions", bucket, "Versions", size) if item["IsLatest"]]
    assert [item["Key"] for item in latest] == ["a", "c/d"]
    assert [item["Key"] for item in pages(client, "list_objects_v2", bucket, "Contents", size)] == ["a", "c/d"]
    prefixes = pages(client, "list_object_versions", bucket, "CommonPrefixes", size, Delimiter="/")
    assert [item["Prefix"] for item in prefixes] == ["c/"]


def test_a_versioned_bucket_is_emptied_page_by_page(client: Client, bucket: str) -> None:
    client.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(10):
        client.s3.put_object(Bucket=bucket, Key=f"k{number // 5}", Body=b"x")
    for item in pages(client, "list_object_versions", bucket, "Versions", 2):
        client.s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
    client.s3.delete_bucket(Bucket=bucket)


def test_a_response_has_at_most_a_thousand_objects(client: Client, bucket: str) -> None:
    moto_bucket = s3_buckets()[bucket]
    attributes = {"storage": "STANDARD", "etag": "0" * 32, "metadata": {}, "time": None, "checksum": {}}
    for number in range(1001):
        put_s3_object(moto_bucket, f"{number:04}", b"", attributes | {"time": moto_bucket.creation_date})
    response = client.s3.list_objects_v2(Bucket=bucket, MaxKeys=100_000)
    assert (response["KeyCount"], response["IsTruncated"]) == (1000, True)
    response = client.s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (response["KeyCount"], response["IsTruncated"]) == (0, False)


@pytest.mark.timing
def test_100_000_objects_are_listed_in_20_seconds(client: Client) -> None:
    bucket = make_s3_bucket(f"large-{next(numbers)}", "123456789012", "aws", "us-east-1")
    attributes = {"storage": "STANDARD", "etag": "0" * 32, "metadata": {}, "checksum": {}}
    for number in range(100_000):
        put_s3_object(bucket, f"{number % 100}/{number}", b"x", attributes | {"time": bucket.creation_date})
    start = time.monotonic()
    assert sum(1 for _ in pages(client, "list_objects_v2", bucket.name, "Contents", 1000)) == 100_000
    assert time.monotonic() - start < 20
