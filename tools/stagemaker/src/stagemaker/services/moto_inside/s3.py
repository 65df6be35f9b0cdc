"""S3: moto's backend, extended."""

import contextlib
import datetime
import re
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult
from moto.s3.exceptions import InvalidContinuationToken
from moto.s3.models import FakeDeleteMarker, FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response
from moto.s3.utils import _VersionedKeyStore, compute_checksum
from moto.utilities.utils import md5_hash

from stagemaker.protocol.errors import unsupported
from stagemaker.services import s3_changes

MAX_PAGE_SIZE = 1000  # entries; S3 returns no more, even on request
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
LISTINGS = {  # the root of the response, by operation
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
}
LISTED_NAMES = {"Versions": "Version", "DeleteMarkers": "DeleteMarker"}  # names in XML, by member
CHECKSUM = re.compile(rb"x-amz-checksum-\w+:(.+={1,2})")
TRAILER_BYTES = 1000  # maximum size of the lines after a request's body
CHECKSUM_ATTRIBUTES = ("checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts")


class SortedKeys:
    """A bucket's keys in S3's order, sorted again only after a change. all_keys: returns all keys in any order."""

    def __init__(self, all_keys: Callable[[], Iterable[str]]) -> None:
        self._all_keys = all_keys
        self._keys: list[str] | None = None
        self._lock = threading.Lock()

    def forget(self) -> None:
        with self._lock:
            self._keys = None

    def get(self) -> Sequence[str]:
        with self._lock:
            if self._keys is None:
                self._keys = sorted(self._all_keys())
            return self._keys


def entries(keys: Sequence[str], prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool, Sequence[str]]]:
    """Yield each entry of a listing that comes after `after`, whether it is a common prefix, and its keys.

    An entry is a key, or the common beginning of several keys up to the first delimiter after `prefix`.
    """
    position = max(bisect_left(keys, prefix), bisect_right(keys, after))
    while position < len(keys) and keys[position].startswith(prefix):
        key = keys[position]
        index = key.find(delimiter, len(prefix)) if delimiter else -1
        entry, end = key, position + 1
        if index >= 0:
            entry = key[: index + len(delimiter)]
            end = bisect_left(keys, True, position, key=partial(_is_after, entry))
        if entry > after:  # a common prefix can be `after` itself
            yield entry, index >= 0, keys[position:end]
        position = end


def _is_after(common_prefix: str, key: str) -> bool:
    return not key.startswith(common_prefix)


