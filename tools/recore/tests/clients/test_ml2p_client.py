"""ML2P's unmodified command line runs the house prices project; only variables connect it to the simulator.

ML2P's jobs specify an image that contains the code, and no script. Such images only run with `--engine docker`, so the
test of the entire project needs a Docker engine.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from stagemaker_support.sdk import PYTHON, ROOT, simulate

EXAMPLE = ROOT / "tools/recore/examples/house_prices"
TUTORIAL = (ROOT / "tools/recore/docs/model-classes-tutorial.md").read_text()
TUTORIAL_COMMANDS = re.findall(r"^ml2p (.+)$", TUTORIAL, re.MULTILINE)
ML2P = Path(sys.executable).with_name("ml2p")
BUCKET, PREDICTIONS = "sagemaker-us-east-1-123456789012", "house-prices/predictions/house-prices-prices-1-0-0/"
TEST_IMAGE = "recore-test/house-prices:1.0.0"
SCIKIT_LEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
NO_ENGINE = 3  # the exit status of house_prices_image.py if no engine responds
HOUSE_DATUM = {"area": 80, "rooms": 3, "age": 10, "distance": 5}


def ml2p(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([ML2P, *args], cwd=folder, capture_output=True, text=True, timeout=600)


def output(folder: Path, *args: str) -> str:
    result = ml2p(folder, *args)
    assert result.returncode == 0, result.stderr
    return result.stdout


def error(folder: Path, *args: str) -> str:
    result = ml2p(folder, *args)
    assert result.returncode == 1, result.stdout
    return result.stderr.splitlines()[-1]


def name_image(project: Path, image: str) -> None:
    file = project / "ml2p.yml"
    file.write_text(re.sub("image: .*", f"image: {image}", file.read_text()))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "house_prices"))


@pytest.fixture
def project_with_image(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Build the image of a copy of the project, connect ML2P to a simulator that runs it, and yield the copy."""
    program = Path(__file__).with_name("house_prices_image.py")
    build = subprocess.run([PYTHON, program, project, TEST_IMAGE], stderr=subprocess.PIPE, text=True)
    if build.returncode == NO_ENGINE:
        pytest.skip(build.stderr.splitlines()[-1])
    assert build.returncode == 0, build.stderr
    name_image(project, TEST_IMAGE)
    process, exported = simulate("--engine", "docker", "--network", "simulator")
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    yield project
    process.terminate()
    process.wait(60)


def test_a_whole_project_runs_in_its_image(project_with_image: Path) -> None:
    outputs = {}
    for command in TUTORIAL_COMMANDS:
        words = shlex.split(command)
        outputs[" ".join(words[:2])] = output(project_with_image, *words)
        if words[:2] == ["dataset", "generate"]:  # ML2P has no command that waits for this job
            waiter = boto3.Session().client("sagemaker").get_waiter("processing_job_completed_or_stopped")
            waiter.wait(ProcessingJobName=f"house-prices-{words[2]}", WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        if words[:2] == ["endpoint", "invoke"]:
            s3 = boto3.Session().client("s3")
            deadline = time.monotonic() + 60  # the invocation's record may arrive late
            while not (records := s3.list_objects_v2(Bucket=BUCKET, Prefix=PREDICTIONS).get("Contents")):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            record = json.loads(s3.get_object(Bucket=BUCKET, Key=records[0]["Key"])["Body"].read())
            # the predictor raises this error
            assert "the prediction failed: KeyError" in error(project_with_image, *words[:3], '{"area": 80}')
    assert json.loads(outputs["dataset ls"])["filename"] == "house-prices.csv"
    job = json.loads(outputs["training-job describe"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/models/house-prices-prices-1-0/output/model.tar.gz")
    response = json.loads(outputs["endpoint invoke"])["Body"]
    assert response["result"] == {"price": 288.111}
    assert response["metadata"]["model_version"] == "house-prices-prices-1-0-0"
    assert record == {"input": HOUSE_DATUM, "result": response}
    assert output(project_with_image, "model", "list") == ""


def test_datasets_and_lists_need_no_image(project: Path) -> None:
    output(project, "init")
    output(project, "dataset", "create", "houses-20260131")
    (project / "houses.csv").write_text("area,price\n80,288\n")
    output(project, "dataset", "up", "houses-20260131", "houses.csv")
    assert '"houses.csv"' in output(project, "dataset", "ls", "houses-20260131")
    assert '"houses-20260131"' in output(project, "dataset", "list")
    output(project, "dataset", "dn", "houses-20260131", "houses.csv", "copy.csv")
    assert (project / "copy.csv").read_text() == (project / "houses.csv").read_text()
    output(project, "dataset", "rm", "houses-20260131", "houses.csv")
    output(project, "dataset", "delete", "houses-20260131")
    assert "Contents" in error(project, "dataset", "ls", "houses-20260131")  # ML2P's own KeyError: no files are left


def test_models_are_created_described_and_deleted(project: Path) -> None:
    archive = "house-prices/models/house-prices-prices-7-0/output/model.tar.gz"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=archive)
    output(project, "model", "create", "prices-7-0-0")
    container = json.loads(output(project, "model", "describe", "prices-7-0-0"))["PrimaryContainer"]
    assert container["Environment"]["ML2P_MODEL_CLS"] == "model.HousePrices"
    assert '"house-prices-prices-7-0-0"' in output(project, "model", "list")
    output(project, "model", "delete", "prices-7-0-0")
    assert "house-prices-prices-7-0-0" not in output(project, "model", "list")


def test_jobs_as_processes_are_rejected(project: Path) -> None:
    """Only the image contains the program, so a process cannot run it; ML2P cannot specify a script for AWS's image."""
    commands = (("dataset", "generate", "prices-20260131"), ("training-job", "create", "prices-8-0", "prices-20260131"))
    for command in commands:
        assert "images of the scikit-learn, XGBoost, linear-learner and PyTorch families can run as processes" in error(
            project, *command
        )
    name_image(project, SCIKIT_LEARN)
    output(project, "dataset", "create", "prices-20260131")
    assert "no processing entrypoint" in error(project, *commands[0])
    output(project, *commands[1])
    error(project, "training-job", "wait", "prices-8-0")
    reason = json.loads(output(project, "training-job", "describe", "prices-8-0"))["FailureReason"]
    assert "set the hyperparameter sagemaker_program" in reason


def test_what_the_simulator_lacks_is_an_empty_list_and_its_creation_rejected_by_name(project: Path) -> None:
    assert output(project, "notebook", "list") == output(project, "repo", "list") == ""
    assert "CreateNotebookInstance" in error(project, "notebook", "create", "mine")
