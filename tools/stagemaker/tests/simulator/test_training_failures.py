"""Training jobs that fail, and requests for training jobs that are rejected."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.simulator_client import CLUSTER, Client, rejection
from stagemaker_support.training_jobs import ALGORITHM, channel, counter, submit

from stagemaker.server import BUCKET

pytestmark = pytest.mark.everywhere


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('no columns')", "AlgorithmError: ValueError: no columns, exit code: 1"),
        (
            "import os; open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('too few rows'); os._exit(7)",
            "AlgorithmError: too few rows, exit code: 7",
        ),
    ],
)
def test_the_failure_reason_describes_how_the_script_failed(client, script: str, message: str) -> None:
    job = client.train(script)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert message in job["FailureReason"]
    with pytest.raises(ClientError):
        client.get(job["ModelArtifacts"]["S3ModelArtifacts"])


def test_the_failure_reason_names_the_missing_item(client) -> None:
    program, missing = {"sagemaker_program": "job.py"}, f"s3://{BUCKET}/nowhere.tar.gz"
    cases = [({}, "sagemaker_program"), (program, "job.py")]
    for uri, reason in (
        (client.source(other=""), "job.py"),
        (missing, missing),
        (client.put(f"single/{next(counter)}/a.csv", "1"), "a.csv could not be unpacked"),
    ):
        cases.append((program | {"sagemaker_submit_directory": uri}, reason))
    names = [submit(client, HyperParameters=settings) for settings, _ in cases]
    names.append(submit(client, AlgorithmSpecification=ALGORITHM | {"ContainerEntrypoint": ["/opt/ml/no/such"]}))
    cases.append(({}, "/opt/ml/no/such"))
    for name, (_, reason) in zip(names, cases, strict=True):
        job = client.wait("TrainingJob", name)
        assert job["TrainingJobStatus"] == "Failed"
        assert reason in job["FailureReason"]
        assert "Traceback" not in job["FailureReason"]


INVALID_METRIC = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=("}]}


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        ("Regex of loss", "AlgorithmSpecification", INVALID_METRIC),
        ("instead of the SDK's local mode, use", "ResourceConfig", CLUSTER | {"InstanceType": "local"}),
        ("use their s3:// URI instead", "InputDataConfig", [channel("a", "file:///data")]),
        ("the channel name a is used twice", "InputDataConfig", [channel("a", f"s3://bucket/{n}") for n in "12"]),
    ],
)
def test_invalid_requests_are_rejected(client, message: str, name: str, value: Any) -> None:
    member = ALGORITHM | value if name == "AlgorithmSpecification" else value
    assert message in rejection(submit, client, **{name: member})


def test_a_warm_pool_is_in_use_until_its_job_ends(client) -> None:
    update, describe = client.sagemaker.update_training_job, client.sagemaker.describe_training_job
    resources = CLUSTER | {"KeepAlivePeriodInSeconds": 600}
    name = client.train("import time; time.sleep(600)", wait=False, ResourceConfig=resources)["TrainingJobName"]
    assert describe(TrainingJobName=name)["WarmPoolStatus"]["Status"] == "InUse"
    client.sagemaker.stop_training_job(TrainingJobName=name)
    client.wait("TrainingJob", name)
    arn = update(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})["TrainingJobArn"]
    job = describe(TrainingJobName=name)
    assert (job["TrainingJobArn"], job["ResourceConfig"]) == (arn, resources | {"KeepAlivePeriodInSeconds": 0})
    assert job["WarmPoolStatus"] == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
    for status, names in (("Terminated", [name]), ("Available", [])):
        response = client.sagemaker.list_training_jobs(WarmPoolStatusEquals=status, NameContains=name)
        assert [item["TrainingJobName"] for item in response["TrainingJobSummaries"]] == names
        assert all(item["WarmPoolStatus"]["Status"] == status for item in response["TrainingJobSummaries"])


def test_a_job_without_a_warm_pool_has_no_period_to_update(client) -> None:
    job = client.train("")
    assert "WarmPoolStatus" not in job
    request = {"ResourceConfig": {"KeepAlivePeriodInSeconds": 0}}
    message = rejection(client.sagemaker.update_training_job, TrainingJobName=job["TrainingJobName"], **request)
    assert "has no warm pool: it was created without KeepAlivePeriodInSeconds" in message
    assert "not found" in rejection(client.sagemaker.update_training_job, TrainingJobName="nobody", **request)


SCIKIT_LEARN, DIFFERENCE = "sagemaker-scikit-learn:1.5-0-cpu-py3", "scikit-learn 1.5-0 was requested, 1.9-0 ran"
FEATURE_NAMES = "from sklearn.preprocessing import OneHotEncoder; OneHotEncoder().get_feature_names()"


@pytest.mark.parametrize(
    ("image", "script", "difference"),
    [
        (SCIKIT_LEARN, "from sklearn.metrics import plot_roc_curve", DIFFERENCE),
        (SCIKIT_LEARN, "import sklearn.externals.joblib", DIFFERENCE),
        (SCIKIT_LEARN, "from sklearn import utils; utils.nothing", DIFFERENCE),
        (SCIKIT_LEARN, "from sklearn.linear_model import Ridge; Ridge(normalize=True)", DIFFERENCE),
        (SCIKIT_LEARN, FEATURE_NAMES, DIFFERENCE),
        (
            "sagemaker-xgboost:1.2-1",
            "import xgboost; xgboost.DMatrix(nothing=1)",
            "XGBoost 1.2 was requested, 3.4.1 ran",
        ),
        (SCIKIT_LEARN, "'a' + 1", None),
        (SCIKIT_LEARN, "raise ValueError('sklearn')", None),
        ("sagemaker-scikit-learn:1.9-0-cpu-py3", "import sklearn; sklearn.nothing", None),
    ],
)
def test_a_frameworks_error_names_the_version_that_ran(client, image: str, script: str, difference: str | None) -> None:
    job = Client(client.simulator, image=image).process(script)
    if difference:
        assert f"{difference}, exit code: 1" in job["FailureReason"]
    else:
        assert "was requested" not in job["FailureReason"]
