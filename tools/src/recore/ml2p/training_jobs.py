"""A project's training jobs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recore.model import LocalEnv
from recore.model.hyperparameters import encode

from . import datasets, versions
from .naming import check_training_job_name
from .project import Project
from .project_folder import Advance, nothing
from .resources import ResourceKind
from .source_code import channel, upload_source

TRAINING_JOB = ResourceKind("TrainingJob", "TrainingJobSummaries")
LONGEST = 3600  # seconds
VOLUME = 20  # GB


def create(
    project: Project,
    name: str,
    dataset: str,
    model_type: str | None,
    hyperparameters: Mapping[str, Any] | None = None,
    advance: Advance = nothing,
) -> dict[str, Any]:
    """Start a training job on a dataset. Returns SageMaker's answer.

    hyperparameters: they replace those of the project file that have their names. advance: called with the number of
    bytes of the dataset that were just read, for its hash. What the version is made of is recorded: the hashes of data
    and code, the image, the class and the hyperparameters. Raises NamingError if the name is invalid or was used
    before, ConfigError if the project file lacks something or there is no such dataset, HyperParameterEncodingError if
    SageMaker cannot take the hyperparameters.
    """
    check_training_job_name(name)
    values = project.mapping("train", "hyperparameters") | dict(hyperparameters or {})
    model_class = project.model_class(model_type)
    request = _request(project, name, dataset, values, model_class)
    data, source = datasets.describe(project, dataset, advance), upload_source(project, "train")
    if source:
        request["HyperParameters"] |= source.hyperparameters()
        request["InputDataConfig"] += source.channels()
        request["EnableNetworkIsolation"] = not source.has_requirements
    record = {
        "kind": "training job",
        "dataset": dataset,
        "data_sha256": data["sha256"],
        "code_sha256": source.sha256 if source else None,
        "image": project.text("train", "image"),
        "model_cls": model_class,
        "hyperparameters": values,
    }
    with versions.claimed(project, project.full_name(name), record):
        return project.call("CreateTrainingJob", **request)


def open_locally(project: Project, name: str, folder: Path) -> LocalEnv:
    """Return a local environment in a folder with the model of a training job.

    Raises LocalEnvError if there is no such model, or it cannot be unpacked.
    """
    return LocalEnv.of_training_job(name, folder, project.file, project.session)


def _request(
    project: Project, name: str, dataset: str, values: Mapping[str, Any], model_class: str | None
) -> dict[str, Any]:
    algorithm: dict[str, Any] = {"TrainingImage": project.text("train", "image"), "TrainingInputMode": "File"}
    if metrics := project.mapping("train", "metric_definitions"):
        algorithm["MetricDefinitions"] = [{"Name": key, "Regex": regex} for key, regex in metrics.items()]
    resources = {"InstanceCount": 1, "InstanceType": project.text("train", "instance_type"), "VolumeSizeInGB": VOLUME}
    return {
        "TrainingJobName": project.full_name(name),
        "AlgorithmSpecification": algorithm,
        "EnableNetworkIsolation": True,  # training needs its channels alone
        "HyperParameters": encode(values),
        # with the slash, because another dataset's name may begin like this one's
        "InputDataConfig": [channel("training", project.s3.url(f"datasets/{dataset}/"))],
        "Environment": {"ML2P_TRAINING_JOB": project.full_name(name)} | project.variables(model_class),
        "OutputDataConfig": {"S3OutputPath": project.s3.url("models/")},
        "ResourceConfig": resources,
        "RoleArn": project.text("train", "role"),
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST},
        "Tags": project.tags(),
        **project.network("train"),
    }
