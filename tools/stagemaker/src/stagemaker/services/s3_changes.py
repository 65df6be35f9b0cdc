"""Record which objects in moto's S3 change, by watching moto's dictionaries.

Requests do not show this reliably: the bucket may be in the path, the host or an access point, the keys may be in a
form or in XML, and some services write to S3 themselves.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

Change = tuple[object, str]  # a moto mapping from a bucket's keys to its objects, and a key

_watchers: set["Changes"] = set()


def record_change(keys: object, key: str) -> None:
    """Notify every watching `Changes` object of a change. keys: the changed moto mapping. key: the changed key."""
    for changes in tuple(_watchers):
        changes.record((keys, key))


class Changes:
    """The changes since watching began, kept separately for each request, because requests run concurrently."""

    def __init__(self) -> None:
        self._thread_local = threading.local()
        self._uncollected_changes: deque[Change] = deque()

    def watch(self) -> None:
        _watchers.add(self)

    def unwatch(self) -> None:
        _watchers.discard(self)

    @contextlib.contextmanager
    def collect_for_request(self) -> Iterator[list[Change]]:
        """Collect the changes that this thread makes within the context, except in nested contexts.

        If the context ends with an exception, `take_other_changes` returns these changes.
        """
        changes: list[Change] = []
        outer_changes = getattr(self._thread_local, "changes", self._uncollected_changes)
        self._thread_local.changes = changes
        try:
            yield changes
        except BaseException:
            self._uncollected_changes += changes
            raise
        finally:
            self._thread_local.changes = outer_changes

    def record(self, change: Change) -> None:
        getattr(self._thread_local, "changes", self._uncollected_changes).append(change)

    def take_other_changes(self) -> list[Change]:
        """Return and forget the changes that were made outside requests to this simulator or in failed requests."""
        other_changes = []
        with contextlib.suppress(IndexError):
            while True:
                other_changes.append(self._uncollected_changes.popleft())
        return other_changes
