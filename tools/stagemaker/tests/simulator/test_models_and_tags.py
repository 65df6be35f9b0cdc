"""Models, tags, and the other AWS services on the simulator's port."""

import uuid
from typing import Any

import pytest
from stagemaker_support.simulator_client import Client, rejection

from stagemaker.server import ROLE, ROLE_ARN

CONTAINER = {"Image": "some-image", "Environment": {"A": "b"}}


@pytest.fixture
def name() -> str:
    return f"model-{uuid.uuid4().hex[:8]}"


def tag(key: str, value: str = "") -> dict[str, str]:
    return {"Key": key, "Value": value}


def tags_of(client: Client, arn: str) -> dict[str, str]:
    return {entry["Key"]: entry["Value"] for entry in client.sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def test_a_model_is_created_described_and_deleted(client: Client, name: str) -> None:
    request = {"ModelName": name, "PrimaryContainer": CONTAINER, "ExecutionRoleArn": ROLE_ARN}
    arn = client.sagemaker.create_model(**request)["ModelArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:model/{name}"
    model = client.sagemaker.describe_model(ModelName=name)
    assert {key: model[key] for key in request} == request
    assert model["CreationTime"].tzinfo
    client.sagemaker.delete_model(ModelName=name)
    rejection(client.sagemaker.describe_model, ModelName=name)
    client.sagemaker.create_model(**request)


def test_an_existing_name_is_rejected(client: Client, name: str) -> None:
    client.sagemaker.create_model(ModelName=name, PrimaryContainer=CONTAINER, Tags=[tag("old")])
    duplicate = {"ModelName": name, "PrimaryContainer": {"Image": "other"}, "Tags": [tag("new")]}
    rejection(client.sagemaker.create_model, **duplicate)
    assert client.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["Image"] == "some-image"
    assert list(tags_of(client, f"arn:aws:sagemaker:us-east-1:123456789012:model/{name}")) == ["old"]


@pytest.mark.parametrize(
    "invalid_members",
    [
        {"ModelName": "under_score"},
        {"ExecutionRoleArn": "arn:aws:s3:::no-role-at-all"},
        {"PrimaryContainer": {"ModelDataUrl": "ftp://host/key"}},
        {"Tags": [tag("semi;colon")]},
        {"Tags": [tag(f"key-{index}") for index in range(51)]},
        {"Tags": [tag("aws:name")]},
        {"Containers": [CONTAINER]},
        {"PrimaryContainer": None},
        {"PrimaryContainer": None, "Containers": [CONTAINER] * 16},
    ],
    ids=lambda invalid_members: str(invalid_members)[:50],
)
def test_requests_against_the_model_are_rejected(client: Client, name: str, invalid_members: dict[str, Any]) -> None:
    request = {"ModelName": name, "PrimaryContainer": CONTAINER} | invalid_members
    rejection(client.sagemaker.create_model, **{key: value for key, value in request.items() if value is not None})
    rejection(client.sagemaker.describe_model, ModelName=name)


def test_tags_are_added_and_removed(client: Client, name: str) -> None:
    response = client.sagemaker.create_model(ModelName=name, PrimaryContainer=CONTAINER, Tags=[tag("team", "core")])
    arn = response["ModelArn"]
    assert tags_of(client, arn) == {"team": "core"}
    tag_keys = ("name", "kind", "self", "Tags", "é", "a b", "x:y/z=+-@_.")
    new_tags = [*(tag(key, "1") for key in tag_keys), tag("team", "rock")]
    added_tags = client.sagemaker.add_tags(ResourceArn=arn, Tags=new_tags)["Tags"]
    assert sorted(entry["Key"] for entry in added_tags) == sorted([*tag_keys, "team"])
    assert tags_of(client, arn) == {"team": "rock"} | dict.fromkeys(tag_keys, "1")
    client.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team", "nobody"])
    assert tags_of(client, arn) == dict.fromkeys(tag_keys, "1")
    client.sagemaker.delete_model(ModelName=name)
    client.sagemaker.create_model(ModelName=name, PrimaryContainer=CONTAINER)
    assert tags_of(client, arn) == {}  # a new model of the same name


def test_a_resource_has_at_most_fifty_tags(client: Client, name: str) -> None:
    arn = client.sagemaker.create_model(
        ModelName=name, PrimaryContainer=CONTAINER, Tags=[tag(f"key-{index}") for index in range(50)]
    )["ModelArn"]
    client.sagemaker.add_tags(ResourceArn=arn, Tags=[tag("key-7", "again")])
    assert "50 tags" in rejection(client.sagemaker.add_tags, ResourceArn=arn, Tags=[tag("one-more")])
    rejection(client.sagemaker.add_tags, ResourceArn=arn, Tags=[tag("AWS:name")])
    assert len(tags_of(client, arn)) == 50
    pages = list(client.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn))
    assert sum(len(page["Tags"]) for page in pages) == 50
    rejection(client.sagemaker.list_tags, ResourceArn=arn, NextToken="x")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sagemaker:us-east-1:123456789012:model/nobody",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/nobody",
        "arn:aws:sagemaker:us-east-1:123456789012:model",
        "arn:aws:sagemaker:eu-west-1:123456789012:model/{name}",
        "arn:aws:sagemaker:us-east-1:999999999999:model/{name}",
        "arn:aws:s3:::bucket",
        "{name}",
    ],
)
def test_tag_requests_for_missing_resources_are_rejected(client: Client, name: str, arn: str) -> None:
    client.sagemaker.create_model(ModelName=name, PrimaryContainer=CONTAINER)
    resource = {"ResourceArn": arn.format(name=name)}
    rejection(client.sagemaker.list_tags, **resource)
    rejection(client.sagemaker.add_tags, **resource, Tags=[tag("a")])
    rejection(client.sagemaker.delete_tags, **resource, TagKeys=["a"])


def test_sts_and_iam_describe_the_caller(client: Client) -> None:
    assert client.simulator.client("sts").get_caller_identity()["Account"] == "123456789012"
    iam = client.simulator.client("iam")
    assert iam.get_role(RoleName=ROLE)["Role"]["Arn"] == ROLE_ARN
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="nobody")
    actions = [f"s3:Act{index}" for index in range(12)]
    results = iam.simulate_principal_policy(PolicySourceArn=ROLE_ARN, ActionNames=actions)["EvaluationResults"]
    assert [result["EvalActionName"] for result in results] == actions
    assert {result["EvalDecision"] for result in results} == {"allowed"}


def test_log_groups_and_image_repositories_are_described(client: Client) -> None:
    group = f"/aws/test/{uuid.uuid4().hex}"
    client.logs.create_log_group(logGroupName=group)
    assert client.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupName"] == group
    with pytest.raises(client.logs.exceptions.ResourceNotFoundException):
        client.logs.filter_log_events(logGroupName="/aws/nothing")
    ecr = client.simulator.client("ecr")
    assert ecr.describe_repositories()["repositories"] == []
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.describe_images(repositoryName="nothing")
