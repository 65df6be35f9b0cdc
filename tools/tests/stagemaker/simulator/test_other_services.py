"""Services that moto simulates: if one needs a missing package, clients get a clear error that they can parse."""

import sys

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.simulator_client import Client


@pytest.mark.parametrize(
    ("service", "operation", "package"),
    [
        ("cloudformation", "list_stacks", "openapi_spec_validator"),
        ("apigateway", "get_rest_apis", "openapi_spec_validator"),
        ("xray", "get_sampling_rules", "aws_xray_sdk"),
    ],
)
def test_the_error_names_a_missing_package(
    service: str, operation: str, package: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(ClientError) as caught:
        getattr(client.simulator.client(service), operation)()
    error = caught.value.response
    assert error["Error"]["Code"] == "NotImplemented"
    assert f"The simulator does not support {service}: the Python package {package}" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize(
    ("service", "operation", "member"),
    [
        ("s3", "list_buckets", "Buckets"),
        ("sts", "get_caller_identity", "Account"),
        ("iam", "list_roles", "Roles"),
        ("logs", "describe_log_groups", "logGroups"),
        ("cloudwatch", "list_metrics", "Metrics"),
    ],
)
def test_services_that_jobs_need_are_available(service: str, operation: str, member: str, client: Client) -> None:
    assert member in getattr(client.simulator.client(service), operation)()
