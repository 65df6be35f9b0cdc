"""The model registry: a model is registered, approved, and deployed from its package."""

from pathlib import Path
from typing import Any

import pytest
from sagemaker import Session
from sagemaker.model import ModelPackage
from sagemaker.model_card import model_card
from sagemaker.predictor import Predictor
from sagemaker.sklearn import SKLearnModel

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
INSTANCE = "ml.m5.large"
SCRIPT = """
def model_fn(model_dir): return "registered"
def transform_fn(model, data, content_type, accept): return model, "text/csv"
"""


def register(folder: Path, session: Session, prediction: str = "registered", **members: Any) -> Any:
    """Register a model that returns a fixed prediction, and return its package."""
    (folder / "inference.py").write_text(SCRIPT.replace("registered", prediction))
    model = SKLearnModel(
        model_data=None,
        role=ROLE,
        entry_point=str(folder / "inference.py"),
        framework_version="1.2-1",
        sagemaker_session=session,
    )
    return model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=[INSTANCE],
        transform_instances=[INSTANCE],
        **members,
    )


def test_a_model_is_registered_approved_and_deployed(tmp_path: Path) -> None:
    session = Session()
    (tmp_path / "data").write_text("1")
    model_data = session.upload_data(str(tmp_path / "data"), key_prefix="registry")
    package = register(
        tmp_path,
        session,
        model_package_group_name="sdk-v2",
        customer_metadata_properties={"team": "core", "score": "0.7"},
        source_uri=model_data,
    )
    arn = package.model_package_arn
    assert arn.endswith("model-package/sdk-v2/1")
    model_package = ModelPackage(role=ROLE, model_package_arn=arn, sagemaker_session=session)
    package.update_approval_status("Rejected", approval_description="not yet")
    package.update_customer_metadata({"score": "0.8"})
    package.remove_customer_metadata_properties(["team"])
    description = session.sagemaker_client.describe_model_package(ModelPackageName=arn)
    assert description["CustomerMetadataProperties"] == {"score": "0.8"}
    assert (description["ModelApprovalStatus"], description["ApprovalDescription"]) == ("Rejected", "not yet")
    assert description["SourceUri"] == model_data
    model_package.deploy(1, INSTANCE, endpoint_name="sdk-v2-registry")  # this also approves the package
    assert session.sagemaker_client.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"
    predictor = Predictor("sdk-v2-registry", session)
    assert predictor.predict("1") == b"registered"
    predictor.delete_endpoint()


def test_the_latest_approved_version_is_deployed(tmp_path: Path) -> None:
    """Once that version is rejected, the endpoint is updated to the version before it."""
    session, group = Session(), "sdk-v2-versions"
    packages = [
        register(tmp_path, session, prediction, model_package_group_name=group) for prediction in ("one", "two")
    ]
    client = session.sagemaker_client
    for package in packages:
        package.update_approval_status("Approved")
    predictions = []
    for status in ("Approved", "Rejected"):
        packages[1].update_approval_status(status)
        response = client.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
        arn = response["ModelPackageSummaryList"][0]["ModelPackageArn"]
        model = ModelPackage(role=ROLE, model_package_arn=arn, sagemaker_session=session)
        if not predictions:
            model.deploy(1, INSTANCE, endpoint_name=group, wait=False)
            session.wait_for_endpoint(group, poll=1)
        else:
            model.create(INSTANCE)
            Predictor(group, session).update_endpoint(1, INSTANCE, model_name=model.name, wait=False)
            session.wait_for_endpoint(group, poll=1)
        predictions.append(Predictor(group, session).predict("1").decode())
    assert predictions == ["two", "one"]
    Predictor(group, session).delete_endpoint()


def test_a_version_can_be_changed(tmp_path: Path) -> None:
    session = Session()
    package = register(tmp_path, session, model_package_group_name="sdk-v2-changes")
    arn = package.model_package_arn
    specification = session.sagemaker_client.describe_model_package(ModelPackageName=arn)["InferenceSpecification"]
    image = specification["Containers"][0]["Image"]
    package.update_inference_specification(image_uris=[image], content_types=["text/csv", "text/plain"])
    package.add_inference_specification("other", image_uris=[image])
    package.update_source_uri(arn)
    life_cycle = {"Stage": "Development", "StageStatus": "Pending", "StageDescription": "first"}
    package.update_model_life_cycle(life_cycle)
    description = session.sagemaker_client.describe_model_package(ModelPackageName=arn)
    assert description["InferenceSpecification"]["SupportedContentTypes"] == ["text/csv", "text/plain"]
    assert [item["Name"] for item in description["AdditionalInferenceSpecifications"]] == ["other"]
    assert (description["SourceUri"], description["ModelLifeCycle"]) == (arn, life_cycle)


def test_a_package_can_be_registered_without_a_group(tmp_path: Path) -> None:
    """The SDK sends an approval status even for such a package."""
    session = Session()
    package = register(tmp_path, session, model_package_name="sdk-v2-alone")
    assert package.model_package_arn.endswith("model-package/sdk-v2-alone")
    description = session.sagemaker_client.describe_model_package(ModelPackageName="sdk-v2-alone")
    assert "ModelApprovalStatus" not in description


def test_the_model_card_describes_a_package(tmp_path: Path) -> None:
    """The SDK asks whether the package exists and whether it already has a card."""
    session = Session()
    package = register(tmp_path, session, model_package_group_name="sdk-v2-cards")
    description = model_card.ModelPackage.from_model_package_arn(package.model_package_arn, session)
    assert description.model_package_version == 1
    with pytest.raises(ValueError, match="could not be found"):
        model_card.ModelPackage.from_model_package_arn(f"{package.model_package_arn}0", session)
