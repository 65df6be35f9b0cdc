"""The versions of the model: packages in a group of SageMaker's model registry."""

import datetime
from dataclasses import dataclass
from typing import Any

from recore.distribution import PROGRAM
from recore.production.next_command import APPROVED, REJECTED
from recore.production.project import ProductionError, ProductionProject
from recore.untrusted_json import get_number, parse_object


@dataclass(frozen=True)
class Version:
    """A version. arn: the package's ARN. metadata: its sources. score: the score on held-out drill holes, if known."""

    number: int
    arn: str
    approval: str
    created: datetime.datetime
    metadata: dict[str, str]
    containers: list[dict[str, Any]]
    score: float | None

    @property
    def archives(self) -> list[str]:
        """The URIs of both containers' archives."""
        return [container["ModelDataUrl"] for container in self.containers]

    @property
    def score_text(self) -> str:
        return "no held-out score" if self.score is None else f"held-out score {self.score:.4f}"

    def describe(self) -> dict[str, Any]:
        """Return the version as a dict, for --json."""
        names = ("number", "arn", "approval", "created", "score", "metadata", "archives")
        return {name: getattr(self, name) for name in names}


def list_versions(project: ProductionProject) -> list[Version]:
    """Return the versions, latest first."""
    return [read_version(project, package["ModelPackageArn"]) for package in _list_packages(project).values()]


def read_version(project: ProductionProject, arn: str) -> Version:
    """Return the version with this package ARN."""
    package = project.sagemaker.describe_model_package(ModelPackageName=arn)
    evaluation = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri")
    return Version(
        number=package["ModelPackageVersion"],
        arn=arn,
        approval=package["ModelApprovalStatus"],
        created=package["CreationTime"],
        metadata=package.get("CustomerMetadataProperties", {}),
        containers=package["InferenceSpecification"]["Containers"],
        score=read_score(project, evaluation) if evaluation else None,
    )


def list_approvals(project: ProductionProject) -> dict[int, str]:
    """Return the approval of each version, latest first."""
    return {number: package["ModelApprovalStatus"] for number, package in _list_packages(project).items()}


def find_version(project: ProductionProject, number: int | None, usable: bool = False) -> Version:
    """Return a version, by default the latest approved one. usable: require approval. Raises ProductionError."""
    packages = _list_packages(project)
    group = project.settings.model_package_group_name
    if not packages:
        raise ProductionError(f"{group} has no version: create one with `train` or `register`")
    states = {each: package["ModelApprovalStatus"] for each, package in packages.items()}
    if number is None:
        number = next((each for each, state in states.items() if state == APPROVED), None)
        if number is None:
            command = f"{PROGRAM} production approve {max(states)}"
            raise ProductionError(f"no version of {group} is approved: approve the latest with `{command}`")
    if number not in states:
        raise ProductionError(f"{group} has no version {number}; its versions: {', '.join(map(str, reversed(states)))}")
    if usable and states[number] != APPROVED:
        state = "was rejected" if states[number] == REJECTED else "is not approved"
        raise ProductionError(
            f"version {number} of {group} {state}: approve it with `{PROGRAM} production approve {number}`"
        )
    return read_version(project, packages[number]["ModelPackageArn"])


def _list_packages(project: ProductionProject) -> dict[int, dict[str, Any]]:
    group = project.settings.model_package_group_name
    if not project.find("DescribeModelPackageGroup", ModelPackageGroupName=group):
        return {}
    pages = project.sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    packages = {package["ModelPackageVersion"]: package for package in pages.search("ModelPackageSummaryList[]")}
    return dict(sorted(packages.items(), reverse=True))


def ensure_group(project: ProductionProject) -> None:
    group = project.settings.model_package_group_name
    if not project.find("DescribeModelPackageGroup", ModelPackageGroupName=group):
        project.sagemaker.create_model_package_group(ModelPackageGroupName=group)


def model_name(project: ProductionProject, number: int) -> str:
    return f"{project.settings.model_package_group_name}-{number}"


def ensure_model(project: ProductionProject, version: Version) -> str:
    """Create a version's model if it does not exist, and return its name."""
    name = model_name(project, version.number)
    if not project.find("DescribeModel", ModelName=name):
        project.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=project.role,
            Containers=[{"ModelPackageName": version.arn}],
            EnableNetworkIsolation=True,
        )
    return name


def read_score(project: ProductionProject, uri: str) -> float | None:
    """Return the score in an evaluation.json, or None if it has no score."""
    try:
        return get_number(parse_object(project.read(uri)), "score.value")
    except ValueError:
        return None
