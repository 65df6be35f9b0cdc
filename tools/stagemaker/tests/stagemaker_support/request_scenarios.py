"""Scenarios for clients that send plain API requests: SDK 3's resources, Airflow's operators, and the AWS CLI.

A test module imports all names and defines two module-scoped fixtures: `services`, a function that returns a boto3
client, and `builder`, whose methods send requests through the tested client. create(kind, request) also waits until a
job has ended or an endpoint is in service; fails() returns a context in which creating a job must raise the client's
error; the others are update_endpoint(request), invoke(endpoint, body, variant) and delete(kind, name).
"""

from collections.abc import Callable
from typing import Any

import pytest

from stagemaker_support.archives import archive_of
from stagemaker_support.sdk import BUCKET, IMAGE, INSTANCE, ROLE

Services = Callable[[str], Any]
FOLDER, FORMAT = "/opt/ml/processing", {"S3DataType": "S3Prefix"}
RESOURCES = {"InstanceType": INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 1}
PROGRAM = """
import sys
text = open(sys.argv[1] + "/raw.csv").read()
open(sys.argv[2] + "/numbers.csv", "w").write(text + "6\\n")
"""
# a model that adds a multiple of the sum of its training data to each number in a request
SCRIPT = """
import os, sys

def model_fn(folder):
    return float(open(folder + "/total").read())

def transform_fn(total, data, content_type, accept):
    return "\\n".join(str(total + float(line)) for line in data.split()), "text/csv"

if __name__ == "__main__":
    factor = dict(zip(sys.argv[1::2], sys.argv[2::2]))["--factor"]
    numbers = open(os.environ["SM_CHANNEL_TRAINING"] + "/numbers.csv").read()
    total = float(factor) * sum(map(float, numbers.split()))
    open(os.environ["SM_MODEL_DIR"] + "/total", "w").write(str(total))
    print(f"total={total};")
"""


def make_definition(source: str, lines: str) -> dict[str, Any]:
    metrics = [{"Name": "total", "Regex": "total=(.*?);"}]
    data = {"S3DataSource": FORMAT | {"S3Uri": lines}}
    return {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": metrics},
        "InputDataConfig": [{"ChannelName": "training", "DataSource": data}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
    }


@pytest.fixture(scope="module")
def settings(services: Services) -> dict[str, str]:
    services("s3").put_object(Bucket=BUCKET, Key="script.tar.gz", Body=archive_of(**{"script.py": SCRIPT}))
    return {"sagemaker_program": "script.py", "sagemaker_submit_directory": f"s3://{BUCKET}/script.tar.gz"}


@pytest.fixture(scope="module")
def lines(builder: Any, services: Services) -> str:
    s3 = services("s3")
    s3.put_object(Bucket=BUCKET, Key="program/program.py", Body=PROGRAM)
    s3.put_object(Bucket=BUCKET, Key="raw/raw.csv", Body="1\n2\n")
    inputs = {"code": "program/program.py", "data": "raw/"}
    output = {"S3Uri": f"s3://{BUCKET}/lines", "LocalPath": f"{FOLDER}/output", "S3UploadMode": "EndOfJob"}
    request = {
        "ProcessingJobName": "lines",
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", f"{FOLDER}/code/program.py"],
            "ContainerArguments": [f"{FOLDER}/data", f"{FOLDER}/output"],
        },
        "ProcessingInputs": [
            {
                "InputName": name,
                "S3Input": FORMAT
                | {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": f"{FOLDER}/{name}", "S3InputMode": "File"},
            }
            for name, key in inputs.items()
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "lines", "S3Output": output}]},
        "ProcessingResources": {"ClusterConfig": RESOURCES},
    }
    builder.create("ProcessingJob", request)
    return f"s3://{BUCKET}/lines/"


@pytest.fixture(scope="module")
def job(builder: Any, services: Services, settings: dict[str, str], lines: str) -> dict[str, Any]:
    definition = make_definition(settings["sagemaker_submit_directory"], lines)
    definition["HyperParameters"] = settings | {"factor": "2"}
    builder.create("TrainingJob", {"TrainingJobName": "fit"} | definition)
    return services("sagemaker").describe_training_job(TrainingJobName="fit")


