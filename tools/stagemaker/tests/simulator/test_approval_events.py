"""Each change of a model package's approval status is an event that EventBridge delivers to the targets of rules."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from stagemaker_support.job_traces import wait_until
from stagemaker_support.model_packages import SPECIFICATION, Packages
from stagemaker_support.simulator_client import Client, numbers

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.resources.model_package import StateChanges


class History:
    def __init__(self, client: Client, group: str):
        self.group, self._logs, self._events = group, client.logs, client.simulator.client("events")
        pattern = {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {"ModelPackageGroupName": [group]},
        }
        self._logs.create_log_group(logGroupName=group)
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        self._events.put_rule(Name=group, EventPattern=json.dumps(pattern))
        self._events.put_targets(Rule=group, Targets=[{"Id": "1", "Arn": arn}])
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
        self._events.create_archive(ArchiveName=group, EventSourceArn=bus, EventPattern=json.dumps(pattern))

    def events(self, count: int) -> list[dict[str, Any]]:
        """Wait until `count` events have been delivered, and return all delivered events in order."""
        wait_until(lambda: len(self._delivered_events()) >= count)
        return [json.loads(event["message"]) for event in self._delivered_events()]

    def archived_count(self) -> int:
        count: int = self._events.describe_archive(ArchiveName=self.group)["EventCount"]
        return count

    def _delivered_events(self) -> list[dict[str, Any]]:
        return self._logs.filter_log_events(logGroupName=self.group)["events"]

    def delete_target(self) -> None:
        self._logs.delete_log_group(logGroupName=self.group)

    def restore_target(self) -> None:
        self._logs.create_log_group(logGroupName=self.group)

    def end(self) -> None:
        self._events.remove_targets(Rule=self.group, Ids=["1"])
        self._events.delete_rule(Name=self.group)
        self._events.delete_archive(ArchiveName=self.group)


@pytest.fixture
def history(client: Client, packages: Packages) -> Iterator[History]:
    history = History(client, packages.group())
    yield history
    history.end()


def statuses(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["ModelApprovalStatus"] for event in events]


def test_every_approval_status_change_emits_an_event(packages: Packages, history: History) -> None:
    package = packages.version(history.group, ModelPackageDescription="of copper")
    packages.approve(package, ApprovalDescription="good on the northern holes")
    packages.approve(package, "Rejected", ApprovalDescription="bad on the southern holes")
    packages.approve(package, "PendingManualApproval")
    packages.approve(package)
    events = history.events(5)
    pending = "PendingManualApproval"
    assert statuses(events) == [pending, "Approved", "Rejected", pending, "Approved"]
    wait_until(lambda: history.archived_count() == 5)
    assert [event["detail"]["ApprovalDescription"] for event in events[1:3]] == [
        "good on the northern holes",
        "bad on the southern holes",
    ]
    assert packages.describe(package)["ModelApprovalStatus"] == "Approved"  # the status after the last change


def test_events_of_concurrent_changes_are_delivered_in_order(
    packages: Packages, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, put = packages.version(history.group), StateChanges.put
    started = threading.Event()

    def put_slowly(self: StateChanges, kind: str, arn: str, detail: dict[str, Any]) -> None:
        if detail["ModelApprovalStatus"] == "Approved":
            started.set()
            time.sleep(0.5)
        put(self, kind, arn, detail)

    monkeypatch.setattr(StateChanges, "put", put_slowly)
    approval = threading.Thread(target=packages.approve, args=(package,))
    approval.start()
    assert started.wait(30)
    packages.approve(package, "Rejected")
    approval.join()
    assert statuses(history.events(3)) == ["PendingManualApproval", "Approved", "Rejected"]
    assert packages.describe(package)["ModelApprovalStatus"] == "Rejected"


def test_an_event_describes_the_version(packages: Packages, history: History) -> None:
    properties = {"GeneratedBy": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p"}
    package = packages.version(history.group, MetadataProperties=properties)
    packages.approve(package, ApprovalDescription='"quoted" <b>')
    created_event, approved_event = history.events(2)
    assert approved_event["source"] == "aws.sagemaker"
    assert approved_event["detail-type"] == "SageMaker Model Package State Change"
    assert (approved_event["region"], approved_event["resources"]) == (REGION, [package])
    described, detail = packages.describe(package), approved_event["detail"]
    assert detail.pop("CreationTime") == f"{described['CreationTime']:%Y-%m-%dT%H:%M:%SZ}"
    assert approved_event["time"] == f"{described['LastModifiedTime']:%Y-%m-%dT%H:%M:%SZ}"
    assert detail.pop("LastModifiedTime") == approved_event["time"]
    assert detail == {
        "ModelPackageGroupName": history.group,
        "ModelPackageVersion": 1,
        "ModelPackageArn": package,
        "InferenceSpecification": SPECIFICATION,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": '"quoted" <b>',
        "MetadataProperties": properties,
    }
    assert created_event["detail"]["ModelApprovalStatus"] == "PendingManualApproval"


def test_other_changes_emit_no_event(packages: Packages, history: History) -> None:
    package = packages.version(history.group)
    token = {"ClientToken": f"token-{next(numbers)}"}
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
    history.delete_target()
    packages.approve(package)
    assert packages.describe(package)["ModelApprovalStatus"] == "Approved"
    history.restore_target()
    packages.approve(package, "Rejected")
    wait_until(lambda: statuses(history.events(1))[-1] == "Rejected")
