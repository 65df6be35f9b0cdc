"""`tune`: a tuning job for the hyperparameters of fit(), and a version with the best values."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from recore_support.production import ProductionCommands
from recore_support.tunable_submission import FAILING, SLOW_TRAIN, TRAIN, make_tunable

TABLE = """
[tool.recore.tune]
jobs = 2
[tool.recore.tune.ranges]
share = { from = 0.1, to = 0.9 }
"""
RANGE = ("--range", "share=0.1..0.9", "--jobs", 2)


@pytest.fixture
def public(small_sample: Path) -> Path:
    return small_sample / "public/public.csv.gz"


def tuning_jobs(commands: ProductionCommands) -> list[dict[str, Any]]:
    sagemaker = commands.client.sagemaker
    listed = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=commands.name[:21])
    names = [job["HyperParameterTuningJobName"] for job in listed["HyperParameterTuningJobSummaries"]]
    return [sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name) for name in names]


def model_values(commands: ProductionCommands, version: dict[str, Any]) -> dict[str, str]:
    name = version["archives"][1].split("/")[-3]
    values = commands.client.describe("TrainingJob", name)["HyperParameters"]
    return {name: value for name, value in values.items() if not name.startswith("sagemaker_")}


@pytest.mark.slow
def test_the_best_hyperparameters_become_a_version(commands: ProductionCommands, public: Path, tmp_path: Path) -> None:
    submission = make_tunable(tmp_path / "theirs", {"pyproject.toml": TABLE})
    result = commands.run("tune", submission, "--public", public)
    assert result.returncode == 0, result.stderr
    assert "tune: 2 training jobs, 2 at a time: 1 x ml.m5.xlarge each, at most 1 h each\n" in result.stderr
    assert "tune: at most 5 instance-hours in total\n" in result.stderr
    [job] = tuning_jobs(commands)
    best_share = job["BestTrainingJob"]["TunedHyperParameters"]["share"]
    lines = result.stdout.splitlines()
    assert lines[0] == f"the tuning job {job['HyperParameterTuningJobName']} tried share 0.1..0.9"
    assert lines[1] == f"the best of 2 training jobs: share={best_share}"
    assert "is optimistic" in lines[2]
    assert lines[-1] == "next: python -m recore production approve 1"
    r2 = 1 - (1 - float(best_share)) ** 2

    repeat = commands.succeed("tune", submission, "--public", public)
    assert repeat["changed"] is False
    assert repeat["hyperparameters"] == {"share": float(best_share)}
    assert repeat["best_r2"] == pytest.approx(r2, abs=1e-5)
    assert repeat["version"]["score"] == pytest.approx(1.01 * r2, abs=1e-5)
    assert repeat["version"]["number"] == 1
    assert model_values(commands, repeat["version"]) == {"share": best_share}

    repeated = commands.succeed("tune", submission, "--public", public, "--again")
    assert repeated["changed"] is True
    [other] = tuning_jobs(commands)
    assert other["HyperParameterTuningJobName"] == job["HyperParameterTuningJobName"]
    assert other["CreationTime"] > job["CreationTime"]

    resources = commands.succeed("delete", "--all", "--yes")["deleted"]
    assert resources[0] == f"the tuning job {job['HyperParameterTuningJobName']}"
    assert tuning_jobs(commands) == []


@pytest.mark.slow
def test_values_of_every_type_reach_fit(commands: ProductionCommands, public: Path, tmp_path: Path) -> None:
    ranges = ("--range", "rounds=4..5", "--range", "kind=a b,true", "--range", "scaled=false,False and more")
    submission = make_tunable(tmp_path / "theirs")
    assert "'False and more' is not true or false" in commands.expect_error("tune", submission, *ranges)
    ranges = ("--range", "rounds=4..5", "--range", "kind=a b,true", "--range", "scaled=true,false")
    outcome = commands.succeed("tune", submission, "--public", public, *ranges, "--jobs", 2)
    values = outcome["hyperparameters"]
    assert values["rounds"] in (4, 5)
    assert type(values["rounds"]) is int
    assert values["kind"] in ("a b", "true")
    assert type(values["scaled"]) is bool
    arguments = {name: json.loads(value) for name, value in model_values(commands, outcome["version"]).items()}
    assert arguments == values


def test_a_metric_that_no_job_prints_is_reported(commands: ProductionCommands, public: Path, tmp_path: Path) -> None:
    submission = make_tunable(tmp_path / "theirs", {"train.py": TRAIN.replace("validation:r2=", "r2=")})
    line = commands.expect_error("tune", submission, "--public", public, *RANGE, status=1)
    [job] = tuning_jobs(commands)
    assert f"no training job of the tuning job {job['HyperParameterTuningJobName']} succ" in line
    assert "validation:r2" in line


def wait_for_training(process: subprocess.Popen[str], commands: ProductionCommands) -> None:
    while [job["TrainingJobStatusCounters"]["InProgress"] for job in tuning_jobs(commands)] != [2]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def test_an_interrupt_stops_the_tuning_and_waits(commands: ProductionCommands, public: Path, tmp_path: Path) -> None:
    arguments = ("tune", make_tunable(tmp_path / "theirs", {"train.py": SLOW_TRAIN}), "--public", public, *RANGE)
    with commands.start(*arguments) as process:
        wait_for_training(process, commands)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.splitlines()[-1]) == (130, "recore: interrupted")
    [job] = tuning_jobs(commands)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["InProgress"] == 0


def test_a_running_tuning_job_is_waited_for(commands: ProductionCommands, public: Path, tmp_path: Path) -> None:
    arguments = ("tune", make_tunable(tmp_path / "theirs", {"train.py": SLOW_TRAIN}), "--public", public, *RANGE)
    with commands.start(*arguments) as process:
        wait_for_training(process, commands)
        process.kill()
    [job] = tuning_jobs(commands)
    name = job["HyperParameterTuningJobName"]
    assert (
        commands.expect_error("delete", "--all", "--yes")
        == f"recore: the tuning job {name} is running, so nothing is deleted; wait until it has finished"
    )
    with commands.start(*arguments, "--again") as process:
        assert process.stderr
        while "no R2 so far" not in process.stderr.readline():
            assert process.poll() is None
        commands.client.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.endswith(f"recore: the tuning job {name} was stopped: run the same command to start it again\n")
    [running_job] = tuning_jobs(commands)
    assert running_job["CreationTime"] == job["CreationTime"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no hyperparameter has a range: write [tool.recore.tune.ranges] in theirs/pyproject.toml, or pass"),
        (["--range", "share=0..1", "--jobs", "0"], "0 is not in the range 1<=x<=750"),
    ],
)
def test_wrong_use_is_rejected_in_one_line(
    arguments: list[str], expected: str, commands: ProductionCommands, tmp_path: Path
) -> None:
    make_tunable(tmp_path / "theirs")
    assert expected in commands.expect_error("tune", "theirs", *arguments)


def test_failures_have_a_reason_and_other_projects_tuning_jobs_are_kept(
    commands: ProductionCommands, public: Path, tmp_path: Path
) -> None:
    """Job names contain only the beginning of the group's name, so other groups' jobs can have similar names."""
    other_commands = ProductionCommands(commands.client, tmp_path, f"{commands.name[:24]}-other")
    submission = make_tunable(tmp_path / "theirs", {"train.py": FAILING})
    for each in (commands, other_commands):
        each.configure()
        options = ("--public", public, "--range", "share=0.1..0.9", "--jobs", 1)
        assert "train.py: this one fails" in each.expect_error("tune", submission, *options, status=1)
    assert len(tuning_jobs(commands)) == 2
    commands.configure()
    [deleted] = [
        name for name in commands.succeed("delete", "--all", "--yes")["deleted"] if name.startswith("the tuning job")
    ]
    [remaining] = tuning_jobs(commands)
    assert remaining["HyperParameterTuningJobName"] not in deleted
