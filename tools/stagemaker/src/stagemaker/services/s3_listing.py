"""Pages of the listing of a bucket, cut from its sorted keys: a page of a large bucket takes no longer than another."""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

LARGEST_PAGE = 1000  # entries; S3 returns no more, whatever a request asks for


class SortedKeys:
    """The keys of a bucket in S3's order, sorted again only after a change. all_keys: returns them in any order."""

    def __init__(self, all_keys: Callable[[], Iterable[str]]) -> None:
        self._all_keys = all_keys
        self._keys: list[str] | None = None
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Note that a key has been added or removed."""
        with self._lock:
            self._keys = None

    def get(self) -> Sequence[str]:
        with self._lock:
            if self._keys is None:
                self._keys = sorted(self._all_keys())
            return self._keys


def entries(keys: Sequence[str], prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool, Sequence[str]]]:
    """Yield the entries of a listing that come after `after`: the entry, whether it is a common prefix, and its keys.

    An entry is a key, or what several keys have in common up to the first delimiter behind `prefix`.
    """
    position = max(bisect_left(keys, prefix), bisect_right(keys, after))
    while position < len(keys) and keys[position].startswith(prefix):
        key = keys[position]
        place = key.find(delimiter, len(prefix)) if delimiter else -1
        entry, end = key, position + 1
        if place >= 0:
            entry = key[: place + len(delimiter)]
            end = bisect_left(keys, True, position, key=partial(_is_behind, entry))
        if entry > after:  # a common prefix can be `after` itself
            yield entry, place >= 0, keys[position:end]
        position = end


def _is_behind(common_prefix: str, key: str) -> bool:
    return not key.startswith(common_prefix)
