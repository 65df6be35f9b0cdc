"""The model registry: a model registered, approved, and deployed from its package."""

from pathlib import Path
from typing import Any

from sagemaker import Session
from sagemaker.model import ModelPackage
from sagemaker.predictor import Predictor
from sagemaker.sklearn import SKLearnModel

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
INSTANCE = "ml.m5.large"
SCRIPT = """
def model_fn(model_dir): return "registered"
def transform_fn(model, data, content_type, accept): return model, "text/csv"
"""


def test_register_approve_and_deploy(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "inference.py").write_text(SCRIPT)
    session = Session()
    model_data = session.upload_data(str(tmp_path / "inference.py"), key_prefix="registry")
    model = SKLearnModel(
        model_data=None,
        role=ROLE,
        entry_point=str(tmp_path / "inference.py"),
        framework_version="1.2-1",
        sagemaker_session=session,
    )
    package = model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=[INSTANCE],
        transform_instances=[INSTANCE],
        model_package_group_name="sdk-v2",
        customer_metadata_properties={"team": "core", "score": "0.7"},
        source_uri=model_data,
    )
    arn = package.model_package_arn
    assert arn.endswith("model-package/sdk-v2/1")
    registered = ModelPackage(role=ROLE, model_package_arn=arn, sagemaker_session=session)
    package.update_approval_status("Rejected", approval_description="not yet")
    package.update_customer_metadata({"score": "0.8"})
    package.remove_customer_metadata_properties(["team"])
    described = session.sagemaker_client.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"score": "0.8"}
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Rejected", "not yet")
    assert described["SourceUri"] == model_data
    registered.deploy(1, INSTANCE, endpoint_name="sdk-v2-registry")  # which approves it
    assert session.sagemaker_client.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"
    predictor = Predictor("sdk-v2-registry", session)
    assert predictor.predict("1") == b"registered"
    predictor.delete_endpoint()
