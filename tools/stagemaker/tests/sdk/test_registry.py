"""The model registry through the SDK's own classes: groups, versions and approval."""

import io
import itertools
import tarfile
from typing import Any

from sagemaker.core.resources import Model, ModelPackage, ModelPackageGroup
from sagemaker.core.shapes import ContainerDefinition

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
numbers = itertools.count()
SCRIPT = """
def model_fn(model_dir): return open(model_dir + "/name").read()
def transform_fn(model, data, content_type, accept): return model, "text/csv"
"""


def upload_archive(s3: Any, **files: str) -> str:
    """Upload an archive to S3 and return its URI."""
    archive, key = io.BytesIO(), f"{next(numbers)}.tar.gz"
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
    return f"s3://{BUCKET}/{key}"


def make_builder(s3: Any, name: str) -> Any:
    """Return a ModelBuilder for a model that responds with its name."""
    from sagemaker.serve import ModelBuilder  # the import creates clients, which need the variables

    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    variables["SAGEMAKER_SUBMIT_DIRECTORY"] = upload_archive(s3, **{"inference.py": SCRIPT})
    model_builder = ModelBuilder(
        s3_model_data_url=upload_archive(s3, name=name), image_uri=IMAGE, role_arn=ROLE, env_vars=variables
    )
    model_builder.build(model_name=f"built-{next(numbers)}")
    return model_builder


def test_model_builder_registers_versions(s3: Any) -> None:
    """ModelBuilder.register searches for the group, creates it once, and registers the model that it built."""
    group = f"group-{next(numbers)}"
    arns = [
        make_builder(s3, name).register(
            model_package_group_name=group,
            content_types=["text/csv"],
            response_types=["text/csv"],
            customer_metadata_properties={"name": name},
            task="REGRESSION",
        )
        for name in ("one", "two")
    ]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/{group}/{number}" for number in (1, 2)]
    assert ModelPackageGroup.get(model_package_group_name=group).model_package_group_status == "Completed"
    for arn in arns:
        package = ModelPackage.get(model_package_name=arn)
        assert package.model_approval_status == "PendingManualApproval"
        package.update(model_approval_status="Approved", approval_description="fine")
        package.refresh()
        assert (package.model_approval_status, package.approval_description) == ("Approved", "fine")
    packages = ModelPackage.get_all(model_package_group_name=group, model_approval_status="Approved")
    assert [package.model_package_version for package in packages] == [2, 1]


def test_the_latest_approved_version_is_deployed(s3: Any) -> None:
    """Once that version is rejected, the version before it is deployed."""
    group = f"group-{next(numbers)}"
    formats = {"content_types": ["text/csv"], "response_types": ["text/csv"]}
    arns = [
        make_builder(s3, name).register(model_package_group_name=group, approval_status=status, **formats)
        for name, status in (("one", "Approved"), ("two", "Approved"), ("three", "PendingManualApproval"))
    ]

    def deploy_latest() -> str:
        approved = {"model_package_group_name": group, "model_approval_status": "Approved"}
        latest = next(iter(ModelPackage.get_all(**approved, sort_by="CreationTime", sort_order="Descending")))
        container = ContainerDefinition(model_package_name=latest.model_package_arn)
        name = f"deployed-{next(numbers)}"
        model = Model.create(model_name=name, execution_role_arn=ROLE, primary_container=container)
        return str(model.primary_container.model_package_name)

    assert deploy_latest() == arns[1]
    ModelPackage.get(model_package_name=arns[2]).update(model_approval_status="Approved")
    assert deploy_latest() == arns[2]
    ModelPackage.get(model_package_name=arns[2]).update(model_approval_status="Rejected")
    assert deploy_latest() == arns[1]


def test_a_package_can_be_registered_without_a_group(s3: Any) -> None:
    """The SDK sends an approval status even for such a package."""
    name = f"package-{next(numbers)}"
    arn = make_builder(s3, "alone").register(
        model_package_name=name,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
    )
    assert arn.endswith(f"model-package/{name}")
    assert ModelPackage.get(model_package_name=name).model_package_status == "Completed"
