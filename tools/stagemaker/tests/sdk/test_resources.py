"""The SDK's resources, one class for each kind of job: jobs are created, waited for, described and listed."""

import io
import itertools
import tarfile
from typing import Any

import pytest
from sagemaker.core.resources import Model, ProcessingJob, TrainingJob, TransformJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    AppSpecification,
    Channel,
    ContainerDefinition,
    DataSource,
    OutputDataConfig,
    ProcessingClusterConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingOutputConfig,
    ProcessingResources,
    ProcessingS3Input,
    ProcessingS3Output,
    ResourceConfig,
    S3DataSource,
    StoppingCondition,
    TransformDataSource,
    TransformInput,
    TransformOutput,
    TransformResources,
    TransformS3DataSource,
)
from sagemaker.core.utils.exceptions import FailedStatusError

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
numbers = itertools.count()

# A model unrelated to the challenge: it adds the mean of the training data to each number in a request
SCRIPT = """
import argparse, os, pathlib

def model_fn(folder):
    return float(pathlib.Path(folder, "mean").read_text())

def input_fn(body, content_type):
    return [float(line) for line in body.splitlines()]

def predict_fn(values, model):
    return [value + model for value in values]

def output_fn(values, accept):
    return "".join(f"{value}\\n" for value in values)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float)
    factor = parser.parse_args().factor
    numbers = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "numbers.csv").read_text().split()
    mean = factor * sum(map(float, numbers)) / len(numbers)
    print(f"mean={mean}")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "mean").write_text(str(mean))
"""


@pytest.fixture(scope="module")
def bucket(variables: dict[str, str]) -> Any:
    import boto3

    bucket = boto3.resource("s3").Bucket("sdk-resources")
    bucket.create()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("fit.py")
        member.size = len(SCRIPT)
        tar.addfile(member, io.BytesIO(SCRIPT.encode()))
    bucket.put_object(Key="source/sourcedir.tar.gz", Body=archive.getvalue())
    bucket.put_object(Key="numbers/numbers.csv", Body="1\n2\n6\n")
    bucket.put_object(Key="requests/a.csv", Body="1\n2\n")
    return bucket


def create_training_job(factor: str) -> TrainingJob:
    source = S3DataSource(s3_data_type="S3Prefix", s3_uri="s3://sdk-resources/numbers/")
    return TrainingJob.create(
        training_job_name=f"fit-{next(numbers)}",
        role_arn=ROLE,
        algorithm_specification=AlgorithmSpecification(
            training_image=IMAGE,
            training_input_mode="File",
            metric_definitions=[{"name": "mean", "regex": "mean=(.*)"}],
        ),
        hyper_parameters={
            "factor": factor,
            "sagemaker_program": "fit.py",
            "sagemaker_submit_directory": "s3://sdk-resources/source/sourcedir.tar.gz",
        },
        input_data_config=[Channel(channel_name="training", data_source=DataSource(s3_data_source=source))],
        output_data_config=OutputDataConfig(s3_output_path="s3://sdk-resources/models"),
        resource_config=ResourceConfig(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=120),
    )


def test_a_model_is_trained_and_transforms_data(bucket: Any, caplog: pytest.LogCaptureFixture) -> None:
    job = create_training_job("2")
    job.wait(poll=1, logs=True)
    assert job.training_job_status == "Completed"
    assert "mean=6.0" in caplog.text
    assert [metric.value for metric in job.final_metric_data_list] == [6.0]
    assert job.training_job_name in [item.training_job_name for item in TrainingJob.get_all()]
    assert TrainingJob.get(job.training_job_name).hyper_parameters["factor"] == "2"

    model = Model.create(
        model_name="mean",
        execution_role_arn=ROLE,
        primary_container=ContainerDefinition(
            image=IMAGE,
            model_data_url=job.model_artifacts.s3_model_artifacts,
            environment={
                "SAGEMAKER_PROGRAM": "fit.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "s3://sdk-resources/source/sourcedir.tar.gz",
            },
        ),
    )
    source = TransformS3DataSource(s3_data_type="S3Prefix", s3_uri="s3://sdk-resources/requests/")
    transform = TransformJob.create(
        transform_job_name="add",
        model_name=model.model_name,
        transform_input=TransformInput(
            data_source=TransformDataSource(s3_data_source=source), content_type="text/csv", split_type="Line"
        ),
        transform_output=TransformOutput(s3_output_path="s3://sdk-resources/transformed", assemble_with="Line"),
        transform_resources=TransformResources(instance_type="ml.m5.large", instance_count=1),
    )
    transform.wait(poll=1, logs=True)
    assert transform.transform_job_status == "Completed"
    output = bucket.Object("transformed/a.csv.out").get()["Body"].read().decode()
    assert output.split() == ["7.0", "8.0"]
    model.delete()
    assert "mean" not in [item.model_name for item in Model.get_all()]


def test_a_failed_job_raises_its_failure_reason(bucket: Any) -> None:
    job = create_training_job("much")
    with pytest.raises(FailedStatusError, match="argument --factor: invalid float value: 'much'"):
        job.wait(poll=1)


def test_a_training_job_is_stopped(bucket: Any) -> None:
    job = create_training_job("2")
    job.stop()
    job.wait(poll=1)
    assert job.training_job_status == "Stopped"


def test_a_processing_job_runs_a_script(bucket: Any, caplog: pytest.LogCaptureFixture) -> None:
    bucket.put_object(
        Key="scripts/sum.py",
        Body="import sys\nopen(sys.argv[2], 'w').write(str(sum(map(float, open(sys.argv[1])))))\nprint('summed')\n",
    )
    inputs = {
        "code": ("s3://sdk-resources/scripts/sum.py", "/opt/ml/processing/input/code"),
        "data": ("s3://sdk-resources/numbers/", "/opt/ml/processing/input/data"),
    }
    cluster = ProcessingClusterConfig(instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1)
    output = ProcessingS3Output(
        s3_uri="s3://sdk-resources/sums", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
    )
    job = ProcessingJob.create(
        processing_job_name="sum",
        role_arn=ROLE,
        app_specification=AppSpecification(
            image_uri=IMAGE,
            container_entrypoint=["python3", "/opt/ml/processing/input/code/sum.py"],
            container_arguments=["/opt/ml/processing/input/data/numbers.csv", "/opt/ml/processing/output/sum.txt"],
        ),
        processing_inputs=[
            ProcessingInput(
                input_name=name,
                s3_input=ProcessingS3Input(s3_uri=uri, local_path=path, s3_data_type="S3Prefix", s3_input_mode="File"),
            )
            for name, (uri, path) in inputs.items()
        ],
        processing_output_config=ProcessingOutputConfig(
            outputs=[ProcessingOutput(output_name="sums", s3_output=output)]
        ),
        processing_resources=ProcessingResources(cluster_config=cluster),
    )
    job.wait(poll=1, logs=True)
    assert job.processing_job_status == "Completed"
    assert "summed" in caplog.text
    assert bucket.Object("sums/sum.txt").get()["Body"].read() == b"9.0"
