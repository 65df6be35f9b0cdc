"""Each change in a model package's approval status causes an event, which EventBridge delivers to rules' targets."""

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from stagemaker_support.job_traces import poll, wait_until
from stagemaker_support.model_packages import SPECIFICATION, Packages
from stagemaker_support.simulator_client import Client, counter

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.resources.model_package import StateChanges


class History:
    """The events of a model package group. A rule delivers them to a log group, and an archive stores them."""

    def __init__(self, client: Client, group: str):
        self.group, self.logs, self.client = group, client.logs, client.simulator.client("events")
        pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}
        content = json.dumps(pattern | {"detail": {"ModelPackageGroupName": [group]}})
        self.logs.create_log_group(logGroupName=group)
        self.client.put_rule(Name=group, EventPattern=content)
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        self.client.put_targets(Rule=group, Targets=[{"Id": "1", "Arn": arn}])
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
        self.client.create_archive(ArchiveName=group, EventSourceArn=bus, EventPattern=content)

    def events(self, count: int) -> list[dict[str, Any]]:
        """Wait until `count` events have been delivered, and return all delivered events in order."""
        read = partial(self.logs.filter_log_events, logGroupName=self.group)
        received = poll(lambda: read()["events"], lambda events: len(events) >= count)
        return [json.loads(event["message"]) for event in received]


@pytest.fixture
def history(client: Client, packages: Packages) -> Iterator[History]:
    history = History(client, packages.group())
    yield history
    history.client.remove_targets(Rule=history.group, Ids=["1"])
    history.client.delete_rule(Name=history.group)
    history.client.delete_archive(ArchiveName=history.group)


def statuses(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["ModelApprovalStatus"] for event in events]


def test_every_approval_change_emits_an_event_that_describes_the_version(packages: Packages, history: History) -> None:
    properties = {"GeneratedBy": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p"}
    package = packages.version(history.group, ModelPackageDescription="of copper", MetadataProperties=properties)
    packages.approve(package, ApprovalDescription="good on the northern holes")
    packages.approve(package, "Rejected", ApprovalDescription="bad on the southern holes")
    packages.approve(package, "PendingManualApproval")
    packages.approve(package, ApprovalDescription='"quoted" <b>')
    events = history.events(5)
    pending_status = "PendingManualApproval"
    assert statuses(events) == [pending_status, "Approved", "Rejected", pending_status, "Approved"]
    archive = {"ArchiveName": history.group}
    wait_until(lambda: history.client.describe_archive(**archive)["EventCount"] == 5)
    assert [event["detail"]["ApprovalDescription"] for event in events[1:3]] == [
        "good on the northern holes",
        "bad on the southern holes",
    ]
    event, description = events[-1], packages.describe(package)
    assert description["ModelApprovalStatus"] == "Approved"  # the status after the last change
    assert (event["source"], event["detail-type"]) == ("aws.sagemaker", "SageMaker Model Package State Change")
    assert (event["region"], event["resources"]) == (REGION, [package])
    assert event["time"] == f"{description['LastModifiedTime']:%Y-%m-%dT%H:%M:%SZ}"
    assert event["detail"] == {
        "ModelPackageGroupName": history.group,
        "ModelPackageVersion": 1,
        "ModelPackageArn": package,
        "ModelPackageDescription": "of copper",
        "CreationTime": f"{description['CreationTime']:%Y-%m-%dT%H:%M:%SZ}",
        "LastModifiedTime": event["time"],
        "InferenceSpecification": SPECIFICATION,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": '"quoted" <b>',
        "MetadataProperties": properties,
    }


def test_events_of_concurrent_changes_are_delivered_in_order(
    packages: Packages, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, put = packages.version(history.group), StateChanges.put
    has_started = threading.Event()

    def put_slowly(self: StateChanges, kind: str, arn: str, detail: dict[str, Any]) -> None:
        if detail["ModelApprovalStatus"] == "Approved":
            has_started.set()
            time.sleep(0.5)
        put(self, kind, arn, detail)

    monkeypatch.setattr(StateChanges, "put", put_slowly)
    approval = threading.Thread(target=packages.approve, args=(package,))
    approval.start()
    assert has_started.wait(30)
    packages.approve(package, "Rejected")
    approval.join()
    assert statuses(history.events(3)) == ["PendingManualApproval", "Approved", "Rejected"]
    assert packages.describe(package)["ModelApprovalStatus"] == "Rejected"


def test_other_changes_emit_no_event(packages: Packages, history: History) -> None:
    package = packages.version(history.group)
    token = {"ClientToken": f"token-{next(counter)}"}
    for _ in range(2):
        packages.approve(package, **token)
    packages.approve(package)
    packages.sagemaker.update_model_package(ModelPackageArn=package, CustomerMetadataProperties={"a": "b"})
    duplicates = 2 * [{"Name": "a", "Containers": SPECIFICATION["Containers"]}]
    with pytest.raises(packages.sagemaker.exceptions.ClientError, match="more than one specification is named 'a'"):
        packages.approve(package, "Rejected", AdditionalInferenceSpecificationsToAdd=duplicates)
    packages.approve(package, "Rejected")
    assert statuses(history.events(3)) == ["PendingManualApproval", "Approved", "Rejected"]


def test_a_missing_target_does_not_fail_requests(packages: Packages, history: History) -> None:
    package = packages.version(history.group)
    history.events(1)
    history.logs.delete_log_group(logGroupName=history.group)
    packages.approve(package)
    assert packages.describe(package)["ModelApprovalStatus"] == "Approved"
    history.logs.create_log_group(logGroupName=history.group)
    packages.approve(package, "Rejected")
    wait_until(lambda: statuses(history.events(1))[-1] == "Rejected")
