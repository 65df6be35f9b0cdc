"""Judge submissions on the same data, several at a time. Each runs once; finished runs are not repeated."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recore.backends import Backend
from recore.challenge import score_script
from recore.data_file import sha256_of
from recore.evaluation.data import DataFiles
from recore.evaluation.fleet.wheels import WheelHouse, Wheels
from recore.evaluation.four_steps import POLL_SECONDS, EvaluationRun
from recore.evaluation.host_findings import collect_findings
from recore.evaluation.job_requests import RunSettings, make_round_id
from recore.evaluation.job_runner import TIMED_OUT
from recore.evaluation.leaderboard import read_runs, runs_of
from recore.evaluation.pace import Pace
from recore.evaluation.record import MAX_REASON, Record, read_record
from recore.evaluation.run_folder import RunFolder, keep_run
from recore.evaluation.scores import HELD_OUT
from recore.evaluation.step import Step
from recore.evaluation.submission import SubmissionFiles, read_submission
from recore.text import plain
from recore.thread_pool import ThreadPool
from stagemaker import interrupts

DOUBTFUL_EXCESS = 0.3  # of an unverified held-out score over the private score, as a share of the best score


@dataclass
class Entry:
    """A submission in a round. files: its files; None if unreadable. record: the record of its run, if any.

    problem: the reason why it could not be judged or must be rerun.
    """

    path: Path
    files: SubmissionFiles | None = None
    record: Record | None = None
    problem: str | None = None

    @property
    def result(self) -> str:
        """The outcome of the run, or the reason why the submission was not judged."""
        if self.record is None:
            return f"not judged: {self.problem or 'interrupted'}"
        record = self.record
        result = "completed" if record.has_all_results else record.explain_result()
        if record.recomputed_held_out is not None and HELD_OUT in record.scores:
            recomputed, unverified = record.show(HELD_OUT), f"{record.scores[HELD_OUT].value:.4f}"
            if recomputed != unverified:
                result += f"; held-out score {recomputed} recomputed, {unverified} unverified"
        return f"{result}; {self.problem}" if self.problem else result

    @property
    def rank(self) -> tuple[float, ...]:
        """The sort key by private score. Entries that were not judged come first, the best entry last."""
        return self.record.rank(private_first=True) if self.record else ()

    @property
    def folder_name(self) -> str:
        """The submission's name with the beginning of its hash."""
        name = re.sub(r"[^\w-]+", "-", self.path.resolve().name.removesuffix(".tar.gz")).strip("-") or "submission"
        return f"{name}-{self.files.sha256[:8]}" if self.files else name


