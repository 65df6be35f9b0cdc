"""Model packages and their groups: versions, approval, updates and lists, through boto3."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from stagemaker_support.model_packages import SPECIFICATION, UNVERSIONED, Packages, packaged
from stagemaker_support.simulator_client import counter, rejection

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
QUALITY = {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket/statistics.json"}}
OPTIONAL_MEMBERS = {
    "ModelPackageDescription": "Predicts assays",
    "ModelApprovalStatus": "Rejected",
    "MetadataProperties": {"CommitId": "abc", "Repository": "https://host/path", "GeneratedBy": "me"},
    "ModelMetrics": {"ModelQuality": QUALITY},
    "CustomerMetadataProperties": {"team": "core", "score": "0.7"},
    "AdditionalInferenceSpecifications": [{"Name": "other", "Containers": [packaged("other-image")]}],
    "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress", "StageDescription": "new"},
    "ModelCard": {"ModelCardContent": '{"intended_uses": {"risk_rating": "Low"}}', "ModelCardStatus": "Draft"},
    "DriftCheckBaselines": {"ModelQuality": QUALITY},
    "SkipModelValidation": "All",
    "SamplePayloadUrl": "s3://bucket/payload.tar.gz",
    "Task": "REGRESSION",
    "Domain": "MACHINE_LEARNING",
    "CertifyForMarketplace": False,
    "ModelPackageRegistrationType": "Registered",
}


def omit(response: dict[str, Any], *members: str) -> dict[str, Any]:
    return {name: value for name, value in response.items() if name not in ("ResponseMetadata", *members)}


def test_a_group_is_created_described_and_deleted(packages: Packages) -> None:
    sagemaker, tags = packages.sagemaker, [{"Key": "team", "Value": "core"}]
    name = packages.group(ModelPackageGroupDescription="for the tests", Tags=tags)
    arn = f"{ARN}model-package-group/{name}"
    for name_or_arn in (name, arn):
        group = sagemaker.describe_model_package_group(ModelPackageGroupName=name_or_arn)
        assert omit(group, "CreationTime") == {
            "ModelPackageGroupName": name,
            "ModelPackageGroupArn": arn,
            "ModelPackageGroupDescription": "for the tests",
            "ModelPackageGroupStatus": "Completed",
            "CreatedBy": {},
        }
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    summaries = sagemaker.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]
    assert name in [item["ModelPackageGroupName"] for item in summaries]
    sagemaker.delete_model_package_group(ModelPackageGroupName=arn)
    rejection(sagemaker.describe_model_package_group, ModelPackageGroupName=name)
    assert "not found" in rejection(sagemaker.list_tags, ResourceArn=arn)


def test_a_group_policy_is_stored_and_deleted(packages: Packages) -> None:
    sagemaker, group = packages.sagemaker, packages.group()
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    arn = sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert arn["ModelPackageGroupArn"] == f"{ARN}model-package-group/{group}"
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    invalid_members = {"ModelPackageGroupName": group, "ResourcePolicy": "[" * 9000}
    assert "JSON object" in rejection(sagemaker.put_model_package_group_policy, **invalid_members)
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    rejection(sagemaker.get_model_package_group_policy, ModelPackageGroupName=group)


def test_a_group_with_versions_cannot_be_deleted(packages: Packages) -> None:
    group = packages.group()
    package, delete = packages.version(group), packages.sagemaker.delete_model_package_group
    assert "it has model packages" in rejection(delete, code="ConflictException", ModelPackageGroupName=group)
    packages.sagemaker.delete_model_package(ModelPackageName=package)
    delete(ModelPackageGroupName=group)
    packages.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    assert packages.version(group).endswith("/1")


def test_a_version_is_described_as_it_was_registered(packages: Packages) -> None:
    group = packages.group()
    package = packages.version(f"{ARN}model-package-group/{group}", **OPTIONAL_MEMBERS)
    assert package == f"{ARN}model-package/{group}/1"
    for name in (package, f"{group}/1"):
        description = packages.describe(name)
        assert omit(description, "CreationTime", "LastModifiedTime") == OPTIONAL_MEMBERS | {
            "InferenceSpecification": SPECIFICATION,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": 1,
            "ModelPackageArn": package,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreatedBy": {},
        }


def test_metadata_only_omits_model_card_members_that_require_a_kms_key(packages: Packages) -> None:
    content = {"model_overview": {"model_creator": "me"}, "intended_uses": {"risk_rating": "Low", "purpose": "all"}}
    package = packages.version(packages.group(), ModelCard={"ModelCardContent": json.dumps(content)})
    describe = packages.sagemaker.describe_model_package
    card = describe(ModelPackageName=package, IncludedData="MetadataOnly")["ModelCard"]
    assert json.loads(card["ModelCardContent"]) == {"intended_uses": {"risk_rating": "Low"}}
    card = describe(ModelPackageName=package, IncludedData="AllData")["ModelCard"]
    assert json.loads(card["ModelCardContent"]) == content
    for content in ("not JSON", "[1]", "[" * 50_000):
        invalid_members = {"ModelCardContent": content}
        assert "JSON object" in rejection(packages.version, group=packages.group(), ModelCard=invalid_members)


def test_concurrent_requests_register_different_versions(packages: Packages) -> None:
    group = packages.group()
    with ThreadPoolExecutor(32) as pool:
        versions = list(pool.map(lambda _: packages.version(group), range(32)))
    assert sorted(versions) == sorted(f"{ARN}model-package/{group}/{number}" for number in range(1, 33))
    assert packages.listed(ModelPackageGroupName=group, SortBy="CreationTime", MaxResults=7) == [
        f"{ARN}model-package/{group}/{number}" for number in range(32, 0, -1)
    ]


def test_rejected_versions_use_no_number_and_deleted_numbers_are_not_reused(packages: Packages) -> None:
    group = packages.group()
    first, second = packages.version(group), packages.version(group)
    tags = [{"Key": "a", "Value": "b"}]
    assert "Tags cannot be specified" in rejection(packages.version, group=group, Tags=tags)
    duplicates = [{"Name": "a", "Containers": [{"Image": "i"}]}] * 2
    rejection(packages.version, group=group, AdditionalInferenceSpecifications=duplicates)
    packages.sagemaker.delete_model_package(ModelPackageName=second)
    assert f"Could not find model package {second}" in rejection(packages.describe, package=second)
    assert packages.version(group).endswith("/3")
    assert packages.listed(ModelPackageGroupName=group) == [f"{ARN}model-package/{group}/3", first]


def test_repeated_requests_with_one_client_token_register_one_version(packages: Packages) -> None:
    group, token = packages.group(), f"token-{next(counter)}"
    with ThreadPoolExecutor(8) as pool:
        versions = set(pool.map(lambda _: packages.version(group, ClientToken=token), range(8)))
    assert versions == {f"{ARN}model-package/{group}/1"}
    other_request = {"group": group, "ClientToken": token, "Task": "OTHER"}
    assert token in rejection(packages.version, code="ConflictException", **other_request)
    assert packages.version(group, ClientToken=f"{token}-2").endswith("/2")
    added_specifications = [{"Name": "a", "Containers": [packaged("i")]}]
    for _ in range(2):
        packages.sagemaker.update_model_package(
            ModelPackageArn=f"{ARN}model-package/{group}/1",
            AdditionalInferenceSpecificationsToAdd=added_specifications,
            ClientToken=token,
        )
    assert packages.describe(f"{group}/1")["AdditionalInferenceSpecifications"] == added_specifications


def test_a_package_without_a_group_is_created_listed_and_deleted(packages: Packages) -> None:
    name, tags = f"package-{next(counter)}", [{"Key": "a", "Value": "b"}]
    create, sagemaker = packages.sagemaker.create_model_package, packages.sagemaker
    request = {"ModelPackageName": name, "InferenceSpecification": UNVERSIONED}
    approval = {"ModelApprovalStatus": "PendingManualApproval"}  # the SDKs send this status although it does not apply
    arn = create(**request, **approval, Tags=tags)["ModelPackageArn"]
    assert arn == f"{ARN}model-package/{name}"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    description = packages.describe(name)
    assert description["ModelPackageArn"] == arn
    assert not description.keys() & {"ModelPackageGroupName", "ModelPackageVersion", "ModelApprovalStatus"}
    assert "not a version" in rejection(packages.approve, package=arn)
    [error] = sagemaker.batch_describe_model_package(ModelPackageArnList=[arn])[
        "BatchDescribeModelPackageErrorMap"
    ].values()
    assert "not a version" in error["ErrorResponse"]
    assert packages.listed(NameContains=name.upper()) == [arn]
    assert packages.listed(NameContains=name, ModelPackageType="Both") == [arn]
    assert packages.listed(NameContains=name, ModelPackageType="Versioned") == []
    sagemaker.delete_model_package(ModelPackageName=arn)
    assert packages.listed(NameContains=name) == []


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "either a ModelPackageName or a ModelPackageGroupName"),
        ({"ModelPackageName": "a", "ModelPackageGroupName": "g"}, "either a ModelPackageName"),
        ({"ModelPackageGroupName": f"{ARN}model/m"}, "does not exist"),
        ({"ModelPackageName": "a"}, "must have an InferenceSpecification"),
        ({"ModelPackageName": "a", "InferenceSpecification": SPECIFICATION}, "SupportedTransformInstanceTypes"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_invalid_or_unsupported_packages_are_rejected(packages: Packages, members: dict[str, Any], reason: str) -> None:
    assert reason in rejection(packages.sagemaker.create_model_package, **members)


def test_a_version_takes_its_specification_from_its_source(packages: Packages) -> None:
    sagemaker, group, model = packages.sagemaker, packages.group(), f"source-{next(counter)}"
    data = packages.client.put("model.tar.gz", "")
    containers = [{"Image": "first", "Environment": {"A": "b"}}, {"Image": "second", "ModelDataUrl": data}]
    described_containers = [packaged("first", Environment={"A": "b"}), packaged("second", ModelDataUrl=data)]
    model_arn = sagemaker.create_model(ModelName=model, Containers=containers)["ModelArn"]
    from_model, from_version = [
        sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri=uri)["ModelPackageArn"]
        for uri in (model_arn, packages.version(group))
    ]
    assert packages.describe(from_model)["InferenceSpecification"] == {"Containers": described_containers}
    assert packages.describe(from_model)["SourceUri"] == model_arn
    assert packages.describe(from_version)["InferenceSpecification"] == SPECIFICATION
    from_s3 = sagemaker.create_model_package(ModelPackageGroupName=group, SourceUri="s3://bucket/x")["ModelPackageArn"]
    assert "InferenceSpecification" not in packages.describe(from_s3)
    sagemaker.update_model_package(ModelPackageArn=from_s3, SourceUri=model_arn)
    assert packages.describe(from_s3)["InferenceSpecification"] == {"Containers": described_containers}
    sagemaker.update_model_package(ModelPackageArn=from_version, SourceUri=model_arn)
    assert packages.describe(from_version)["InferenceSpecification"] == SPECIFICATION
    assert "either a SourceUri" in rejection(packages.version, group=group, SourceUri=model_arn)
    members = {"InferenceSpecification": SPECIFICATION, "SourceUri": "s3://bucket/x"}
    assert "either a SourceUri" in rejection(sagemaker.update_model_package, ModelPackageArn=from_s3, **members)
    for uri in (f"{model_arn}-2", f"{from_version}0", model_arn.replace("us-east-1", "eu-west-1")):
        message = rejection(sagemaker.create_model_package, ModelPackageGroupName=group, SourceUri=uri)
        assert f"could not find '{uri}'" in message


def test_approval_is_recorded(packages: Packages) -> None:
    package = packages.version(packages.group())
    old_package = packages.describe(package)
    assert old_package["ModelApprovalStatus"] == "PendingManualApproval"
    assert "ApprovalDescription" not in old_package
    for status, reason in (("Approved", "the best so far"), ("Rejected", "drifts"), ("Approved", "retrained")):
        packages.approve(package, status, ApprovalDescription=reason)
        new_package = packages.describe(package)
        changed_members = {"ModelApprovalStatus": status, "ApprovalDescription": reason, "LastModifiedBy": {}}
        assert omit(new_package, "LastModifiedTime") == omit(old_package, "LastModifiedTime") | changed_members
        assert new_package["LastModifiedTime"] >= old_package["LastModifiedTime"]


def test_an_update_changes_only_the_members_that_it_contains(packages: Packages) -> None:
    package = packages.version(packages.group(), **OPTIONAL_MEMBERS)
    update = packages.sagemaker.update_model_package
    old_package = packages.describe(package)
    added_specification = {"Name": "third", "Containers": [packaged("third-image")]}
    other_specification = SPECIFICATION | {"Containers": [packaged("another")]}
    update(
        ModelPackageArn=package,
        CustomerMetadataProperties={"score": "0.8", "reviewer": "you"},
        CustomerMetadataPropertiesToRemove=["team", "nobody"],
        AdditionalInferenceSpecificationsToAdd=[added_specification],
        InferenceSpecification=other_specification,
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Done"},
        ModelCard={"ModelCardStatus": "Approved"},
        ModelPackageRegistrationType="Logged",
    )
    new_package = packages.describe(package)
    changed_members = {
        "CustomerMetadataProperties": {"score": "0.8", "reviewer": "you"},
        "AdditionalInferenceSpecifications": [*old_package["AdditionalInferenceSpecifications"], added_specification],
        "InferenceSpecification": other_specification,
        "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Done"},
        "ModelCard": OPTIONAL_MEMBERS["ModelCard"] | {"ModelCardStatus": "Approved"},
        "ModelPackageRegistrationType": "Logged",
        "LastModifiedBy": {},
    }
    assert omit(new_package, "LastModifiedTime") == omit(old_package, "LastModifiedTime") | changed_members
    removed_keys = ["score", "reviewer"]
    update(ModelPackageArn=package, CustomerMetadataPropertiesToRemove=removed_keys, SourceUri="s3://bucket/source")
    assert packages.describe(package)["SourceUri"] == "s3://bucket/source"
    assert packages.describe(package)["InferenceSpecification"] == other_specification
    assert "CustomerMetadataProperties" not in packages.describe(package)


def test_rejected_updates_change_nothing(packages: Packages) -> None:
    properties = {f"key-{index}": "x" for index in range(50)}
    additional = [{"Name": f"name-{index}", "Containers": [{"Image": "i"}]} for index in range(15)]
    package = packages.version(
        packages.group(), CustomerMetadataProperties=properties, AdditionalInferenceSpecifications=additional
    )
    old_package, update = packages.describe(package), packages.sagemaker.update_model_package
    for invalid_members, reason in (
        ({"CustomerMetadataProperties": {"one-more": "x"}}, "at most 50 properties are allowed, not 51"),
        ({"AdditionalInferenceSpecificationsToAdd": [additional[0] | {"Name": "more"}]}, "are allowed, not 16"),
        ({"ModelCard": {"ModelCardContent": "not JSON"}}, "JSON object"),
    ):
        members = {"ModelLifeCycle": {"Stage": "a", "StageStatus": "b"}} | invalid_members
        assert reason in rejection(update, ModelPackageArn=package, **members)
    assert packages.describe(package) | {"ResponseMetadata": None} == old_package | {"ResponseMetadata": None}
    update(ModelPackageArn=package, CustomerMetadataProperties={"key-7": "again"})
    missing_arn = package.replace("/1", "/2")
    assert f"Could not find model package {missing_arn}" in rejection(update, ModelPackageArn=missing_arn)


def test_packages_are_described_in_one_request(packages: Packages) -> None:
    group = packages.group()
    versions = [packages.version(group), packages.version(group, ModelApprovalStatus="Approved")]
    missing_arns = [f"{ARN}model-package/{group}/3", versions[0].replace("us-east-1", "eu-west-1")]
    response = packages.sagemaker.batch_describe_model_package(ModelPackageArnList=[*versions, *missing_arns])
    summaries = response["ModelPackageSummaries"]
    assert [summaries[arn]["ModelApprovalStatus"] for arn in versions] == ["PendingManualApproval", "Approved"]
    assert summaries[versions[1]]["InferenceSpecification"] == SPECIFICATION
    errors = response["BatchDescribeModelPackageErrorMap"]
    assert errors.keys() == {*missing_arns}
    assert all(arn in error["ErrorResponse"] and error["ErrorCode"] for arn, error in errors.items())


def test_versions_are_filtered_and_sorted_by_their_numbers(packages: Packages) -> None:
    group, listed, ascending = packages.group(), packages.listed, {"SortOrder": "Ascending"}
    versions = [packages.version(group) for _ in range(11)]
    for arn in versions[::3]:
        packages.approve(arn)
    assert listed(ModelPackageGroupName=f"{ARN}model-package-group/{group}", **ascending) == versions
    for sort_key in ("Name", "CreationTime"):  # with either key, version 10 comes after version 9
        request = {"ModelPackageGroupName": group, "SortBy": sort_key, "PaginationConfig": {"PageSize": 4}}
        assert listed(**request) == versions[::-1]
    assert listed(ModelPackageGroupName=group, ModelApprovalStatus="Approved", **ascending) == versions[::3]
    assert listed(ModelPackageType="Versioned", NameContains=group, MaxResults=100) == versions[::-1]
    assert not {*versions} & {*listed(MaxResults=100)}
    assert {*versions} < {*listed(ModelPackageType="Both")}
    assert listed(ModelPackageGroupName=group, ModelPackageType="Unversioned") == []
    assert listed(ModelPackageGroupName="nowhere") == []
