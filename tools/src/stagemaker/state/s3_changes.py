"""Records which objects in moto's S3 change, by watching the dictionaries in which moto stores them.

Requests do not show this reliably: the bucket may be in the path, the host or an access point, the keys may be in a
form or in XML, and some services write to S3 themselves.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from moto.s3 import models
from moto.s3.utils import _VersionedKeyStore

Change = tuple["WatchedKeys", str]

_watchers: set["Changes"] = set()


class WatchedKeys(_VersionedKeyStore):
    """moto's mapping from a bucket's keys to its objects. Every watching `Changes` is notified of each change."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._note(key)

    def setlist(self, key: str, list_: Any) -> None:
        super().setlist(key, list_)
        self._note(key)

    def pop(self, key: str) -> None:  # type: ignore[override]
        super().pop(key)
        self._note(key)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._note(key)

    def _note(self, key: str) -> None:
        for changes in tuple(_watchers):
            changes.note((self, key))


# From now on, moto creates buckets with this class.
models._VersionedKeyStore = WatchedKeys  # type: ignore[attr-defined]


class Changes:
    """The changes since watching began, recorded per request, because several requests run at the same time."""

    def __init__(self) -> None:
        self._thread_local = threading.local()
        self._uncollected_changes: deque[Change] = deque()

    def watch(self) -> None:
        _watchers.add(self)

    def unwatch(self) -> None:
        _watchers.discard(self)

    @contextlib.contextmanager
    def collect_for_request(self) -> Iterator[list[Change]]:
        """Collect the changes that this thread makes within the context.

        If the context ends with an exception, `take_other_changes` returns these changes.
        """
        changes: list[Change] = []
        self._thread_local.changes = changes
        try:
            yield changes
        except BaseException:
            self._uncollected_changes += changes
            raise
        finally:
            del self._thread_local.changes

    def note(self, change: Change) -> None:
        getattr(self._thread_local, "changes", self._uncollected_changes).append(change)

    def take_other_changes(self) -> list[Change]:
        """Return and forget the changes that were not collected for a request to this simulator."""
        other_changes = []
        with contextlib.suppress(IndexError):
            while True:
                other_changes.append(self._uncollected_changes.popleft())
        return other_changes
