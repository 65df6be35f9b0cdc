"""The logs of jobs, which arrive late on AWS, are torn, or cannot be read."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recore_support.aws_requests import reject
from support.checkout import ROOT

from recore.backends.backend import Services
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_logs import write_log

GROUP = "/aws/sagemaker/TrainingJobs"


def write_lines(services: Services, job: str, *lines: str) -> None:
    stream = {"logGroupName": GROUP, "logStreamName": f"{job}/algo-1-1"}
    with contextlib.suppress(services.logs.exceptions.ResourceAlreadyExistsException):
        services.logs.create_log_stream(**stream)
    first = int(time.time() * 1000) - len(lines)
    events = [{"timestamp": first + index, "message": line} for index, line in enumerate(lines)]
    services.logs.put_log_events(**stream, logEvents=events)


def read_log(
    services: Services, job: str, folder: Path, arrive: Callable[[int], object], to_end: bool = True
) -> tuple[list[str], list[float]]:
    """Return a job's log lines, and the pauses between reads. arrive: a function called with each pause's number."""
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        arrive(len(pauses))

    write_log(services.logs, "TrainingJob", job, folder / "logs/log", 5, to_end, wait=wait)
    [path] = (folder / "logs").iterdir()
    return path.read_text().splitlines(), pauses


@pytest.mark.parametrize("to_end", [False, True])
def test_a_failed_jobs_log_is_read_until_no_more_lines_arrive(to_end: bool, services: Services, tmp_path: Path) -> None:
    """On AWS, lines may arrive one by one."""
    lines = ["Traceback (most recent call last):", "  raise KeyError('x')", "KeyError: 'x'"]

    def arrive(pause_count: int) -> None:
        if pause_count <= len(lines):
            write_lines(services, f"torn-{to_end}", lines[pause_count - 1])

    lines_read, pauses = read_log(services, f"torn-{to_end}", tmp_path, arrive, to_end)
    assert lines_read == (lines if to_end else lines[:1])
    assert pauses == [5] * (4 if to_end else 1)


def test_log_lines_are_kept_if_the_rest_cannot_be_read(services: Services, tmp_path: Path) -> None:
    write_lines(services, "revoked", "first")

    def revoke(count: int) -> None:
        if count == 2:
            reject(services.logs, "cloudwatch-logs.GetLogEvents")

    assert read_log(services, "revoked", tmp_path, revoke)[0] == ["first"]


def test_a_log_that_never_ends_is_read_for_a_minute(services: Services, tmp_path: Path) -> None:
    _, pauses = read_log(services, "endless", tmp_path, lambda number: write_lines(services, "endless", str(number)))
    assert sum(pauses) == 60


@pytest.mark.parametrize("script", ["", "raise KeyError('x')\n"], ids=["Completed", "Failed"])
def test_a_step_waits_for_lines_that_arrive_after_its_job_has_ended(
    script: str, services: Services, make_run: Callable[..., EvaluationRun]
) -> None:
    run = make_run(names=("public",), train=script)

    def write_late(parsed: dict[str, Any], **_: object) -> None:
        if parsed["TrainingJobStatus"] in ("Completed", "Failed"):
            threading.Timer(0.3, write_lines, (services, str(run.steps["train"].job), "the last line")).start()

    on_aws = replace(services, log_delay=2.0)
    on_aws.sagemaker.meta.events.register("after-call.sagemaker.DescribeTrainingJob", write_late)
    run = EvaluationRun(on_aws, run.settings, run.submission, run.data, ROOT / "score.py", run.folder)
    run.execute()
    assert "the last line" in (run.folder / "logs/train.log").read_text().splitlines()


@pytest.mark.parametrize("operation", ["DescribeLogStreams", "GetLogEvents"])
def test_a_log_that_cannot_be_read_is_reported_in_one_line(operation: str, services: Services, tmp_path: Path) -> None:
    write_lines(services, "rejected", "first")
    reject(services.logs, f"cloudwatch-logs.{operation}")
    log = tmp_path / "new/logs/log"
    write_log(services.logs, "TrainingJob", "rejected", log, 0)
    reason = f"An error occurred (AccessDenied) when calling the {operation} operation: no"
    assert log.read_text() == f"[the log of rejected could not be read: {reason}]\n"


@pytest.mark.parametrize(("size", "left_out"), [(200, 28), (498, 0), (600, 0)])
def test_a_long_log_is_cut_in_the_middle(size: int, left_out: int, services: Services, tmp_path: Path) -> None:
    lines = [f"{index:09}" for index in range(50)]
    write_lines(services, f"large-{size}", *lines)
    write_log(services.logs, "TrainingJob", f"large-{size}", tmp_path / "log", 0, max_size=size)
    note = f"[lines omitted here; the complete log is large-{size}/algo-1-1 in {GROUP}]"
    first = (50 - left_out) // 2
    assert (tmp_path / "log").read_text().splitlines() == (
        [*lines[:first], note, *lines[-first:]] if left_out else lines
    )
