"""Model package groups and their versions in a simulator."""

import hashlib
from typing import Any

from stagemaker_support.endpoints import NAMER
from stagemaker_support.simulator_client import IMAGE, Client, counter


def packaged(image: str, **members: Any) -> dict[str, Any]:
    """Return a model package's container definition, with a digest of the image's name as the image digest."""
    return {"Image": image, "ImageDigest": f"sha256:{hashlib.sha256(image.encode()).hexdigest()}", **members}


SPECIFICATION = {
    "Containers": [packaged(IMAGE)],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
UNVERSIONED = SPECIFICATION | {
    "SupportedTransformInstanceTypes": ["ml.m5.large"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
}


class Packages:
    def __init__(self, client: Client):
        self.client, self.sagemaker = client, client.sagemaker

    def group(self, **members: Any) -> str:
        name = f"group-{next(counter)}"
        self.sagemaker.create_model_package_group(ModelPackageGroupName=name, **members)
        return name

    def version(self, group: str, **members: Any) -> str:
        request = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION} | members
        return self.sagemaker.create_model_package(**request)["ModelPackageArn"]

    def named(self, group: str, name: str, **members: Any) -> str:
        specification = SPECIFICATION | {"Containers": [self.container(name)]}
        return self.version(group, InferenceSpecification=specification, **members)

    def container(self, name: str) -> dict[str, Any]:
        return self.client.container(NAMER.format(name=name))

    def approve(self, package: str, status: str = "Approved", **members: Any) -> None:
        self.sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus=status, **members)

    def describe(self, package: str) -> dict[str, Any]:
        return self.sagemaker.describe_model_package(ModelPackageName=package)

    def listed(self, **request: Any) -> list[str]:
        pages = self.sagemaker.get_paginator("list_model_packages").paginate(**request)
        return [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
