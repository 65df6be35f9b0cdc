"""A project's models: what a training job left, with the image and the code that serve it."""

from collections.abc import Mapping
from typing import Any

from recore.model.errors import ConfigError

from . import versions
from .naming import training_job_of_model
from .project import Project
from .resources import ResourceKind, describe
from .source_code import upload_source
from .training_jobs import TRAINING_JOB

MODEL = ResourceKind("Model", "Models")
DEFAULTS = "model-defaults"  # in the project file, what containers have in common


def create(project: Project, name: str, training_job: str | None, model_type: str | None) -> dict[str, Any]:
    """Create a model of a training job, by default of that which its name begins with. Returns SageMaker's answer.

    What the version is made of is recorded: the training job's record and metrics, the image, the class and the hash of
    the code that serves. Raises NamingError if the name is invalid or was used before, ConfigError if the project file
    lacks something or the training job is not completed.
    """
    default_job = training_job_of_model(name)
    settings = project.model_settings(model_type)
    if isinstance(settings, Mapping):
        containers, record = _several_containers(project, settings)
    else:
        containers, record = _one_container(project, name, training_job or default_job, model_type)
    request = {
        "ModelName": project.full_name(name),
        **containers,
        "ExecutionRoleArn": project.text("deploy", "role"),
        "Tags": project.tags(),
        "EnableNetworkIsolation": False,  # the server writes records to S3
        **project.network("deploy"),
    }
    with versions.claimed(project, project.full_name(name), {"kind": "model"} | record):
        return project.call("CreateModel", **request)


def delete(project: Project, name: str) -> None:
    """Delete a model. Its record stays, so its name is not free again."""
    project.call("DeleteModel", ModelName=project.full_name(name))


RequestAndRecord = tuple[dict[str, Any], dict[str, Any]]  # members of the request, and of the record


def _one_container(project: Project, name: str, job: str, model_type: str | None) -> RequestAndRecord:
    """The parts of a model with one container."""
    training_job = _training_record(project, job)
    model_class, image = project.model_class(model_type), project.text("deploy", "image")
    source = upload_source(project, "deploy")
    variables = _variables(project, name, model_class) | (source.variables() if source else {})
    container = {"Image": image, "ModelDataUrl": _data(project, job), "Environment": variables}
    record = {
        "training_job": training_job,
        "code_sha256": source.sha256 if source else None,
        "image": image,
        "model_cls": model_class,
    }
    return {"PrimaryContainer": container}, record


def _several_containers(project: Project, model: Mapping[str, Any]) -> RequestAndRecord:
    """The parts of a model whose containers are invoked each by its name, and hold their code."""
    defaults = model.get(DEFAULTS) or {}
    repository = project.text("deploy", "image").partition(":")[0]
    containers, records = [], {}
    for name, settings in model.items():
        if name == DEFAULTS:
            continue
        if not isinstance(settings, Mapping) or not settings.get("image_tag"):
            raise ConfigError(f"{project.file}: the container {name!r} in the section 'models' needs 'image_tag'")
        job, image = settings.get("training_job", name), f"{repository}:{settings['image_tag']}"
        container = {
            "ContainerHostname": name,
            "Image": image,
            "ModelDataUrl": _data(project, job),
            "Environment": _variables(project, name, settings.get("cls", defaults.get("cls"))),
        }
        containers.append(container)
        records[name] = {"training_job": _training_record(project, job), "image": image}
    members = {"Containers": containers, "InferenceExecutionConfig": {"Mode": "Direct"}}
    return members, {"containers": records}


def _variables(project: Project, name: str, model_class: str | None) -> dict[str, str]:
    variables = {"ML2P_MODEL_VERSION": project.full_name(name)} | project.variables(model_class)
    if project.flag("deploy", "record_invokes"):
        variables["ML2P_RECORD_INVOKES"] = "true"
    return variables


def _data(project: Project, job: str) -> str:
    return project.s3.url(f"models/{project.full_name(job)}/output/model.tar.gz")


def _training_record(project: Project, job: str) -> dict[str, Any]:
    """The record of a training job, which must be completed, with its metrics."""
    description = describe(project, TRAINING_JOB, job)
    if (status := description["TrainingJobStatus"]) != TRAINING_JOB.good_end:
        raise ConfigError(f"the training job {job!r} has not completed: its status is {status}")
    metrics = {metric["MetricName"]: metric["Value"] for metric in description.get("FinalMetricDataList", [])}
    name = project.full_name(job)
    return (versions.read(project, name) or {"name": name}) | {"metrics": metrics}
