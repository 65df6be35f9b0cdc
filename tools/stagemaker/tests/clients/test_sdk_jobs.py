"""Processing jobs and the model registry, used through versions 2 and 3 of the SDK."""

from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from stagemaker_support.archives import make_wheel
from stagemaker_support.sdk import BUCKET, INSTANCE

FOLDER = "/opt/ml/processing"
SUM = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=int)
factor = parser.parse_args().factor
text = pathlib.Path("/opt/ml/processing/input/data/numbers.csv").read_text()
pathlib.Path("/opt/ml/processing/output/sum.txt").write_text(str(factor * sum(map(int, text.split(",")))))
"""
SERVE = """
def model_fn(model_dir): return "registered"
def transform_fn(model, data, content_type, accept): return model, "text/csv"
"""
FORMATS = {"content_types": ["text/csv"], "response_types": ["text/csv"]}
INSTANCES = {"inference_instances": [INSTANCE], "transform_instances": [INSTANCE]}


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("with_requirements", [False, True], ids=["script", "folder"])
def test_a_processor_runs_a_script(with_requirements: bool, sdk: ModuleType, tmp_path: Path, s3: Any) -> None:
    """The folder's requirements.txt lists a wheel in the folder, because the job has no network access."""
    source, data, name = tmp_path / "source", tmp_path / "data", f"sums-{with_requirements}"
    source.mkdir()
    data.mkdir()
    (data / "numbers.csv").write_text("1,2,3")
    if with_requirements:
        (source / "sum.py").write_text("import drilling" + SUM.replace("factor *", "drilling.depth *"))
        (source / "requirements.txt").write_text("scikit-learn\n./drilling-1.0-py3-none-any.whl\n")
        for file, content in make_wheel().items():
            (source / file).write_bytes(content)
        processor = sdk.Jobs().processor(sdk.FrameworkProcessor)
        code = {"code": "sum.py", "source_dir": str(source)}
    else:
        (source / "sum.py").write_text(SUM)
        processor, code = sdk.Jobs().processor(), {"code": str(source / "sum.py")}
    files = {
        "inputs": sdk.make_inputs([(str(data), f"{FOLDER}/input/data")]),
        "outputs": sdk.make_outputs([("sums", f"{FOLDER}/output", f"s3://{BUCKET}/{name}")]),
    }
    processor.run(arguments=["--factor", "7"], wait=False, **files, **code)
    sdk.wait_for_processing(processor)
    body = s3.get_object(Bucket=BUCKET, Key=f"{name}/sum.txt")["Body"].read()
    assert body == (b"462" if with_requirements else b"42")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "inference.py"
    path.write_text(SERVE)
    return path


def test_versions_of_a_model_are_registered_and_approved(sdk: ModuleType, script: Path) -> None:
    """Approved versions are listed, newest first. A version that is rejected later is no longer listed."""
    client, group = boto3.client("sagemaker"), "versions"

    def describe(arn: str) -> dict[str, Any]:
        return client.describe_model_package(ModelPackageName=arn)

    def approved() -> list[int]:
        packages = client.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
        return [package["ModelPackageVersion"] for package in packages["ModelPackageSummaryList"]]

    arns = [
        sdk.register(
            script,
            model_package_group_name=group,
            customer_metadata_properties={"name": name},
            task="REGRESSION",
            **FORMATS,
            **members,
        )
        for name, members in {"one": {}, "two": {}, "three": {"approval_status": "Rejected"}}.items()
    ]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/{group}/{number}" for number in (1, 2, 3)]
    assert client.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupStatus"] == "Completed"
    statuses = [describe(arn)["ModelApprovalStatus"] for arn in arns]
    assert statuses == ["PendingManualApproval", "PendingManualApproval", "Rejected"]
    assert describe(arns[1])["CustomerMetadataProperties"] == {"name": "two"}
    for arn in arns[:2]:
        sdk.approve(arn, "Approved", "fine")
        assert (describe(arn)["ModelApprovalStatus"], describe(arn)["ApprovalDescription"]) == ("Approved", "fine")
    assert approved() == [2, 1]
    sdk.approve(arns[2], "Approved")
    assert approved() == [3, 2, 1]
    sdk.approve(arns[2], "Rejected")
    assert approved() == [2, 1]


def test_a_package_can_be_registered_without_a_group(sdk: ModuleType, script: Path) -> None:
    """The SDK sends an approval status even for a package without a group."""
    arn = sdk.register(script, model_package_name="alone", **FORMATS, **INSTANCES)
    assert arn.endswith("model-package/alone")
    description = boto3.client("sagemaker").describe_model_package(ModelPackageName="alone")
    assert description["ModelPackageStatus"] == "Completed"
    assert "ModelApprovalStatus" not in description
