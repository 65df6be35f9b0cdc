"""Trouble during a run: AWS refuses requests, responses are lost, and log lines arrive late or never stop arriving.

The simulator and boto3's clients are real. botocore's own events simulate refusals that only AWS would send.
"""

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from recore_support.tiny_submission import TRAIN, tiny
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT

from recore.evaluation import observing
from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_requests import RunSettings
from recore.evaluation.observing import write_log
from recore.evaluation.step import Step
from recore.evaluation.submission import read_submission
from recore.places.place import Services
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

SLEEP = "import time\nif __name__ == '__main__':\n    time.sleep(60)\n"
GROUP = "/aws/sagemaker/TrainingJobs"
numbers = itertools.count()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        logs = simulator.client("logs")
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):  # simulators share log groups
            logs.create_log_group(logGroupName=GROUP)
        yield simulator


@pytest.fixture
def services(simulator: Simulator) -> Services:
    """Return new clients, so that event handlers registered on them affect no other test."""
    return Services(simulator.client)


@pytest.fixture
def sleeping_run(services: Services, sample: Path, tmp_path: Path) -> EvaluationRun:
    """Prepare a run on public data whose training takes a minute. The objects that the job reads are not deleted."""
    (tmp_path / "run").mkdir()
    submission = read_submission(tiny(tmp_path / "mine", {"train.py": SLEEP + TRAIN}))
    settings = RunSettings(f"troubles-{next(numbers)}", BUCKET, ROLE_ARN)
    data = DataFiles(sample / "public/public.csv.gz")
    return EvaluationRun(services, settings, submission, data, ROOT / "score.py", tmp_path / "run", keep=True)


@pytest.fixture
def final_status(simulator: Simulator, sleeping_run: EvaluationRun) -> Iterator[Callable[[], str]]:
    """Return a function that waits for the training job's final status. The job is stopped after the test."""
    client = Client(simulator)
    yield lambda: client.wait("TrainingJob", str(sleeping_run.steps["train"].job))["TrainingJobStatus"]
    with contextlib.suppress(client.sagemaker.exceptions.ClientError):
        client.sagemaker.stop_training_job(TrainingJobName=sleeping_run.steps["train"].job)


def refuse(client: Any, event: str, code: str = "AccessDenied") -> list[object]:
    """Refuse every request for an operation before it is sent. Return a list to which each refused call is added."""
    refused_calls: list[object] = []

    def respond(**parameters: object) -> tuple[AWSResponse, dict[str, Any]]:
        refused_calls.append(parameters)
        return AWSResponse("", 400, {}, None), {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}

    client.meta.events.register(f"before-call.{event}", respond)
    return refused_calls


def lose(client: Any, event: str) -> None:
    def close(**_: object) -> None:
        raise ConnectionClosedError(endpoint_url="https://aws")

    client.meta.events.register(event, close)


@pytest.mark.parametrize("failure", ["throttled", "closed", "no response to Create"])
def test_a_job_that_can_no_longer_be_watched_is_stopped(
    failure: str, services: Services, sleeping_run: EvaluationRun, final_status: Callable[[], str]
) -> None:
    if failure == "throttled":
        refuse(services.sagemaker, "sagemaker.DescribeTrainingJob", "ThrottlingException")
    elif failure == "closed":
        lose(services.sagemaker, "before-call.sagemaker.DescribeTrainingJob")
    else:
        lose(services.sagemaker, "after-call.sagemaker.CreateTrainingJob")
    sleeping_run.execute()
    train = sleeping_run.steps["train"]
    assert (train.state, sleeping_run.state, sleeping_run.steps["clean up"].state) == ("Failed", "Failed", "Completed")
    assert str(train.reason).endswith(f"; the job {train.job} was asked to stop")
    assert ("ThrottlingException" if failure == "throttled" else "Connection was closed") in str(train.reason)
    assert final_status() == "Stopped"


def test_a_job_that_can_neither_be_watched_nor_stopped_is_reported(
    simulator: Simulator, services: Services, sleeping_run: EvaluationRun, final_status: Callable[[], str]
) -> None:
    refuse(services.sagemaker, "sagemaker.DescribeTrainingJob", "ThrottlingException")
    refuse(services.sagemaker, "sagemaker.StopTrainingJob")
    sleeping_run.execute()
    train = sleeping_run.steps["train"]
    assert "(ThrottlingException)" in str(train.reason)
    assert f"THE JOB {train.job} MAY STILL RUN" in str(train.reason)
    assert Client(simulator).describe("TrainingJob", str(train.job))["TrainingJobStatus"] == "InProgress"


def test_a_job_that_was_refused_is_not_stopped(services: Services, sleeping_run: EvaluationRun) -> None:
    refuse(services.sagemaker, "sagemaker.CreateTrainingJob")
    refused_stops = refuse(services.sagemaker, "sagemaker.StopTrainingJob")
    sleeping_run.execute()
    reason = "An error occurred (AccessDenied) when calling the CreateTrainingJob operation: no"
    assert (sleeping_run.steps["train"].reason, refused_stops) == (reason, [])
    assert sleeping_run.steps["clean up"].completed


def test_an_interrupt_whose_stop_request_is_refused_is_reported(
    services: Services, sleeping_run: EvaluationRun, final_status: Callable[[], str]
) -> None:
    refused_stops = refuse(services.sagemaker, "sagemaker.StopTrainingJob")

    def interrupt(step: Step) -> None:
        if step.state == "Training" and not refused_stops:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sleeping_run.execute(interrupt)
    train = sleeping_run.steps["train"]
    assert (train.state, sleeping_run.state) == ("Failed", "Failed")
    assert "StopTrainingJob" in str(train.reason)
    assert f"THE JOB {train.job} MAY STILL RUN" in str(train.reason)


