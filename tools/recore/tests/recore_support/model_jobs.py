"""A model class in a simulator: its code on S3, the jobs that generate its dataset and train it, and its model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stagemaker_support.endpoints import Endpoints
from stagemaker_support.simulator_client import IMAGE, Client
from stagemaker_support.training_jobs import channel, submit

from recore.model.code_archive import code_files, write_code_archive
from recore_support.models import url_of
from stagemaker.server import ROLE_ARN

CODE = "/opt/ml/processing/input/code"


def upload_code_archive(client: Client, folder: Path, project: str, packages: Sequence[str] = ()) -> str:
    """Upload an archive of a folder of code and return its URI."""
    write_code_archive(folder.parent / "code.tar.gz", folder, packages)
    return client.put(f"{project}/code.tar.gz", (folder.parent / "code.tar.gz").read_bytes())


def generate_dataset(
    client: Client, folder: Path, project: str, model: str, packages: Sequence[str] = (), **variables: str
) -> dict[str, Any]:
    """Run the processing job that generates the dataset `first` of a model class, and return its description.

    variables: additional environment variables, such as those that let the job call the simulator's S3.
    """
    for name, path in code_files(folder, packages).items():
        client.put(f"{project}/code/{name}", path.read_bytes())
    s3_input = {"S3Uri": f"{url_of(project)}/code", "LocalPath": CODE, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    command = ["python3", "-m", "recore.model", "--model", model, "generate-dataset"]
    variables |= {"PYTHONPATH": CODE, "ML2P_DATASET": "first", "ML2P_S3_URL": url_of(project)}
    return client.process(
        "",
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": command},
        ProcessingInputs=[{"InputName": "project", "S3Input": s3_input}],
        Environment=variables,
    )


def train(client: Client, source: str, project: str, dataset: str, **hyperparameters: str) -> dict[str, Any]:
    """Run the training job PROJECT-1 in script mode and return its description."""
    submit(
        client,
        TrainingJobName=f"{project}-1",
        HyperParameters={"sagemaker_program": "job.py", "sagemaker_submit_directory": source} | hyperparameters,
        InputDataConfig=[channel("training", dataset)],
        OutputDataConfig={"S3OutputPath": f"{url_of(project)}/models"},
        Environment={"ML2P_PROJECT": project, "ML2P_S3_URL": url_of(project)},
    )
    job = client.wait("TrainingJob", f"{project}-1")
    assert job["TrainingJobStatus"] == "Completed", job
    return job


def create_model(client: Client, source: str, data: str, variables: dict[str, str], name: str) -> str:
    """Create a training job's model, served by the same script, and return its name."""
    script = {
        "SAGEMAKER_PROGRAM": "job.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": source,
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    container = {"Image": IMAGE, "ModelDataUrl": data, "Environment": script | variables}
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    return name


def invoke(endpoints: Endpoints, name: str, data: Any) -> Any:
    """Invoke an endpoint and return its response, which must be JSON."""
    response = endpoints.invoke(name, json.dumps(data), ContentType="application/json")
    assert response["ContentType"] == "application/json"
    return json.loads(response["Body"].read())
