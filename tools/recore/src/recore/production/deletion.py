"""Delete a version, or all resources of a project."""

from collections.abc import Iterable, Iterator
from itertools import batched

from recore.evaluation import MAX_REMOVED, list_objects
from recore.listing import count
from recore.production.endpoints import delete_endpoint, describe_endpoint
from recore.production.pipeline import read_steps
from recore.production.project import RUNNING, Outcome, ProductionError, ProductionProject, Watch
from recore.production.project_state import suggest_next
from recore.production.tuning import delete_tuning_job, list_tuning_jobs
from recore.production.versions import Version, find_version, list_approvals, list_versions, model_name


def delete_version(project: ProductionProject, number: int) -> Outcome:
    """Delete a version and its model. Raises ProductionError if it is served or does not exist."""
    version, endpoint = find_version(project, number), describe_endpoint(project)
    in_use = [*(variant["version"] for variant in endpoint["variants"]), *endpoint["pending"]] if endpoint else []
    if endpoint and number in in_use:
        raise ProductionError(f"the endpoint {endpoint['endpoint']} serves version {number}; run `update` first")
    _delete_version(project, version)
    return Outcome([f"deleted: version {number}"], {"deleted": [f"version {number}"]}, suggest_next(project))


def list_deletable(project: ProductionProject) -> list[str]:
    """List the resources that `delete_all` would delete. Raises ProductionError if a job is running."""
    settings, tuning_jobs = project.settings, list_tuning_jobs(project)
    _require_idle(_list_executions(project), tuning_jobs)
    versions, objects = len(list_approvals(project)), sum(1 for _ in _list_keys(project))
    parts = {
        f"the endpoint {settings.endpoint_name}": describe_endpoint(project) is not None,
        count(versions, "version"): versions,
        f"the pipeline {settings.pipeline_name}": _has_pipeline(project),
        count(len(tuning_jobs), "tuning job"): tuning_jobs,
        f"{count(objects, 'object')} under {project.uri()}": objects,
    }
    return [name for name, is_there in parts.items() if is_there]


def delete_all(project: ProductionProject, watch: Watch) -> Outcome:
    """Delete all project resources except INPUT_DATA. Raises ProductionError if a job is running."""
    settings = project.settings
    executions, tuning_jobs = _list_executions(project), list_tuning_jobs(project)
    _require_idle(executions, tuning_jobs)
    for name in tuning_jobs:
        delete_tuning_job(project, name)
    deleted = [f"the tuning job {name}" for name in tuning_jobs] + delete_endpoint(project, watch)
    for version in list_versions(project):
        _delete_version(project, version)
        deleted.append(f"version {version.number}")
    group = settings.model_package_group_name
    if project.find("DescribeModelPackageGroup", ModelPackageGroupName=group):
        project.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
        deleted.append(f"the group {group}")
    if _has_pipeline(project):
        deleted += _delete_pipeline(project, executions)
    if number := _delete_objects(project):
        deleted.append(f"{count(number, 'object')} under {project.uri()}")
    return deletion_outcome(deleted, "there is nothing to delete")


def deletion_outcome(names: list[str], empty_message: str) -> Outcome:
    """Return the outcome of a deletion. empty_message: the reason if nothing was deleted."""
    lines = [f"deleted: {name}" for name in names] or [f"{empty_message}; nothing changed"]
    return Outcome(lines, {"deleted": names}, changed=bool(names))


def _delete_version(project: ProductionProject, version: Version) -> None:
    name = model_name(project, version.number)
    if project.find("DescribeModel", ModelName=name):
        project.sagemaker.delete_model(ModelName=name)
    project.sagemaker.delete_model_package(ModelPackageName=version.arn)


def _has_pipeline(project: ProductionProject) -> bool:
    return project.find("DescribePipeline", PipelineName=project.settings.pipeline_name) is not None


def _list_executions(project: ProductionProject) -> dict[str, str]:
    name = project.settings.pipeline_name
    if not _has_pipeline(project):
        return {}
    pages = project.sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=name)
    items = pages.search("PipelineExecutionSummaries[]")
    return {item["PipelineExecutionArn"]: item["PipelineExecutionStatus"] for item in items}


def _require_idle(executions: dict[str, str], tuning_jobs: dict[str, str]) -> None:
    statuses = {f"the execution {arn}": status for arn, status in executions.items()}
    statuses |= {f"the tuning job {name}": status for name, status in tuning_jobs.items()}
    for name, status in statuses.items():
        if status in RUNNING:
            raise ProductionError(f"{name} is running, so nothing is deleted; wait until it has finished")


def _delete_pipeline(project: ProductionProject, executions: Iterable[str]) -> list[str]:
    name, deleted = project.settings.pipeline_name, []
    for arn in executions:
        for step in read_steps(project, arn).values():
            model = step.get("Metadata", {}).get("Model", {}).get("Arn", "").rpartition("/")[2]
            if model and project.find("DescribeModel", ModelName=model):
                project.sagemaker.delete_model(ModelName=model)
                deleted.append(f"the model {model}")
    project.sagemaker.delete_pipeline(PipelineName=name)
    return [*deleted, f"the pipeline {name}"]


def _delete_objects(project: ProductionProject) -> int:
    deleted = 0
    for keys in batched(_list_keys(project), MAX_REMOVED):
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        if errors := project.s3.delete_objects(Bucket=project.bucket, Delete=objects).get("Errors"):
            raise ProductionError(f"{errors[0]['Key']} could not be deleted: {errors[0].get('Message')}")
        deleted += len(keys)
    return deleted


def _list_keys(project: ProductionProject) -> Iterator[str]:
    input_data = f"{project.settings.input_data.rstrip('/')}/"
    keys = (item["Key"] for item in list_objects(project.s3, project.bucket, f"{project.key()}/"))
    return (key for key in keys if not f"s3://{project.bucket}/{key}".startswith(input_data))
