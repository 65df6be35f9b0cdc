"""Airflow's SageMaker operators, executed without a scheduler, from a processing job to an endpoint that is updated."""

import io
import json
import tarfile
from typing import Any

import boto3
import pytest
from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerDeleteModelOperator,
    SageMakerEndpointConfigOperator,
    SageMakerEndpointOperator,
    SageMakerModelOperator,
    SageMakerProcessingOperator,
    SageMakerStartPipelineOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
)

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
BUCKET, ROLE = "sagemaker-us-east-1-123456789012", "arn:aws:iam::123456789012:role/SageMakerRole"
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
INPUT, OUTPUT = "/opt/ml/processing/input/code", "/opt/ml/processing/output"
PROGRAM = "import sys; open(sys.argv[1] + '/lines.csv', 'w').write('1\\n2\\n')"
SCRIPT = """
import os, sys
def model_fn(folder): return float(open(folder + "/factor").read())
def transform_fn(factor, data, content_type, accept): return str(factor * sum(map(float, data.split()))), "text/csv"
if __name__ == "__main__":
    factor = dict(zip(sys.argv[1::2], sys.argv[2::2]))["--factor"]
    open(os.environ["SM_MODEL_DIR"] + "/factor", "w").write(factor)
    print("factor=" + factor + ";")
"""
ALGORITHM = {
    "TrainingImage": IMAGE,
    "TrainingInputMode": "File",
    "MetricDefinitions": [{"Name": "factor", "Regex": "factor=(.*?);"}],
}
FAILING = [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "wanted"}}]


def execute(operator: type, **arguments: Any) -> Any:
    return operator(task_id="task", **arguments).execute({})


@pytest.fixture(scope="module")
def source() -> str:
    """Upload the script in an archive and the program of the processing job, and return the archive's URI."""
    s3, archive = boto3.client("s3"), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("script.py")
        member.size = len(SCRIPT)
        tar.addfile(member, io.BytesIO(SCRIPT.encode()))
    s3.put_object(Bucket=BUCKET, Key="script.tar.gz", Body=archive.getvalue())
    s3.put_object(Bucket=BUCKET, Key="program.py", Body=PROGRAM)
    return f"s3://{BUCKET}/script.tar.gz"


@pytest.fixture(scope="module")
def lines(source: str) -> str:
    """Return the URI of the lines that a processing job has written."""
    code = {"S3Uri": f"s3://{BUCKET}/program.py", "LocalPath": INPUT, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    output = {"S3Uri": f"s3://{BUCKET}/lines", "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    config = {
        "ProcessingJobName": "lines",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{INPUT}/program.py", OUTPUT]},
        "ProcessingInputs": [{"InputName": "code", "S3Input": code}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "lines", "S3Output": output}]},
        "ProcessingResources": {"ClusterConfig": RESOURCES},
    }
    execute(SageMakerProcessingOperator, config=config, check_interval=1)
    return f"s3://{BUCKET}/lines/"


@pytest.fixture(scope="module")
def container(source: str) -> dict[str, Any]:
    """Return the container of a model that a training job has made. The job's name is in use: Airflow changes it."""
    settings = {"sagemaker_program": "script.py", "sagemaker_submit_directory": source}
    config = {
        "TrainingJobName": "train",
        "RoleArn": ROLE,
        "AlgorithmSpecification": ALGORITHM,
        "HyperParameters": settings | {"factor": "10"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    for prints_log in (True, False):  # with the log, Airflow looks at the job every 30 s
        arguments = {"config": dict(config), "print_log": prints_log, "check_interval": 1}
        job = execute(SageMakerTrainingOperator, **arguments)["Training"]
    assert job["TrainingJobName"].startswith("train-")
    variables = {name.upper(): value for name, value in settings.items()} | {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    return {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"], "Environment": variables}


def test_a_model_is_created_for_a_transform_job(lines: str, container: dict[str, Any]) -> None:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": lines}}
    config = {
        "Model": {"ModelName": "transformed", "ExecutionRoleArn": ROLE, "PrimaryContainer": container},
        "Transform": {
            "TransformJobName": "transform",
            "ModelName": "transformed",
            "TransformInput": {"DataSource": source, "ContentType": "text/csv"},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/transformed"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }
    execute(SageMakerTransformOperator, config=config, check_interval=1)
    answer = boto3.client("s3").get_object(Bucket=BUCKET, Key="transformed/lines.csv.out")
    assert answer["Body"].read() == b"30.0"
    execute(SageMakerDeleteModelOperator, config={"ModelName": "transformed"})


def test_a_tuning_job_runs(source: str, lines: str) -> None:
    data = {"S3DataType": "S3Prefix", "S3Uri": lines}
    settings = {"sagemaker_program": "script.py", "sagemaker_submit_directory": source}
    factors = [{"Name": "factor", "MinValue": "1", "MaxValue": "2"}]
    config = {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "factor"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": factors},
        },
        "TrainingJobDefinition": {
            "InputDataConfig": [{"ChannelName": "data", "DataSource": {"S3DataSource": data}}],
            "StaticHyperParameters": settings,
            "AlgorithmSpecification": ALGORITHM,
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": RESOURCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }
    tuning = execute(SageMakerTuningOperator, config=config, check_interval=1)["Tuning"]
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"


def test_an_endpoint_that_exists_is_updated(container: dict[str, Any]) -> None:
    model = {"ModelName": "served", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    execute(SageMakerModelOperator, config=model)
    variant = {"VariantName": "one", "ModelName": "served", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    for name in ("first", "second"):
        execute(SageMakerEndpointConfigOperator, config={"EndpointConfigName": name, "ProductionVariants": [variant]})
        endpoint = {"EndpointName": "served", "EndpointConfigName": name}
        execute(SageMakerEndpointOperator, config=endpoint, check_interval=1)
    assert boto3.client("sagemaker").describe_endpoint(EndpointName="served")["EndpointConfigName"] == "second"
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="served", Body=b"3")
    assert answer["Body"].read() == b"30.0"


def test_a_pipeline_execution_is_started() -> None:
    sagemaker = boto3.client("sagemaker")
    definition = json.dumps({"Version": "2020-12-01", "Steps": FAILING})
    sagemaker.create_pipeline(PipelineName="fails", PipelineDefinition=definition, RoleArn=ROLE)
    execution = execute(SageMakerStartPipelineOperator, pipeline_name="fails", display_name="from-airflow")
    description = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    assert description["PipelineExecutionDisplayName"] == "from-airflow"