class S3(S3Backend):
    """S3, where listing a page does not take longer in a larger bucket, and only EventBridge can be notified."""

    __module__ = S3Backend.__module__  # where moto looks for the URLs of the service

    @property
    def url_paths(self) -> Any:
        return {path: getattr(S3Responses, handler.__name__) for path, handler in super().url_paths.items()}

    def put_bucket_notification_configuration(self, bucket_name: str, notification_config: dict[str, Any]) -> None:
        for kind in ("Topic", "Queue", "CloudFunction"):
            if notification_config.get(f"{kind}Configuration"):
                raise unsupported(f"{kind}Configuration", "a bucket can only notify EventBridge")
        super().put_bucket_notification_configuration(bucket_name, notification_config)

    def list_objects(
        self, bucket: Any, prefix: str | None, delimiter: str | None, marker: str | None, max_keys: int | None
    ) -> tuple[Any, Any, bool, str | None]:
        after = self._pagination_tokens.get(marker or "", marker or "")
        page, next_token = self._page(bucket.keys, prefix, delimiter, after, max_keys)
        keys = [item for item in page if not isinstance(item, str)]
        return keys, [item for item in page if isinstance(item, str)], next_token is not None, next_token

    def list_objects_v2(
        self,
        bucket: Any,
        prefix: str | None,
        delimiter: str | None,
        continuation_token: str | None,
        start_after: str | None,
        max_keys: int | None,
    ) -> tuple[Any, bool, str | None]:
        after = start_after or ""
        if continuation_token:
            if continuation_token not in self._pagination_tokens:
                raise InvalidContinuationToken()
            after = self._pagination_tokens[continuation_token]
        page, next_token = self._page(bucket.keys, prefix, delimiter, after, max_keys)
        return page, next_token is not None, next_token

    def _page(
        self, keys: "WatchedKeys", prefix: str | None, delimiter: str | None, after: str, max_keys: int | None
    ) -> tuple[list[Any], str | None]:
        def items() -> Iterator[tuple[str, Any]]:
            for entry, is_prefix, entry_keys in entries(keys.sorted_keys.get(), prefix or "", delimiter or "", after):
                objects = (item for key in entry_keys if isinstance(item := keys.get(key), FakeKey))
                if (first_object := next(objects, None)) is not None:  # None: they have been deleted
                    yield entry, entry if is_prefix else first_object

        page, has_more, token = *_first_page(items(), max_keys), None
        if has_more:
            token = md5_hash(page[-1][0].encode()).hexdigest()
            self._pagination_tokens[token] = page[-1][0]
        return [item for _, item in page], token

    def list_object_versions(
        self,
        bucket_name: str,
        delimiter: str | None = None,
        key_marker: str | None = None,
        max_keys: int | None = MAX_PAGE_SIZE,
        prefix: str = "",
        version_id_marker: str | None = None,
    ) -> tuple[Any, list[str], Any, str | None, str | None]:
        keys: WatchedKeys = self.get_bucket(bucket_name).keys  # type: ignore[assignment]

        def versions(key: str) -> list[Any]:
            newest_first = list(reversed(keys.getlist(key, [])))
            for index, version in enumerate(newest_first):
                version.is_latest = index == 0
            return newest_first

        def items() -> Iterator[Any]:
            if key_marker and version_id_marker and key_marker.startswith(prefix):
                # the last page may have ended between two versions of a key, which may have been deleted since
                key_versions = versions(key_marker)
                indices = [index for index, item in enumerate(key_versions, 1) if item.version_id == version_id_marker]
                yield from key_versions[max(indices, default=0) :]
            for entry, is_prefix, _ in entries(keys.sorted_keys.get(), prefix, delimiter or "", key_marker or ""):
                yield from [entry] if is_prefix else versions(entry)

        page, has_more = _first_page(items(), max_keys)
        next_marker = _marker(page[-1]) if has_more else (None, None)
        objects, markers = ([item for item in page if isinstance(item, kind)] for kind in (FakeKey, FakeDeleteMarker))
        prefixes = [item for item in page if isinstance(item, str)]
        return objects, prefixes, markers, *next_marker


def _first_page(items: Iterator[Any], max_keys: int | None) -> tuple[list[Any], bool]:
    """Return the first page of items, and whether another page follows. An empty page is always the last one."""
    limit = MAX_PAGE_SIZE if max_keys is None else max(0, min(max_keys, MAX_PAGE_SIZE))
    page = list(islice(items, limit))
    return page, bool(page) and next(items, None) is not None


def _marker(item: Any) -> tuple[str, str | None]:
    return (item, None) if isinstance(item, str) else (item.name, item.version_id)


class S3Responses(S3Response):
    """moto's S3 operations. Listings are serialised directly, several times faster than in moto."""

    def serialized(self, action_result: ActionResult) -> Any:
        if (root := LISTINGS.get(self._get_action())) is None:
            return super().serialized(action_result)
        result: Any = action_result.result
        members = {LISTED_NAMES.get(name, name): value for name, value in result.items()}
        body = f'<?xml version="1.0" encoding="utf-8"?>\n<{root} xmlns="{NAMESPACE}">{_xml_members(members)}</{root}>'
        return 200, {"Content-Type": "application/xml"} | self.response_headers, body

    def _get_checksum(self, response_headers: dict[str, Any]) -> tuple[str, str | None]:
        """Return the checksum's algorithm and value. Only the body's end is searched, as moto's search is quadratic."""
        algorithm = self.headers.get("x-amz-sdk-checksum-algorithm", "")
        header = f"x-amz-checksum-{algorithm.lower()}"
        if not algorithm or self.headers.get(header):
            return super()._get_checksum(response_headers)
        match = CHECKSUM.search(self.raw_body[-TRAILER_BYTES:])
        value = match[1] if match else compute_checksum(self.raw_body, algorithm=algorithm)
        response_headers[header] = value.decode()
        return algorithm, response_headers[header]