def entries_to_recompute(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose held-out scores must be recomputed: doubtful scores and ties.

    An unverified score far above the private score proves nothing, because the private drill holes may differ. The
    held-out scores of entries with equal private scores decide their order, so all of them must be recomputed.
    """
    groups: dict[float, list[tuple[Entry, Record]]] = {}
    for entry in entries:
        if entry.record and entry.record.has_all_results and "private" in entry.record.values:
            groups.setdefault(entry.record.values["private"], []).append((entry, entry.record))
    chosen = []
    for private, group in groups.items():
        is_tied = len({record.submission_sha256 for _, record in group}) > 1
        is_undecided = is_tied and any(record.held_out_is_unverified for _, record in group)
        for entry, record in group:
            score = record.scores.get(HELD_OUT)
            doubtful = score and score.value - max(private, 0.0) > DOUBTFUL_EXCESS * score.weights_scored
            if record.recomputed_held_out is None and (is_undecided or doubtful):
                chosen.append(entry)
    return chosen


@dataclass
class Round:
    """A round of judging: the data, the host's score.py and the folder for the runs.

    seconds: the time limit of train.py and preprocess.py. invalid: error messages about invalid records.
    """

    data: DataFiles
    folder: Path
    seconds: int
    score_script: Path = field(default_factory=score_script)
    invalid: list[str] = field(default_factory=list)
    _runs: list[EvaluationRun] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def read(self, paths: Sequence[Path]) -> list[Entry]:
        """Read the submissions, and find the runs of submissions that were judged before.

        A run counts if its files, data and score.py are the same, and if it completed, or failed because of the
        submission but not because of a shorter time limit. Raises ValueError or OSError if the data are invalid.
        """
        self.data.check()
        data = {name: sha256_of(path) for name, path in self.data.files.items()}
        score = sha256_of(self.score_script)
        entries = [Entry(path) for path in dict.fromkeys(paths)]
        runs, self.invalid = read_runs(self.folder) if self.folder.is_dir() else ([], [])
        for entry in entries:
            try:
                entry.files = read_submission(entry.path)
            except (ValueError, OSError) as error:
                entry.problem = plain(str(error), MAX_REASON)
                continue
            for record in runs_of(runs, entry.files.sha256, data):
                if record.score_sha256 == score and self._is_final(record):
                    entry.record = record
        return entries

    def judge(
        self,
        backend: Backend,
        entries: Sequence[Entry],
        pace: Pace,
        context: dict[str, Any],
        watch: Callable[[Step], None],
        ended: Callable[[Entry], None],
        packages: WheelHouse | None = None,
    ) -> None:
        """Run the submissions that have no run yet; copies of a submission run once.

        context: from `make_context`. watch: called when a submission begins and ends, with a step named after it.
        ended: called with each entry that was run. packages: the source of required packages, if the platform does not
        install them. On KeyboardInterrupt, stop the jobs, and raise it again when they have ended; only complete runs
        are kept.
        """
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.files and not entry.record:
                groups.setdefault(entry.files.sha256, []).append(entry)
        pool = ThreadPool(pace.jobs)
        futures: dict[Future[None], list[Entry]] = {}
        try:
            for copies in groups.values():
                futures[pool.submit(self._run, backend, copies[0], pace, context, watch, packages)] = copies
            self._wait(futures, ended)
        except KeyboardInterrupt:
            self._stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for run in list(self._runs):
                run.stop()
            # wait() never reports a future that was cancelled before it began
            self._wait({future: each for future, each in futures.items() if not future.cancelled()}, ended)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def make_settings(self, backend: Backend, wheels: Wheels | None, **others: Any) -> RunSettings:
        """Return the settings of a run in this round. wheels: the submission's wheels. others: other settings."""
        limits = {"training_seconds": self.seconds, "round_id": make_round_id(backend.bucket, self.folder)}
        return RunSettings.make(backend, wheels=wheels and wheels.uri, **limits | others)

    def _wait(self, futures: dict[Future[None], list[Entry]], ended: Callable[[Entry], None]) -> None:
        """Process and remove futures as they complete."""
        while futures:
            wait(futures, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
            interrupts.check()
            for future in [each for each in futures if each.done()]:  # wait() never reports cancelled futures
                first, *copies = futures.pop(future)
                if error := future.exception():
                    first.problem = plain(f"{type(error).__name__}: {error}", MAX_REASON)
                for entry in copies:
                    entry.record, entry.problem = first.record, first.problem
                if first.record or first.problem:
                    for entry in (first, *copies):
                        ended(entry)

    def _run(
        self,
        backend: Backend,
        entry: Entry,
        pace: Pace,
        context: dict[str, Any],
        watch: Callable[[Step], None],
        packages: WheelHouse | None,
    ) -> None:
        assert entry.files is not None  # noqa: S101 - unreadable submissions are not run
        step = Step(str(entry.path))
        with pace.wait_for_turn(self._stopping), RunFolder(self._free_path(entry)) as run_folder:
            watch(step)
            wheels = packages.get_wheels(entry.files.files, self._stopping) if packages else None
            settings, files = self.make_settings(backend, wheels, observed=True), wheels.files if wheels else {}
            inputs = (entry.files, self.data, self.score_script)
            run = EvaluationRun(backend.services, settings, *inputs, run_folder.path, wheels=files)
            self._runs.append(run)
            if self._stopping.is_set():
                run.stop()
            run.execute()
            if run.state == "Completed" or not self._stopping.is_set():
                private = self.data.files["private"]
                findings = collect_findings(run_folder.path, self.data.public, private, run.read_scores())
                arguments = context["arguments"] | {"submission": entry.path}
                host = {"host_findings": [vars(finding) for finding in findings]}
                keep_run(run, run_folder, context | {"arguments": arguments} | host)
                entry.record = read_record(run.folder)
                if not self._is_final(entry.record):
                    entry.problem = "not the submission's fault; repeat the command to run the submission again"
                elif not entry.record.completed("clean up"):
                    entry.problem = "files of the run remain in the bucket; repeat the command to remove them from AWS"
            pace.add_run(list(run.steps.values()), run.seconds)
        step.seconds = run.seconds
        watch(step)

    def _free_path(self, entry: Entry) -> Path:
        path, number = self.folder / entry.folder_name, 1
        while path.exists():
            number += 1
            path = self.folder / f"{entry.folder_name}-{number}"
        return path

    def _is_final(self, record: Record) -> bool:
        """Return whether a new run would give the same result."""
        failed = [step for step in record.steps if step.state == "Failed" and step.name != "clean up"]
        is_own_fault = bool(failed) and not any(step.outside for step in failed)
        had_time = record.training_seconds >= self.seconds
        timed_out = any((step.reason or "").startswith(TIMED_OUT) for step in failed)
        return record.has_all_results or (is_own_fault and (had_time or not timed_out))
