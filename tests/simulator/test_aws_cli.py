"""The AWS CLI, version 2, against the simulator."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from recore.simulator.account import ACCOUNT
from recore.simulator.server import BUCKET

GROUP = "/aws/sagemaker/TrainingJobs"
SLOWLY = "import time\nfor number in range(12):\n    print('line', number)\n    time.sleep(1)\n"


def find() -> str | None:
    """The first `aws` on PATH that is of version 2, wherever it is started."""
    for folder in os.get_exec_path():
        if program := shutil.which("aws", path=folder):
            done = subprocess.run([program, "--version"], cwd="/", capture_output=True, text=True)
            if (done.stdout + done.stderr).startswith("aws-cli/2."):
                return program
    return None


AWS = find()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(AWS is None, reason="no AWS CLI of version 2 on PATH"),
]


@pytest.fixture
def command(client, tmp_path: Path):
    """A CLI's command line with the endpoint, as early versions read no variable for it, and its environment."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= client.simulator.variables() | {"HOME": str(tmp_path), "AWS_PAGER": ""}

    def arguments(*words: str) -> dict:
        line = [AWS, "--endpoint-url", client.simulator.endpoint, *words]
        return {"args": line, "env": variables, "cwd": tmp_path, "text": True}

    return arguments


@pytest.fixture
def aws(command):
    """Run the CLI; what it prints."""

    def run(*words: str) -> str:
        done = subprocess.run(**command(*words), capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_sts_returns_an_identity(aws) -> None:
    assert json.loads(aws("sts", "get-caller-identity"))["Account"] == ACCOUNT


def test_copy_to_and_from_s3(aws, tmp_path: Path) -> None:
    (tmp_path / "given.csv").write_text("1,2,3")
    aws("s3", "cp", "given.csv", f"s3://{BUCKET}/cli/given.csv")
    aws("s3", "cp", f"s3://{BUCKET}/cli/given.csv", "taken.csv")
    assert (tmp_path / "taken.csv").read_text() == "1,2,3"
    assert "given.csv" in aws("s3", "ls", f"s3://{BUCKET}/cli/")


def test_list_and_wait(client, aws) -> None:
    name = client.train("print('done')")["TrainingJobName"]  # ended: the CLI looks again after two minutes only
    waiting = ("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name)
    assert aws(*waiting) == ""
    listed = json.loads(aws("sagemaker", "list-training-jobs"))["TrainingJobSummaries"]
    assert {job["TrainingJobName"]: job["TrainingJobStatus"] for job in listed}[name] == "Completed"
    described = json.loads(aws("sagemaker", "describe-training-job", "--training-job-name", name))
    assert described["SecondaryStatus"] == "Completed"


def test_an_error_is_the_service_s(command) -> None:
    words = ("sagemaker", "describe-training-job", "--training-job-name", "none")
    done = subprocess.run(**command(*words), capture_output=True, timeout=60)
    assert done.returncode == 254
    assert "Requested resource not found" in done.stderr


def test_tail_shows_lines_while_the_job_runs(client, command) -> None:
    name = client.train(SLOWLY, wait=False)["TrainingJobName"]
    deadline = time.monotonic() + 30
    while not client.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    words = ("logs", "tail", GROUP, "--follow", "--since", "1m")
    process = subprocess.Popen(**command(*words), stdout=subprocess.PIPE)
    ends = threading.Timer(60, process.kill)
    ends.start()
    try:
        seen = []
        for line in process.stdout:
            if name in line and (result := re.search(r"line (\d+)$", line)):
                seen.append(int(result[1]))
                if len(seen) == 1:
                    status = client.describe("TrainingJob", name)["TrainingJobStatus"]
            if len(seen) == 12:
                break
    finally:
        ends.cancel()
        process.kill()
        process.communicate()
    assert seen == list(range(12))
    assert status == "InProgress"
