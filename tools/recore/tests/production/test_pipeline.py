"""`train`: the steps that the pipeline runs and reruns, and the versions that it registers."""

import json
import signal
from pathlib import Path

import pytest
from recore_support.production import ProductionCommands
from recore_support.tunable_submission import SLOW_TRAIN, make_tunable
from support.checkout import ROOT

from stagemaker.server import BUCKET

COMPUTED_STEPS = ["Features", "Train", "Evaluate"]
pytestmark = pytest.mark.slow


def test_only_steps_that_depend_on_a_change_are_rerun(commands: ProductionCommands, small_sample: Path) -> None:
    public = small_sample / "public/public.csv.gz"
    first = commands.succeed("train", ROOT, "--public", public)
    assert (first["changed"], first["cached"]) == (True, [])
    assert first["version"]["number"] == 1
    assert first["version"]["approval"] == "PendingManualApproval"
    assert first["version"]["score"] > -10

    second = commands.run("train", ROOT, "--public", public)
    assert (second.returncode, second.stderr) == (0, "")  # nothing about instances, because no instance is started
    assert second.stdout.startswith(f"version 1 of {commands.name} already has this submission")

    repeated = commands.succeed("train", ROOT, "--public", public, "--again")
    assert (repeated["changed"], sorted(repeated["cached"])) == (True, sorted(COMPUTED_STEPS))
    assert repeated["version"]["archives"] == first["version"]["archives"]

    tuned = commands.succeed("train", ROOT, "--public", public, "--set", "alphas=5")
    assert tuned["cached"] == ["Features"]
    assert tuned["version"]["archives"][0] == first["version"]["archives"][0]
    assert tuned["version"]["archives"][1] != first["version"]["archives"][1]

    commands.configure(MINIMUM_SCORE=0.99)
    line = commands.expect_error("train", ROOT, "--public", public, status=1)
    assert line == (
        "recore: LowScore failed: the score on held-out drill holes is below the setting MINIMUM_SCORE, 0.99; it is "
        f"{first['version']['score']:.4f}"
    )
    assert len(commands.succeed("list")["versions"]) == 3


def test_a_running_execution_is_followed(commands: ProductionCommands, small_sample: Path, tmp_path: Path) -> None:
    arguments = ("train", make_tunable(tmp_path / "mine"), "--public", small_sample / "public/public.csv.gz")
    process = commands.start(*arguments)
    sagemaker = commands.client.sagemaker
    while (
        not sagemaker.list_pipelines(PipelineNamePrefix=commands.name)["PipelineSummaries"]
        or not (sagemaker.list_pipeline_executions(PipelineName=commands.name)["PipelineExecutionSummaries"])
    ):
        assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    assert commands.succeed(*arguments)["version"]["number"] == 1
    assert len(sagemaker.list_pipeline_executions(PipelineName=commands.name)["PipelineExecutionSummaries"]) == 1


def test_everything_is_deleted_except_another_models_resources(
    commands: ProductionCommands, small_sample: Path, tmp_path: Path
) -> None:
    public = small_sample / "public/public.csv.gz"
    commands.succeed("train", make_tunable(tmp_path / "mine"), "--public", public)
    version = commands.succeed("describe", 1)
    other_names = {"PIPELINE_NAME": "other", "MODEL_PACKAGE_GROUP_NAME": "other", "ENDPOINT_NAME": "other"}
    (tmp_path / "other.json").write_text(json.dumps(commands.config | other_names))
    options = ("--config", tmp_path / "other.json")
    assert commands.run(*options, "train", tmp_path / "mine", "--public", public).returncode == 0
    assert commands.run(*options, "delete", "--all", "--yes").returncode == 0
    assert commands.succeed("describe", 1) == version
    assert version["score"] is not None

    s3, bucket, folder = commands.client.s3, BUCKET, f"{commands.name}/{commands.name}"
    for name in ("input", "input2"):
        s3.put_object(Bucket=bucket, Key=f"{folder}/{name}/public.csv.gz", Body=b"")
    commands.configure(INPUT_DATA=f"s3://{bucket}/{folder}/input/")
    commands.succeed("delete", "--all", "--yes")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/")["Contents"]
    assert [item["Key"] for item in listed] == [f"{folder}/input/public.csv.gz"]


def test_nothing_is_deleted_in_an_execution(commands: ProductionCommands, small_sample: Path, tmp_path: Path) -> None:
    public = small_sample / "public/public.csv.gz"
    commands.succeed("train", make_tunable(tmp_path / "mine"), "--public", public)
    slow = make_tunable(tmp_path / "slow", {"train.py": SLOW_TRAIN})
    process = commands.start("train", slow, "--public", public)
    sagemaker = commands.client.sagemaker
    while len(sagemaker.list_pipeline_executions(PipelineName=commands.name)["PipelineExecutionSummaries"]) < 2:
        assert process.poll() is None, process.communicate()
    assert "nothing is deleted; wait until it has finished" in commands.expect_error("delete", "--all", "--yes")
    assert len(commands.succeed("list")["versions"]) == 1
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    commands.succeed("delete", "--all", "--yes")


def test_data_without_assays_are_rejected_before_a_job_starts(commands: ProductionCommands, small_sample: Path) -> None:
    line = commands.expect_error("train", ROOT, "--public", small_sample / "private/private.csv.gz")
    assert "there are no assays to train on" in line
    assert commands.client.sagemaker.list_pipelines(PipelineNamePrefix=commands.name)["PipelineSummaries"] == []
