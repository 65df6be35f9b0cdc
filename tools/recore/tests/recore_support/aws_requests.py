"""Requests to AWS: records of them, errors that only AWS returns, and what policies allow."""

import fnmatch
import itertools
import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from recore.evaluation.job_requests import RunSettings
from stagemaker.server import BUCKET, ROLE_ARN

numbers = itertools.count()


def new_settings(bucket: str = BUCKET) -> RunSettings:
    """Return the settings of a run whose name no other run has."""
    return RunSettings(f"troubles-{next(numbers)}", bucket, ROLE_ARN)


def reject(client: Any, operation: str, code: str = "AccessDenied", times: float = float("inf")) -> list[object]:
    """Reject the first `times` requests for an operation. Return a list to which each rejected request is added."""
    rejected_calls: list[object] = []

    def respond(**parameters: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        if len(rejected_calls) >= times:
            return None
        rejected_calls.append(parameters)
        return AWSResponse("", 400, {}, None), {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}

    client.meta.events.register(f"before-call.{operation}", respond)
    return rejected_calls


def disconnect(client: Any, event: str) -> None:
    def close(**_: object) -> None:
        raise ConnectionClosedError(endpoint_url="https://aws")

    client.meta.events.register(event, close)


class Recorder:
    """A record of the requests (operation and members) of all clients that are created within the context.

    rejected: operations, such as s3.DeleteObject, whose requests are rejected as after a token expired.
    """

    def __init__(self, *rejected: str) -> None:
        self.rejected = rejected
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> "Recorder":
        original = boto3.Session.client

        def client(session: boto3.Session, *words: Any, **options: Any) -> Any:
            new_client = original(session, *words, **options)
            new_client.meta.events.register("provide-client-params.*.*", self._record)
            for operation in self.rejected:
                reject(new_client, operation, "ExpiredToken")
            return new_client

        self._patch.setattr(boto3.Session, "client", client)
        return self

    def _record(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self.requests.append((model.name, json.loads(json.dumps(params, default=str))))

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def select(self, *operations: str) -> list[dict[str, Any]]:
        return [members for name, members in self.requests if name in operations]


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    """Return whether a policy allows an action on a resource; an explicit deny takes precedence."""
    effects = [
        statement["Effect"]
        for statement in policy["Statement"]
        if any(fnmatch.fnmatchcase(action, each) for each in _as_list(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, each) for each in _as_list(statement.get("Resource", [])))
    ]
    return "Allow" in effects and "Deny" not in effects


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def addresses(content: Any, names: tuple[str, ...]) -> list[str]:
    """Return the values of the members with these names, at any depth."""
    if isinstance(content, list):
        return [address for each in content for address in addresses(each, names)]
    if not isinstance(content, dict):
        return []
    values = [value for name, value in content.items() if name in names and isinstance(value, str)]
    return values + [address for value in content.values() for address in addresses(value, names)]
