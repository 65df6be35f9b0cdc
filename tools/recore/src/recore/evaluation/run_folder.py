"""Run the four steps, and save the run's folder and record atomically, even if the run is interrupted."""

import errno
import itertools
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from recore.challenge import SCORE_SCRIPT
from recore.distribution import shell_program
from recore.evaluation.data import find_data_files
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.leaderboard import find_recomputed
from recore.evaluation.record import make_record, write_record
from recore.evaluation.step import Step
from recore.failures import explain_failure
from recore.outputs import check_writable
from recore.text import plain
from stagemaker import interrupts, locked

PART_SUFFIX = ".part"  # the suffix of a run that is not complete yet
INCOMPLETE_SUFFIX = "-without-run.json"  # the suffix of a run whose record could not be written


class RunFolder:
    """The folder of a run in progress, which is removed when the context exits unless finish() was called.

    destination: its final path. Raises FileExistsError if the path exists, or OSError if it is not writable.
    """

    def __init__(self, destination: Path):
        self.destination = destination
        self._lock: locked.FolderLock | None = None
        if destination.exists() or destination.is_symlink():
            raise FileExistsError(f"{destination} already exists, and a run is never overwritten; choose another --out")
        check_writable(destination)

    def __enter__(self) -> "RunFolder":
        self.destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.path, self._lock = locked.make(self.destination.parent, ".run-", PART_SUFFIX)
            mask = os.umask(0)
            os.umask(mask)
            self.path.chmod(0o777 & ~mask)
        except BaseException:
            self._remove()
            raise
        return self

    def finish(self, complete: bool = True) -> Path:
        """Rename the folder to its final name, with a number if that name is already taken, and return the new path.

        complete: whether the folder contains run.json; if not, the name gets a suffix that says so.
        """
        name = self.destination.name if complete else f"{self.destination.name}{INCOMPLETE_SUFFIX}"
        for number in itertools.count(1):
            path = self.destination.with_name(name if number == 1 else f"{name}-{number}")
            try:
                if not path.exists() and not path.is_symlink():
                    return self.path.rename(path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        raise AssertionError

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._lock:
            shutil.rmtree(self.path, ignore_errors=True)
            self._lock.close()


def run_and_keep(
    run: EvaluationRun,
    run_folder: RunFolder,
    context: dict[str, Any],
    progress: AbstractContextManager[Callable[[Step], None]],
) -> tuple[dict[str, Any], bool]:
    """Run the steps, write run.json and keep the folder. Return the record and whether the run was interrupted.

    context: additional members of run.json. progress: a context manager around the steps; it yields a function to call
    with each step that changes. An interrupt after the steps takes effect when the folder is kept. Raises OSError like
    `keep_run`.
    """
    interrupted = False
    try:
        with progress as watch:
            run.execute(watch)
    except KeyboardInterrupt:
        interrupted = True
    record = keep_run(run, run_folder, context)
    try:
        interrupts.check()
    except KeyboardInterrupt:
        interrupted = True
    return record, interrupted


def keep_run(run: EvaluationRun, run_folder: RunFolder, context: dict[str, Any]) -> dict[str, Any]:
    """Write run.json of a finished run, rename its folder to the final name, and return the record.

    Raises OSError if run.json cannot be written; the folder's name then gets a suffix that says so.
    """
    record = make_record(run, context)
    record |= find_recomputed(run_folder.destination.parent, record)
    try:
        (run_folder.path / SCORE_SCRIPT).write_bytes(run.score_script)
        write_record(record, run_folder.path)
    except OSError as error:  # the disk is full
        reason = f"run.json could not be written ({error.strerror}); the run's other files are kept"
        raise OSError(f"{run_folder.finish(complete=False)}: {reason}") from error
    run.folder = run_folder.finish()
    return record


def explain_failures(run: EvaluationRun, installs: bool) -> Iterator[str]:
    """Yield lines about steps that failed, have no result or have a note; each reason is explained once."""
    if run.simulator_error:
        yield f"recore: {run.simulator_error}"
        return
    reasons = set()
    for step in run.steps.values():
        if step.note:
            yield f"run: {step.note}"
        if step.completed and step.reason:
            yield f"run: no {step.name}: {plain(step.reason)}"
        if step.state != "Failed":
            continue
        if step.reason in reasons:
            log = run.folder / "logs" / step.log
            yield f"recore: {step.name} failed for the same reason" + (f"; its log: {log}" if log.exists() else "")
        else:
            yield from explain_failure(step, run.folder, run.submission.path, installs)
        reasons.add(step.reason)


def next_command(run: EvaluationRun) -> str | None:
    """Return the most useful next command, or None if the run was stopped or its simulator is gone.

    This is `recore check` after success or a failure caused by the submission, a command that shows the log after a
    failure that check does not repeat, on private data or with --set, or `recore doctor` after one outside the jobs.
    """
    if run.state == "Stopped" or run.simulator_error:
        return None
    failed = next((step for step in run.steps.values() if step.state == "Failed"), None)
    if failed and failed.outside:
        return f"{shell_program()} doctor"
    if failed and (failed.name.startswith("private") or run.settings.hyperparameters):
        return shlex.join(["less", str(run.folder / "logs" / failed.log)])
    submission = run.submission.path
    words = [] if submission == Path() else [str(submission)]
    if run.data.public != find_data_files(submission).public:
        words += ["--public", str(run.data.public)]
    if run.is_third_party:
        words.append("--for-host")
    return " ".join([shell_program(), "check", *map(shlex.quote, words)])
