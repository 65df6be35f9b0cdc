"""A new kind of resource that waits for jobs needs one file (two_job_resource.py) and one line here."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from stagemaker_support import SEARCH_PATH
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.two_job_resource import AutoMLJobs

from stagemaker.resources import registry
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

KINDS = (*registry.KINDS, AutoMLJobs)
# A program that runs a simulator with the additional kind, so that it can be killed.
PROGRAM = f"""
import sys
from pathlib import Path
sys.path.insert(0, {SEARCH_PATH!r})
from simulator.test_runner import KINDS
from stagemaker.resources import registry
from stagemaker.server import Simulator
registry.KINDS = KINDS
with Simulator(isolation="off", state=Path(sys.argv[1])) as simulator:
    print(simulator.endpoint, flush=True)
    sys.stdin.read()
"""


def create(sagemaker: Any, name: str, script: str) -> None:
    data_source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/none"}}}
    sagemaker.create_auto_ml_job(
        AutoMLJobName=name,
        InputDataConfig=[data_source | {"TargetAttributeName": script}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/none"},
        RoleArn=ROLE_ARN,
    )


def wait(sagemaker: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while (description := sagemaker.describe_auto_ml_job(AutoMLJobName=name))["AutoMLJobStatus"] == "InProgress":
        assert time.monotonic() < deadline, description
        time.sleep(0.05)
    return description


def job_statuses(sagemaker: Any) -> dict[str, str]:
    """Return the statuses of all processing jobs by job name."""
    summaries = sagemaker.list_processing_jobs(MaxResults=100)["ProcessingJobSummaries"]
    return {job["ProcessingJobName"]: job["ProcessingJobStatus"] for job in summaries}


@contextmanager
def killable_simulator(state: Path) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    command = [sys.executable, "-c", PROGRAM, str(state)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, **pipes) as process:
        try:
            endpoint = process.stdout.readline().strip()
            settings = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
            yield boto3.client("sagemaker", endpoint_url=endpoint, **settings), process
        finally:
            process.kill()


@pytest.mark.parametrize(("script", "status"), [("pass", "Completed"), ("raise SystemExit(3)", "Failed")])
def test_a_resource_waits_for_two_jobs(monkeypatch: pytest.MonkeyPatch, script: str, status: str) -> None:
    monkeypatch.setattr(registry, "KINDS", KINDS)
    with Simulator(isolation="off") as simulator:
        sagemaker = simulator.client("sagemaker")
        create(sagemaker, "both", script)
        description = wait(sagemaker, "both")
        assert description["AutoMLJobStatus"] == status
        if status == "Completed":
            assert job_statuses(sagemaker) == {"both-1-1": "Completed", "both-2-1": "Completed"}
        else:
            assert "both-1-1 is Failed" in description["FailureReason"]


def test_a_resource_resumes_after_a_kill_and_replaces_the_interrupted_job(tmp_path: Path) -> None:
    state, go = tmp_path / "state", tmp_path / "go"
    with killable_simulator(state) as (sagemaker, process):
        script = f"import pathlib, time; [time.sleep(0.05) for _ in iter(pathlib.Path({str(go)!r}).exists, True)]"
        create(sagemaker, "both", script)
        deadline = time.monotonic() + 60
        while job_statuses(sagemaker) != {"both-1-1": "InProgress"}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    with killable_simulator(state) as (sagemaker, _):
        go.touch()
        assert wait(sagemaker, "both")["AutoMLJobStatus"] == "Completed"
        assert job_statuses(sagemaker) == {"both-1-1": "Failed", "both-1-2": "Completed", "both-2-1": "Completed"}
