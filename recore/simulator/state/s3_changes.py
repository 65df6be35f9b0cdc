"""Which objects of moto's S3 have changed: noticed where moto stores them, whatever request or service changed them.

A request does not say it as surely: the bucket may be in its path, its host or an access point, the keys in a form or
in XML, and some services write to S3 themselves.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from moto.s3 import models
from moto.s3.utils import _VersionedKeyStore

Change = tuple["WatchedKeys", str]

_watching: list["Changes"] = []


class WatchedKeys(_VersionedKeyStore):
    """The objects of one bucket by key, as moto stores them. Each change is noted for all who watch."""

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
        for changes in tuple(_watching):
            changes.note((self, key))


# Every bucket's objects are watched from the moment when moto makes the bucket.
models._VersionedKeyStore = WatchedKeys  # type: ignore[attr-defined]


class Changes:
    """The changes since watching began, separately for each request: moto may still be at work on another one's."""

    def __init__(self) -> None:
        self._of_thread = threading.local()
        self._others: deque[Change] = deque()

    def watch(self) -> None:
        _watching.append(self)

    def unwatch(self) -> None:
        if self in _watching:
            _watching.remove(self)

    @contextlib.contextmanager
    def of_request(self) -> Iterator[list[Change]]:
        """The changes that this thread makes meanwhile. Those of a request that raises become others'."""
        changes: list[Change] = []
        self._of_thread.changes = changes
        try:
            yield changes
        except BaseException:
            self._others += changes
            raise
        finally:
            del self._of_thread.changes

    def note(self, change: Change) -> None:
        getattr(self._of_thread, "changes", self._others).append(change)

    def take_others(self) -> list[Change]:
        """The changes that no request of this simulator made; each is returned once."""
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._others.popleft())
        return taken
