"""Estimators from training to batch transform, and the SDK's helpers, in programs that pass no role."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sagemaker import Session
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.sklearn import SKLearn

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerRole"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
INSTANCE = "ml.m5.large"

IDENTITY = """
import json
from sagemaker import Session, get_execution_role
session = Session()
print(json.dumps({
    "role": get_execution_role(),
    "default": get_execution_role(session, use_default=True),
    "caller": session.get_caller_identity_arn(),
    "account": session.account_id(),
    "bucket": session.default_bucket(),
    "expanded": session.expand_role("SageMakerRole"),
}))
"""
SCRIPT = """
import argparse, os, pathlib

def model_fn(model_dir):
    return float(pathlib.Path(model_dir, "factor").read_text())

def predict_fn(rows, factor):
    return factor * rows.sum(axis=1)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float)
    factor = parser.parse_args().factor
    for epoch in (1, 2, 3):
        print(f"loss={factor / epoch}")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "factor").write_text(str(factor))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("source") / "factor.py"
    path.write_text(SCRIPT)
    return str(path)


@pytest.fixture(scope="module")
def estimator(script: str) -> SKLearn:
    """Return an estimator that trains on spot instances, with checkpoints."""
    estimator = SKLearn(
        script,
        instance_type=INSTANCE,
        framework_version="1.2-1",
        hyperparameters={"factor": 3.0},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        use_spot_instances=True,
        max_run=60,
        max_wait=120,
        checkpoint_s3_uri=f"s3://{BUCKET}/checkpoints",
    )
    estimator.fit(wait=False)
    estimator.sagemaker_session.wait_for_job(estimator.latest_training_job.name, poll=1)
    return estimator


def run(text: str, folder: Path) -> Any:
    """Run a program in a separate process, and return the JSON on its last line of output."""
    process = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_a_program_gets_its_role_account_and_bucket(tmp_path: Path) -> None:
    assert run(IDENTITY, tmp_path) == {
        "role": ROLE,
        "default": ROLE,
        "caller": ROLE,
        "account": ACCOUNT,
        "bucket": BUCKET,
        "expanded": ROLE,
    }


def test_files_are_stored_in_a_separate_bucket(tmp_path: Path) -> None:
    session = Session(default_bucket="sdk-v2-own")
    (tmp_path / "rows.csv").write_text("1,2\n")
    uri = session.upload_data(str(tmp_path / "rows.csv"), key_prefix="rows")
    assert uri == "s3://sdk-v2-own/rows/rows.csv"
    assert session.default_bucket() == "sdk-v2-own"
    S3Uploader.upload_string_as_file_body("3,4\n", "s3://sdk-v2-own/rows/more.csv", sagemaker_session=session)
    assert sorted(S3Downloader.list("s3://sdk-v2-own/rows", sagemaker_session=session)) == [
        "s3://sdk-v2-own/rows/more.csv",
        uri,
    ]
    S3Downloader.download("s3://sdk-v2-own/rows", str(tmp_path / "copy"), sagemaker_session=session)
    assert (tmp_path / "copy/more.csv").read_text() == session.read_s3_file("sdk-v2-own", "rows/more.csv") == "3,4\n"


def test_analytics_return_the_metrics_of_a_training_job(estimator: SKLearn) -> None:
    name = estimator.latest_training_job.name
    for analytics in (estimator.training_job_analytics, TrainingJobAnalytics(name, ["loss"])):
        frame = analytics.dataframe(force_refresh=True)
        assert set(frame["metric_name"]) == {"loss"}
        assert frame["value"].min() >= 1.0
    description = estimator.sagemaker_session.describe_training_job(name)
    assert description["FinalMetricDataList"][0]["Value"] == 1.0


def test_an_estimator_is_attached_to_a_training_job(estimator: SKLearn) -> None:
    attached = SKLearn.attach(estimator.latest_training_job.name)
    assert attached.model_data == estimator.model_data
    assert attached.hyperparameters()["factor"] == "3.0"
    assert attached.role == ROLE


def test_the_log_names_settings_that_have_no_effect(estimator: SKLearn) -> None:
    logs = estimator.sagemaker_session.boto_session.client("logs")
    events = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{estimator.latest_training_job.name}/"
    )["events"]
    text = "\n".join(event["message"] for event in events)
    for setting in ("EnableManagedSpotTraining", "CheckpointConfig"):
        assert f"{setting} has no effect here: " in text


@pytest.fixture(scope="module")
def rows(estimator: SKLearn) -> str:
    """Upload a file with three rows and return its address."""
    session = estimator.sagemaker_session
    uri = f"s3://{BUCKET}/sdk-v2-clients/in/rows.csv"
    return S3Uploader.upload_string_as_file_body("1,2\n3,4\n5,6\n", uri, sagemaker_session=session)


def test_an_estimator_creates_a_transformer(estimator: SKLearn, rows: str) -> None:
    session = estimator.sagemaker_session
    output = f"s3://{BUCKET}/sdk-v2-clients/out"
    transformer = estimator.transformer(
        1, INSTANCE, strategy="MultiRecord", assemble_with="Line", accept="text/csv", output_path=output
    )
    transformer.transform(rows, content_type="text/csv", split_type="Line", wait=False)
    session.wait_for_transform_job(transformer.latest_transform_job.name, poll=1)
    text = S3Downloader.read_file(f"{output}/rows.csv.out", sagemaker_session=session)
    assert [float(line) for line in text.split()] == [9.0, 21.0, 33.0]
    transformer.delete_model()