def write_lines(services: Services, job: str, *lines: str) -> None:
    stream = {"logGroupName": GROUP, "logStreamName": f"{job}/algo-1-1"}
    with contextlib.suppress(services.logs.exceptions.ResourceAlreadyExistsException):
        services.logs.create_log_stream(**stream)
    first = int(time.time() * 1000) - len(lines)
    events = [{"timestamp": first + number, "message": line} for number, line in enumerate(lines)]
    services.logs.put_log_events(**stream, logEvents=events)


def test_late_log_lines_are_waited_for(services: Services, tmp_path: Path) -> None:
    write_lines(services, "late", "first")
    threading.Timer(0.1, write_lines, (services, "late", "last")).start()
    write_log(services.logs, "TrainingJob", "late", tmp_path / "log", delay=2.9)
    assert (tmp_path / "log").read_text() == "first\nlast\n"


def test_a_failed_jobs_log_is_read_until_no_more_lines_arrive(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On AWS a traceback's lines may arrive one by one, long after the job has failed."""
    lines = iter(["Traceback (most recent call last):", "  raise KeyError('x')", "KeyError: 'x'"])
    pauses: list[float] = []
    sleep = time.sleep

    def wait(seconds: float) -> None:
        if seconds != 5:  # of another thread
            sleep(seconds)
            return
        pauses.append(seconds)
        for line in itertools.islice(lines, 1):
            write_lines(services, "torn", line)

    monkeypatch.setattr(observing.time, "sleep", wait)
    write_log(services.logs, "TrainingJob", "torn", tmp_path / "log", delay=5, to_end=True)
    assert (tmp_path / "log").read_text().splitlines()[-1] == "KeyError: 'x'"
    assert pauses == [5] * 4


@pytest.mark.parametrize("script", ["", "raise KeyError('x')\n"], ids=["Completed", "Failed"])
def test_a_step_waits_for_lines_that_arrive_after_its_job_has_ended(
    script: str, services: Services, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    submission = read_submission(tiny(tmp_path / "mine", {"train.py": script}))
    settings = RunSettings(f"troubles-{next(numbers)}", BUCKET, ROLE_ARN)
    data = DataFiles(sample / "public/public.csv.gz")
    on_aws = replace(services, log_delay=7.0)
    run = EvaluationRun(on_aws, settings, submission, data, ROOT / "score.py", tmp_path / "run")
    sleep, late_lines = time.sleep, iter(["the last line"])

    def wait(seconds: float) -> None:
        if seconds == on_aws.log_delay:
            for line in late_lines:
                write_lines(services, str(run.steps["train"].job), line)
        else:
            sleep(seconds)

    monkeypatch.setattr(observing.time, "sleep", wait)
    run.execute()
    assert "the last line" in (tmp_path / "run/logs/train.log").read_text().splitlines()


def test_log_lines_are_kept_if_the_rest_cannot_be_read(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(services, "revoked", "first")
    waits = itertools.count(1)
    monkeypatch.setattr(
        observing.time,
        "sleep",
        lambda _: next(waits) == 2 and refuse(services.logs, "cloudwatch-logs.GetLogEvents"),
    )
    write_log(services.logs, "TrainingJob", "revoked", tmp_path / "logs/log", delay=5, to_end=True)
    assert [path.read_text() for path in (tmp_path / "logs").iterdir()] == ["first\n"]


def test_a_log_that_never_ends_is_read_for_a_minute(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = time.sleep

    def wait(seconds: float) -> None:
        if seconds != 5:  # of another thread
            sleep(seconds)
            return
        pauses.append(seconds)
        write_lines(services, "endless", str(len(pauses)))

    monkeypatch.setattr(observing.time, "sleep", wait)
    write_log(services.logs, "TrainingJob", "endless", tmp_path / "log", delay=5, to_end=True)
    assert sum(pauses) == 60


@pytest.mark.parametrize("operation", ["DescribeLogStreams", "GetLogEvents"])
def test_a_log_that_cannot_be_read_is_reported_in_one_line(operation: str, services: Services, tmp_path: Path) -> None:
    write_lines(services, "refused", "first")
    refuse(services.logs, f"cloudwatch-logs.{operation}")
    write_log(services.logs, "TrainingJob", "refused", tmp_path / "log", 0)
    reason = f"An error occurred (AccessDenied) when calling the {operation} operation: no"
    assert (tmp_path / "log").read_text() == f"[the log of refused could not be read: {reason}]\n"


@pytest.mark.parametrize(("size", "left_out"), [(200, 28), (498, 0), (600, 0)])
def test_a_log_that_is_too_large_is_cut_in_the_middle(
    size: int, left_out: int, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "LARGEST_LOG", size)
    lines = [f"{number:09}" for number in range(50)]
    write_lines(services, f"large-{size}", *lines)
    write_log(services.logs, "TrainingJob", f"large-{size}", tmp_path / "log", 0)
    note = f"[the lines of large-{size}/algo-1-1 in {GROUP} between these are not kept here]"
    first = (50 - left_out) // 2
    assert (tmp_path / "log").read_text().splitlines() == (
        [*lines[:first], note, *lines[-first:]] if left_out else lines
    )
