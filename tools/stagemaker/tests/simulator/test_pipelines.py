"""Pipelines are created, updated, listed and deleted."""

from typing import Any

from stagemaker_support.pipelines import Pipelines, definition, fail, model, step
from stagemaker_support.simulator_client import rejection

from stagemaker.server import BUCKET, ROLE_ARN

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/"
DEFINITION = definition(model("M"))


def test_a_pipeline_needs_a_definition(pipelines: Pipelines) -> None:
    message = rejection(pipelines.sagemaker.create_pipeline, PipelineName="other", RoleArn=ROLE_ARN)
    assert "must have either a PipelineDefinition or a PipelineDefinitionS3Location" in message


def test_a_pipeline_is_created_updated_and_deleted(pipelines: Pipelines) -> None:
    sagemaker, tags = pipelines.sagemaker, [{"Key": "a", "Value": "b"}]
    request = {"PipelineName": "Life", "RoleArn": ROLE_ARN, "PipelineDescription": "first", "Tags": tags}
    token = "t" * 32
    arn = f"{ARN}Life"
    for _ in range(2):
        response = sagemaker.create_pipeline(**request, PipelineDefinition=DEFINITION, ClientRequestToken=token)
        assert response["PipelineArn"] == arn
    assert "was already used with a different" in rejection(
        sagemaker.create_pipeline,
        code="ConflictException",
        **request,
        PipelineDefinition=definition(fail("F")),
        ClientRequestToken=token,
    )
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    other_definition = definition(fail("F"))
    pipelines.client.put("definitions/life.json", other_definition)
    location = {"Bucket": BUCKET, "ObjectKey": "definitions/life.json"}
    members = {"PipelineDefinitionS3Location": location, "PipelineDescription": "second"}
    assert sagemaker.update_pipeline(PipelineName="Life", **members)["PipelineArn"] == arn
    for name in ("Life", arn):
        description = sagemaker.describe_pipeline(PipelineName=name)
        assert (description["PipelineDefinition"], description["PipelineStatus"]) == (other_definition, "Active")
        assert (description["PipelineDescription"], description["RoleArn"]) == ("second", ROLE_ARN)
    assert "Step T" in rejection(
        sagemaker.update_pipeline, PipelineName="Life", PipelineDefinition=definition(step("T", "Lambda", {}))
    )
    assert sagemaker.describe_pipeline(PipelineName="Life")["PipelineDefinition"] == other_definition
    assert sagemaker.delete_pipeline(PipelineName="Life")["PipelineArn"] == arn
    rejection(sagemaker.describe_pipeline, code="ResourceNotFound", PipelineName="Life")
    assert "not found" in rejection(sagemaker.list_tags, ResourceArn=arn)


def test_a_definition_that_cannot_be_read_from_s3_is_rejected(pipelines: Pipelines) -> None:
    request: dict[str, Any] = {"PipelineName": "there", "RoleArn": ROLE_ARN}
    pipelines.client.put("definitions/binary", b"\xff\xfe")
    for bucket, key in ((BUCKET, "definitions/nothing"), ("no-such-bucket", "a"), (BUCKET, "definitions/binary")):
        request["PipelineDefinitionS3Location"] = {"Bucket": bucket, "ObjectKey": key}
        expected = f"PipelineDefinitionS3Location: s3://{bucket}/{key} could not be read"
        assert expected in rejection(pipelines.sagemaker.create_pipeline, **request)