@pytest.fixture(scope="module")
def container(job: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    variables = {name.upper(): value for name, value in settings.items()} | {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    return {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"], "Environment": variables}


def test_a_processing_job_writes_to_s3(services: Services, lines: str) -> None:
    assert services("s3").get_object(Bucket=BUCKET, Key="lines/numbers.csv")["Body"].read() == b"1\n2\n6\n"


def test_a_training_job_has_settings_a_metric_and_a_log(services: Services, job: dict[str, Any]) -> None:
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert job["HyperParameters"]["factor"] == "2"
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("total", 18.0)]
    group = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": "fit/"}
    assert "total=18.0;" in [event["message"] for event in services("logs").filter_log_events(**group)["events"]]


def test_a_job_that_fails_raises_an_error(
    builder: Any, services: Services, settings: dict[str, str], lines: str
) -> None:
    definition = make_definition(settings["sagemaker_submit_directory"], lines)
    request = {"TrainingJobName": "failing", "HyperParameters": settings | {"factor": "much"}} | definition
    with builder.fails():
        builder.create("TrainingJob", request)
    reason = services("sagemaker").describe_training_job(TrainingJobName="failing")["FailureReason"]
    assert "could not convert string to float: 'much'" in reason


def test_a_model_transforms_data_and_is_deleted(
    builder: Any, services: Services, container: dict[str, Any], lines: str
) -> None:
    builder.create("Model", {"ModelName": "adds", "ExecutionRoleArn": ROLE, "PrimaryContainer": container})
    source = {"S3DataSource": FORMAT | {"S3Uri": lines}}
    request = {
        "TransformJobName": "transform",
        "ModelName": "adds",
        "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/transformed", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": INSTANCE, "InstanceCount": 1},
    }
    builder.create("TransformJob", request)
    output = services("s3").get_object(Bucket=BUCKET, Key="transformed/numbers.csv.out")["Body"].read()
    assert output.split() == [b"19.0", b"20.0", b"24.0"]
    builder.delete("Model", "adds")
    assert services("sagemaker").list_models(NameContains="adds")["Models"] == []


def test_a_tuning_job_finds_its_best_job(
    builder: Any, services: Services, settings: dict[str, str], lines: str
) -> None:
    definition = make_definition(settings["sagemaker_submit_directory"], lines)
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "total"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "factor", "MinValue": "1", "MaxValue": "2"}]},
    }
    request = {"HyperParameterTuningJobName": "tune", "HyperParameterTuningJobConfig": config}
    request["TrainingJobDefinition"] = definition | {"StaticHyperParameters": settings}
    builder.create("HyperParameterTuningJob", request)
    client, name = services("sagemaker"), {"HyperParameterTuningJobName": "tune"}
    description = client.describe_hyper_parameter_tuning_job(**name)
    assert description["HyperParameterTuningJobStatus"] == "Completed"
    jobs = client.list_training_jobs_for_hyper_parameter_tuning_job(**name)["TrainingJobSummaries"]
    factors = {item["TrainingJobName"]: float(item["TunedHyperParameters"]["factor"]) for item in jobs}
    best = description["BestTrainingJob"]
    assert best["TrainingJobName"] == min(factors, key=factors.__getitem__)
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert value == pytest.approx(9 * factors[best["TrainingJobName"]])


def test_an_endpoint_is_invoked_updated_and_deleted(
    builder: Any, services: Services, container: dict[str, Any]
) -> None:
    client = services("sagemaker")
    builder.create("Model", {"ModelName": "served", "ExecutionRoleArn": ROLE, "PrimaryContainer": container})
    variant = {"ModelName": "served", "InstanceType": INSTANCE, "InitialInstanceCount": 1}
    for name in ("first", "second"):
        variants = [variant | {"VariantName": name}]
        builder.create("EndpointConfig", {"EndpointConfigName": name, "ProductionVariants": variants})
        request = {"EndpointName": "served", "EndpointConfigName": name}
        if name == "first":
            builder.create("Endpoint", request)
        else:
            builder.update_endpoint(request)
        description = client.describe_endpoint(EndpointName="served")
        assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", name)
        assert builder.invoke("served", b"3", name) == b"21.0"
    builder.delete("Endpoint", "served")
    client.get_waiter("endpoint_deleted").wait(EndpointName="served", WaiterConfig={"Delay": 1})