def _xml_members(members: Mapping[str, Any]) -> str:
    return "".join(_xml(name, value) for name, value in members.items() if value is not None)


def _xml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_xml(name, item) for item in value)
    if isinstance(value, dict):
        content = _xml_members(value)
    elif isinstance(value, datetime.datetime):
        content = f"{value:%Y-%m-%dT%H:%M:%S.000Z}"
    else:
        content = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{content}</{name}>"


class WatchedKeys(_VersionedKeyStore):
    """moto's mapping of a bucket's keys to objects, which also records changes. sorted_keys: the keys in order."""

    def __init__(self) -> None:
        super().__init__()
        self.sorted_keys = SortedKeys(self._self_iterable)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._record_change(key)

    def setlist(self, key: str, list_: Any) -> None:
        super().setlist(key, list_)
        self._record_change(key)

    def pop(self, key: str) -> None:  # type: ignore[override]
        super().pop(key)
        self._record_change(key)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._record_change(key)

    def _record_change(self, key: str) -> None:
        self.sorted_keys.forget()
        s3_changes.record_change(self, key)


def s3_buckets() -> dict[str, Any]:
    """Return moto's buckets by name, which is unique across accounts."""
    backends = [backend for account in list(s3_backends.values()) for backend in list(account.values())]
    return {name: bucket for backend in backends for name, bucket in backend.buckets.copy().items()}


def make_s3_bucket(name: str, account: str, partition: str, region: str) -> Any:
    backend = s3_backends[account][partition]
    return backend.buckets[name] if name in backend.buckets else backend.create_bucket(name, region)


def read_s3_object(bucket: str, key: str) -> tuple[bytes, dict[str, Any]] | None:
    """Return an object's content and attributes, or None if it does not exist. Other threads may replace it meanwhile.

    Raises OSError if the content cannot be read.
    """
    for _ in range(1000):
        moto_bucket = s3_buckets().get(bucket)
        moto_object = moto_bucket.keys.get(key) if moto_bucket else None
        if not isinstance(moto_object, FakeKey):  # the key does not exist or is a delete marker
            return None
        with contextlib.suppress(ValueError):  # moto closes the content before it replaces or removes the object
            return moto_object.value, {
                "metadata": dict(moto_object.metadata),
                "storage": moto_object.storage_class,
                "etag": moto_object._etag,  # None if moto has not computed it yet, which another thread may be doing
                "time": moto_object.last_modified,
                "checksum": {name: getattr(moto_object, name) for name in CHECKSUM_ATTRIBUTES},
            }
        time.sleep(0.001)
    raise OSError(f"s3://{bucket}/{key}: the content could not be read from moto; upload the object again")


def put_s3_object(bucket: Any, key: str, value: bytes, attributes: Mapping[str, Any]) -> None:
    """Put an object into a moto bucket. value, attributes: as `read_s3_object` returns them."""
    moto_object = s3_backends[bucket.account_id][bucket.partition].put_object(
        bucket.name, key, value, storage=attributes["storage"], etag=attributes["etag"], disable_notification=True
    )
    moto_object.set_metadata(attributes["metadata"])
    moto_object.last_modified = attributes["time"]
    for name, checksum in attributes["checksum"].items():
        setattr(moto_object, name, checksum)
