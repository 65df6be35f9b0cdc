"""Pipelines are created, updated, listed and deleted."""

import datetime
from typing import Any

from stagemaker_support.pipelines import Pipelines, assert_refused, definition, fail, model, step

from stagemaker.server import BUCKET, ROLE_ARN

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/"
DEFINITION = definition(model("M"))


def test_invalid_or_unsupported_requests_are_refused(pipelines: Pipelines) -> None:
    sagemaker, name = pipelines.sagemaker, pipelines.create(model("M"))
    create = {"PipelineName": "other", "RoleArn": ROLE_ARN}
    with assert_refused("PipelineVersionAliases is not simulated"):
        sagemaker.create_pipeline(**create, PipelineDefinition=DEFINITION, PipelineVersionAliases=["a"])
    with assert_refused("PipelineVersionId is not simulated"):
        sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=1)
    selection = {"SelectedSteps": [{"StepName": "M"}]}
    with assert_refused("SelectiveExecutionConfig is not simulated"):
        sagemaker.start_pipeline_execution(PipelineName=name, SelectiveExecutionConfig=selection)
    with assert_refused("must have either a PipelineDefinition or a PipelineDefinitionS3Location"):
        sagemaker.create_pipeline(**create)


def test_a_pipeline_is_created_updated_and_deleted(pipelines: Pipelines) -> None:
    sagemaker, tags = pipelines.sagemaker, [{"Key": "a", "Value": "b"}]
    request = {"PipelineName": "Life", "RoleArn": ROLE_ARN, "PipelineDescription": "first", "Tags": tags}
    token = "t" * 32
    arns = [
        sagemaker.create_pipeline(**request, PipelineDefinition=DEFINITION, ClientRequestToken=token)["PipelineArn"]
        for _ in range(2)
    ]
    assert arns == [f"{ARN}Life"] * 2
    with assert_refused("already exists"):
        sagemaker.create_pipeline(**request, PipelineDefinition=DEFINITION)
    with assert_refused("was already used with a different", "ConflictException"):
        sagemaker.create_pipeline(**request, PipelineDefinition=definition(fail("F")), ClientRequestToken=token)
    assert sagemaker.list_tags(ResourceArn=arns[0])["Tags"] == tags
    other_definition = definition(fail("F"))
    pipelines.client.put("definitions/life.json", other_definition)
    location = {"Bucket": BUCKET, "ObjectKey": "definitions/life.json"}
    members = {"PipelineDefinitionS3Location": location, "PipelineDescription": "second"}
    assert sagemaker.update_pipeline(PipelineName="Life", **members)["PipelineArn"] == arns[0]
    for name in ("Life", arns[0]):
        description = sagemaker.describe_pipeline(PipelineName=name)
        assert (description["PipelineDefinition"], description["PipelineStatus"]) == (other_definition, "Active")
        assert (description["PipelineDescription"], description["RoleArn"]) == ("second", ROLE_ARN)
    with assert_refused("Step T"):
        sagemaker.update_pipeline(PipelineName="Life", PipelineDefinition=definition(step("T", "Lambda", {})))
    assert sagemaker.describe_pipeline(PipelineName="Life")["PipelineDefinition"] == other_definition
    assert sagemaker.delete_pipeline(PipelineName="Life")["PipelineArn"] == arns[0]
    with assert_refused("Could not find pipeline", "ResourceNotFound"):
        sagemaker.delete_pipeline(PipelineName="Life")
    with assert_refused("not found"):
        sagemaker.list_tags(ResourceArn=arns[0])


def test_a_definition_that_cannot_be_read_from_s3_is_refused(pipelines: Pipelines) -> None:
    request = {"PipelineName": "there", "RoleArn": ROLE_ARN}
    pipelines.client.put("definitions/binary", b"\xff\xfe")
    for bucket, key in ((BUCKET, "definitions/nothing"), ("no-such-bucket", "a"), (BUCKET, "definitions/binary")):
        with assert_refused(f"PipelineDefinitionS3Location: s3://{bucket}/{key} could not be read"):
            location = {"Bucket": bucket, "ObjectKey": key}
            pipelines.sagemaker.create_pipeline(**request, PipelineDefinitionS3Location=location)


def test_pipelines_are_listed(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    for name in ("ListB", "ListA", "ListC"):
        sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=DEFINITION, RoleArn=ROLE_ARN)

    def names(**request: Any) -> list[str]:
        pages = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix="List", **request)
        return [item["PipelineName"] for page in pages for item in page["PipelineSummaries"]]

    assert names() == ["ListC", "ListA", "ListB"]
    assert names(SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 1}) == ["ListA", "ListB", "ListC"]
    assert names(CreatedBefore=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)) == []
    assert names(ManagedBy="AWS") == []
