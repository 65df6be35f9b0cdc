"""A state folder: resource records and S3 objects, written to disk before the simulator responds."""

import contextlib
import fcntl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stagemaker.services.s3_changes import Change, Changes
from stagemaker.state.database import Database, sync_folder
from stagemaker.state.records import Store
from stagemaker.state.stored_objects import StoredObjects
from stagemaker.text import printable_logger

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

logger = printable_logger(__name__)


class State:
    """A folder that outlives a simulator: `state.sqlite`, and `s3/` with the contents of large objects.

    Use it as a context manager. records: the store of resource records, while the context is open.
    """

    records: Store

    def __init__(self, folder: Path):
        self.folder = folder
        self._exit_stack = contextlib.ExitStack()
        self._changes = Changes()
        self._is_restored = False  # nothing can have changed before that
        self._failed_changes: list[Change] = []  # changes that could not be written; their requests failed

    def __enter__(self) -> "State":
        """Lock the folder and open the database; create either if it is missing.

        Raises OSError, and changes nothing, if another simulator uses the folder, if it is not writable, or if another
        version or program wrote its contents.
        """
        with contextlib.ExitStack() as exit_stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = exit_stack.enter_context(open(self.folder / "lock", "w"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OSError(f"{self.folder} is in use by another simulator") from None
            except OSError as error:
                fix = "allow this user to write to it, or use another folder"
                raise OSError(f"{self.folder}: the folder could not be used ({error.strerror}); {fix}") from error
            database, contents = self.folder / "state.sqlite", self.folder / "s3"
            self._check(database, contents)
            opened_database = exit_stack.enter_context(contextlib.closing(Database.open(database)))
            contents.mkdir(exist_ok=True)
            sync_folder(self.folder)
            self._objects = StoredObjects(opened_database, contents)
            self.records = Store(opened_database)
            self._is_restored = False
            self._changes.watch()
            exit_stack.callback(self._changes.unwatch)
            exit_stack.callback(
                lambda: self._store_or_log([*self._failed_changes, *self._changes.take_other_changes()])
            )
            self._exit_stack = exit_stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._exit_stack.close()

    def check(self) -> None:
        """Raise OSError if a file of an S3 object is missing, in which case `restore` would fail."""
        self._objects.check()

    def restore(self) -> None:
        """Copy the S3 objects to moto, before the first request to it. Raises OSError if a file is missing."""
        with self._changes.collect_for_request():  # these changes are already on disk
            self._objects.restore()
        self._is_restored = True

    def write_through(self, application: Wsgi, error_response: Callable[[OSError], Wsgi]) -> Wsgi:
        """Wrap an application so that it responds to a request only after the request's changes to S3 are on disk.

        error_response: returns the response to a request whose changes could not be written.
        """

        def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            start_arguments: list[Any] = []
            with self._changes.collect_for_request() as changes:
                body = application(environ, lambda *arguments: start_arguments.extend(arguments))
            # Only objects are watched. Buckets are compared after each request, except after requests that never change
            # them: reads, and requests with the header X-Amz-Target, which are for services other than S3.
            keeps_buckets = environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS") or "HTTP_X_AMZ_TARGET" in environ
            try:
                if self._is_restored and (changes or not keeps_buckets):
                    self._store(changes)
            except OSError as error:
                getattr(body, "close", lambda: None)()
                return error_response(error)(environ, start_response)
            finally:
                self._store_or_log(self._changes.take_other_changes())
            start_response(*start_arguments)
            return body

        return respond

    def _store(self, changes: list[Change]) -> None:
        """Write changes to disk. If this fails, raises OSError, and the next successful write includes the changes."""
        try:
            self._objects.store_buckets()
            self._objects.store(changes)
        except BaseException:
            self._failed_changes += changes
            raise
        failed_changes, self._failed_changes = self._failed_changes, []
        try:
            self._objects.store(failed_changes)
        except BaseException as error:
            self._failed_changes += failed_changes
            if not isinstance(error, OSError):
                raise

    def _store_or_log(self, changes: list[Change]) -> None:
        try:
            if changes:
                self._store(changes)
        except OSError as error:
            logger.error("%s", error)

    def _check(self, database: Path, contents: Path) -> None:
        old_records = self.folder / "records"
        if old_records.exists():
            problem = "an earlier version of stagemaker wrote it"
            raise OSError(f"{old_records}: {problem}; use that version, or another folder")
        if not database.exists() and contents.is_dir() and any(contents.iterdir()):
            raise OSError(f"{database} is missing and is needed to read {contents}; restore it from a backup")
