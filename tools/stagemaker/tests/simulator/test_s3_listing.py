"""Bucket listings: the pages are correct and in order, and a large bucket is listed as fast as a small one."""

import itertools
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.simulator_client import Client, counter

from stagemaker.services.moto_inside.s3 import SortedKeys, entries, make_s3_bucket, put_s3_object, s3_buckets

ATTRIBUTES = {"storage": "STANDARD", "etag": "0" * 32, "metadata": {}, "checksum": {}}
KEYS = st.sets(st.text("ab/é\U0010ffff", min_size=1, max_size=6), max_size=30)


def list_entries(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    """Compute a listing's entries by checking every key, as moto does."""
    results = set()
    for key in keys:
        if key.startswith(prefix):
            inner, separator, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key[len(prefix) :], "", "")
            results.add(prefix + inner + separator)
    return sorted(results)


@given(KEYS, st.text("ab/", max_size=2), st.sampled_from(["", "/", "b", "//"]), st.integers(1, 5))
def test_pages_have_all_entries_in_order(keys: set[str], prefix: str, delimiter: str, size: int) -> None:
    expected, results, marker = list_entries(keys, prefix, delimiter), [], ""
    sorted_keys = SortedKeys(lambda: keys).get()
    while page := list(itertools.islice(entries(sorted_keys, prefix, delimiter, marker), size)):
        results += [entry for entry, _, _ in page]
        marker = results[-1]
        for entry, is_prefix, its_keys in page:
            assert its_keys == sorted(key for key in keys if (key.startswith(entry) if is_prefix else key == entry))
    assert results == expected


@pytest.fixture
def bucket(client: Client) -> str:
    name = f"listed-{next(counter)}"
    client.s3.create_bucket(Bucket=name)
    return name


def pages(client: Client, operation: str, bucket: str, member: str, size: int, **request: Any) -> Iterator[Any]:
    paginator = client.s3.get_paginator(operation)
    for page in paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": size}, **request):
        items = page.get(member, [])
        assert len(items) <= size
        yield from items


def test_objects_and_common_prefixes_are_paged(client: Client, bucket: str) -> None:
    keys = ["a%41", "a+b", "d/1", "d/2", "e/f/3", "e/f/4", "e/g", "z\u2028", "ü <&> z"]
    for key in keys:
        client.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    client.s3.delete_object(Bucket=bucket, Key="a+b")
    keys.remove("a+b")
    for operation, size in itertools.product(("list_objects", "list_objects_v2"), (1, 100)):
        objects = list(pages(client, operation, bucket, "Contents", size))
        assert [item["Key"] for item in objects] == keys
        assert objects[0].items() >= {"Size": 4, "StorageClass": "STANDARD"}.items()
        assert objects[0]["ETag"].startswith('"')
        filters = {"Delimiter": "/", "Prefix": "e/"}
        assert [item["Key"] for item in pages(client, operation, bucket, "Contents", size, **filters)] == ["e/g"]
        prefixes = pages(client, operation, bucket, "CommonPrefixes", size, **filters)
        assert [item["Prefix"] for item in prefixes] == ["e/f/"]


@pytest.fixture
def versioned_bucket(client: Client, bucket: str) -> str:
    client.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.mark.parametrize("size", [2, 100])
def test_versions_are_listed_on_pages_newest_first(size: int, client: Client, versioned_bucket: str) -> None:
    expected = []
    for key in ("a", "b", "c/d"):
        put = partial(client.s3.put_object, Bucket=versioned_bucket, Key=key)
        versions = [put(Body=body)["VersionId"] for body in (b"1", b"2", b"3")]
        expected += [(key, version, version == versions[-1]) for version in reversed(versions)]

    def listed(member: str, operation: str = "list_object_versions", **request: Any) -> list[Any]:
        return list(pages(client, operation, versioned_bucket, member, size, **request))

    assert [(item["Key"], item["VersionId"], item["IsLatest"]) for item in listed("Versions")] == expected
    marker = client.s3.delete_object(Bucket=versioned_bucket, Key="b")["VersionId"]
    assert [item["VersionId"] for item in listed("DeleteMarkers")] == [marker]
    assert [item["Key"] for item in listed("Versions") if item["IsLatest"]] == ["a", "c/d"]
    assert [item["Key"] for item in listed("Contents", "list_objects_v2")] == ["a", "c/d"]
    assert [item["Prefix"] for item in listed("CommonPrefixes", Delimiter="/")] == ["c/"]
    for kind in ("Versions", "DeleteMarkers"):
        for item in pages(client, "list_object_versions", versioned_bucket, kind, size):  # a page at a time
            client.s3.delete_object(Bucket=versioned_bucket, Key=item["Key"], VersionId=item["VersionId"])
    client.s3.delete_bucket(Bucket=versioned_bucket)


def test_a_response_has_at_most_a_thousand_objects(client: Client, bucket: str) -> None:
    moto_bucket = s3_buckets()[bucket]
    for index in range(1001):
        put_s3_object(moto_bucket, f"{index:04}", b"", ATTRIBUTES | {"time": moto_bucket.creation_date})
    response = client.s3.list_objects_v2(Bucket=bucket, MaxKeys=100_000)
    assert (response["KeyCount"], response["IsTruncated"]) == (1000, True)
    response = client.s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (response["KeyCount"], response["IsTruncated"]) == (0, False)


@pytest.mark.timing
def test_100_000_objects_are_listed_in_20_seconds(client: Client) -> None:
    bucket = make_s3_bucket(f"large-{next(counter)}", "123456789012", "aws", "us-east-1")
    for index in range(100_000):
        put_s3_object(bucket, f"{index % 100}/{index}", b"x", ATTRIBUTES | {"time": bucket.creation_date})
    start = time.monotonic()
    assert sum(1 for _ in pages(client, "list_objects_v2", bucket.name, "Contents", 1000)) == 100_000
    assert time.monotonic() - start < 20
