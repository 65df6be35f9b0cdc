"""What there is of a project, and its removal."""

from collections.abc import Iterable
from typing import Any

from recore.production.endpoints import Variant, delete_endpoint, describe_endpoint, require_endpoint
from recore.production.pipeline import RUNNING as RUNNING_EXECUTIONS
from recore.production.pipeline import read_steps
from recore.production.project import Outcome, ProductionError, ProductionProject, Watch
from recore.production.tuning import RUNNING, delete_tuning_job, list_tuning_jobs
from recore.production.versions import APPROVED, Version, find_version, list_versions, model_name


def list_all(project: ProductionProject) -> Outcome:
    """The versions, the latest first, and the endpoint with the shares of its variants."""
    versions, endpoint = list_versions(project), describe_endpoint(project)
    group = project.settings.model_package_group_name
    lines = [_version_line(version, endpoint) for version in versions] or [f"{group} has no version yet"]
    if endpoint:
        lines.append(_endpoint_line(endpoint))
    waiting = next((version for version in versions if version.approval == "PendingManualApproval"), None)
    following = "train" if not versions else f"approve {waiting.number}" if waiting else ""
    if not endpoint and any(version.approval == APPROVED for version in versions):
        following = "deploy"
    details = {"versions": [version.describe() for version in versions], "endpoint": endpoint}
    return Outcome(lines, details, following)


def describe(project: ProductionProject, number: int | None) -> Outcome:
    """Describe a version in detail, or the endpoint. Raises ProductionError if it does not exist."""
    if number is None:
        endpoint = require_endpoint(project)
        reason = [f"reason: {endpoint['reason']}"] if endpoint["reason"] else []
        return Outcome([_endpoint_line(endpoint), f"configuration: {endpoint['config']}", *reason], endpoint)
    version = find_version(project, number)
    lines = [
        _version_line(version, describe_endpoint(project)),
        f"package: {version.arn}",
        *(f"{name}: {value}" for name, value in sorted(version.metadata.items())),
        *(f"archive of {name}: {uri}" for name, uri in zip(("features", "model"), version.archives, strict=False)),
    ]
    return Outcome(lines, version.describe(), "" if version.approval == APPROVED else f"approve {number}")


def delete_version(project: ProductionProject, number: int) -> Outcome:
    """Delete a version and its model. Raises ProductionError if it does not exist, or the endpoint serves it."""
    version, endpoint = find_version(project, number), describe_endpoint(project)
    used = [*(variant["version"] for variant in endpoint["variants"]), *endpoint["pending"]] if endpoint else []
    if endpoint and number in used:
        raise ProductionError(f"the endpoint {endpoint['endpoint']} serves version {number}: `update` it first")
    _delete_version(project, version)
    return Outcome([f"deleted: version {number}"], {"deleted": [f"version {number}"]}, "list")


def delete_all(project: ProductionProject, watch: Watch) -> Outcome:
    """Delete everything: endpoint, versions, models, tuning jobs, the pipeline, and the objects below the prefix.

    Nothing is deleted if a job of theirs is running: ProductionError. Records of jobs that have ended remain, because
    SageMaker cannot delete them, and objects below INPUT_DATA.
    """
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
    if project.find("DescribePipeline", PipelineName=settings.pipeline_name):
        deleted += _delete_pipeline(project, executions)
    if count := _delete_objects(project):
        deleted.append(f"{count} objects below {project.uri()}")
    lines = [f"deleted: {name}" for name in deleted] or ["there is nothing to delete; nothing changed"]
    return Outcome(lines, {"deleted": deleted}, changed=bool(deleted))


def _version_line(version: Version, endpoint: dict[str, Any] | None) -> str:
    serving = [item for item in (endpoint or {}).get("variants", []) if item["version"] == version.number]
    shares = ", ".join(
        f"serves as {item['name']}, {item['share']:.0%} of the requests" for item in serving if item["share"]
    )
    parts = [
        f"version {version.number}",
        version.approval,
        version.score_text,
        f"{version.created:%Y-%m-%d %H:%M}",
        shares,
    ]
    return ", ".join(filter(None, parts))


def _endpoint_line(endpoint: dict[str, Any]) -> str:
    variants = ", ".join(str(Variant(item["name"], item["version"], item["weight"])) for item in endpoint["variants"])
    return f"endpoint {endpoint['endpoint']}, {endpoint['status']}: {variants}"


def _delete_version(project: ProductionProject, version: Version) -> None:
    name = model_name(project, version.number)
    if project.find("DescribeModel", ModelName=name):
        project.sagemaker.delete_model(ModelName=name)
    project.sagemaker.delete_model_package(ModelPackageName=version.arn)


def _list_executions(project: ProductionProject) -> dict[str, str]:
    """The statuses of the pipeline's executions, by ARN."""
    name = project.settings.pipeline_name
    if not project.find("DescribePipeline", PipelineName=name):
        return {}
    pages = project.sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=name)
    items = (item for page in pages for item in page["PipelineExecutionSummaries"])
    return {item["PipelineExecutionArn"]: item["PipelineExecutionStatus"] for item in items}


def _require_idle(executions: dict[str, str], tuning_jobs: dict[str, str]) -> None:
    """Raise ProductionError if anything is running that makes more."""
    running = [f"the execution {arn}" for arn, status in executions.items() if status in RUNNING_EXECUTIONS]
    running += [f"the tuning job {name}" for name, status in tuning_jobs.items() if status in RUNNING]
    if running:
        raise ProductionError(f"{running[0]} is running, and nothing is deleted: wait for its end")


def _delete_pipeline(project: ProductionProject, executions: Iterable[str]) -> list[str]:
    """Delete the pipeline with the models that its executions created."""
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
    """Delete the project's objects, but no input data. Returns their number. Raises ProductionError if one remains."""
    deleted, kept = 0, f"{project.settings.input_data.rstrip('/')}/"
    pages = project.s3.get_paginator("list_objects_v2").paginate(Bucket=project.bucket, Prefix=f"{project.key()}/")
    for page in pages:
        keys = [item["Key"] for item in page.get("Contents", [])]
        objects = [{"Key": key} for key in keys if not f"s3://{project.bucket}/{key}".startswith(kept)]
        if objects:
            answer = project.s3.delete_objects(Bucket=project.bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                raise ProductionError(f"{errors[0]['Key']} could not be deleted: {errors[0].get('Message')}")
            deleted += len(objects)
    return deleted
