"""Tuning jobs that are stopped, reach a limit, or are interrupted when the simulator ends."""

import contextlib
import datetime
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.simulator_client import Client, rejection
from stagemaker_support.state import SimulatorProcess, running
from stagemaker_support.tuning_jobs import SCRIPT, Tuning, categorical, tuning_request

NAME, STATUS = "HyperParameterTuningJobName", "HyperParameterTuningJobStatus"
ENDLESS_SCRIPT = "import time\nprint('loss=1;', flush=True)\nwhile True:\n    time.sleep(0.1)\n"


def statuses(tuning: Tuning, name: str) -> list[str]:
    return [job["TrainingJobStatus"] for job in tuning.jobs(name)]


def test_parallel_jobs_are_limited_and_stop_with_their_tuning_job(client: Client, tuning: Tuning) -> None:
    name = tuning.create(tuning_request(client.source(job=ENDLESS_SCRIPT), 8, 4))
    tuning.poll(lambda: statuses(tuning, name), lambda job_statuses: len(job_statuses) >= 4)
    job = tuning.describe(name)
    assert job["TrainingJobStatusCounters"]["InProgress"] == job["ObjectiveStatusCounters"]["Pending"] == 4
    message = rejection(tuning.sagemaker.delete_hyper_parameter_tuning_job, **{NAME: name})
    assert "is in status InProgress; stop it before" in message

    first_job = tuning.jobs(name)[0]["TrainingJobName"]  # once it has ended, another job takes its place
    client.sagemaker.stop_training_job(TrainingJobName=first_job)
    tuning.poll(lambda: statuses(tuning, name), lambda job_statuses: len(job_statuses) == 5)
    assert tuning.describe(name)["TrainingJobStatusCounters"]["InProgress"] == 4

    tuning.sagemaker.stop_hyper_parameter_tuning_job(**{NAME: name})
    assert tuning.describe(name)[STATUS] in ("Stopping", "Stopped")
    job = tuning.wait(name)
    assert job[STATUS] == "Stopped"
    assert statuses(tuning, name) == ["Stopped"] * 5
    assert job["TrainingJobStatusCounters"]["Stopped"] == 5
    assert "is in status Stopped" in rejection(tuning.sagemaker.stop_hyper_parameter_tuning_job, **{NAME: name})


class RestartableSimulator:
    def __init__(self, folder: Path):
        self.folder, self.exit_stack = folder, contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        self.simulator: SimulatorProcess = self.exit_stack.enter_context(running("--state", self.folder))
        self.client = Client(self.simulator)
        self.tuning = Tuning(self.client.sagemaker)

    def poll(self, name: str, accepts: Callable[[list[str]], bool]) -> list[str]:
        """Wait until `accepts` returns True for the statuses of a tuning job's training jobs; return these statuses."""
        return self.tuning.poll(lambda: statuses(self.tuning, name), accepts)


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[RestartableSimulator]:
    simulator = RestartableSimulator(tmp_path)
    with simulator.exit_stack:
        yield simulator


@pytest.mark.slow
def test_after_a_kill_only_interrupted_values_are_tried_again(restartable: RestartableSimulator) -> None:
    values = [str(index) for index in range(5)]
    ranges = {"CategoricalParameterRanges": [categorical("x", *values)]}
    name = restartable.tuning.create(
        tuning_request(restartable.client.source(job=SCRIPT), 5, 2, Strategy="Grid", ParameterRanges=ranges)
    )
    for count in (1, 3):
        job_statuses = restartable.poll(
            name, lambda items, count=count: items.count("Completed") >= count and "InProgress" in items
        )
        assert job_statuses.count("InProgress") <= 2
        restartable.simulator.kill()
        restartable.start()
    job = restartable.tuning.wait(name)
    assert job[STATUS] == "Completed"
    jobs = restartable.tuning.jobs(name)
    completed_values = [item["TunedHyperParameters"]["x"] for item in jobs if item["TrainingJobStatus"] == "Completed"]
    assert sorted(completed_values) == values
    failed_jobs = [item for item in jobs if item["TrainingJobStatus"] != "Completed"]
    assert {item["TrainingJobStatus"] for item in failed_jobs} <= {"Failed"}
    assert all("The simulator stopped before the job ended" in item["FailureReason"] for item in failed_jobs)
    assert 1 <= len(failed_jobs) <= 4
    assert job["TrainingJobStatusCounters"]["RetryableError"] == len(failed_jobs)
    summaries = restartable.tuning.sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    assert sorted(item["TrainingJobName"] for item in summaries) == [item["TrainingJobName"] for item in jobs]
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"x": "3"}


@pytest.mark.slow
def test_a_stopping_job_stops_after_a_restart_and_the_time_limit_continues(restartable: RestartableSimulator) -> None:
    """One job's time limit expires while no simulator runs, a second job is being stopped, and a third continues."""
    source = restartable.client.source(job=ENDLESS_SCRIPT)
    late_request, stopped_request, continued_request = (tuning_request(source, 2, 1) for _ in range(3))
    late_request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxRuntimeInSeconds"] = 3600
    names = [restartable.tuning.create(request) for request in (late_request, stopped_request, continued_request)]
    for name in names:
        restartable.poll(name, bool)
    restartable.tuning.sagemaker.stop_hyper_parameter_tuning_job(**{NAME: names[1]})
    restartable.simulator.kill()
    move_start_back(restartable.folder, names[0], hours=2)
    restartable.start()
    assert restartable.tuning.wait(names[1])[STATUS] == "Stopped"
    job = restartable.tuning.wait(names[0])
    assert job[STATUS] == "Failed"  # there was no objective value when the time limit was reached
    assert job["ConsumedResources"]["RuntimeInSeconds"] >= 7200
    restartable.poll(names[2], lambda items: "InProgress" in items)
    assert restartable.simulator.end() == 0
    restartable.start()
    job_statuses = restartable.poll(names[2], lambda items: items[-1] == "InProgress")
    assert "Stopped" not in job_statuses  # a normal end of the simulator also interrupts jobs, which are then replaced
    assert restartable.tuning.describe(names[2])[STATUS] == "InProgress"


def move_start_back(folder: Path, name: str, hours: int) -> None:
    key = ("HyperParameterTuningJob", name)
    with contextlib.closing(sqlite3.connect(folder / "state.sqlite")) as connection, connection:
        [(content,)] = connection.execute("SELECT record FROM records WHERE kind = ? AND key = ?", key)
        record: dict[str, Any] = json.loads(content)
        start = datetime.datetime.fromisoformat(record["CreationTime"]["$time"]) - datetime.timedelta(hours=hours)
        record["CreationTime"]["$time"] = start.isoformat()
        parameters = (json.dumps(record), *key)
        connection.execute("UPDATE records SET record = ? WHERE kind = ? AND key = ?", parameters)
