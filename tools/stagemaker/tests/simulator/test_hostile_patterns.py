"""A pattern that a request chooses is matched at once. A regular expression could hold the interpreter for years."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from stagemaker_support.simulator_process import SimulatorProcess, simulator_process

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.server import BUCKET

SECONDS = 20  # more than any of these requests take on a busy machine
STARS = "*a" * 30 + "*b"
TEXT = "a" * 200
EXPRESSION = "(a+)+b"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """Run another process, since a pattern that froze this one would freeze its time-out, too."""
    with simulator_process() as simulator:
        yield simulator


@pytest.fixture
def client(simulator: SimulatorProcess) -> Callable[[str], Any]:
    return lambda service: boto3.client(
        service,
        REGION,
        endpoint_url=f"http://127.0.0.1:{simulator.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(read_timeout=SECONDS, retries={"total_max_attempts": 1}),
    )


def send(events: Any, detail: str) -> None:
    entry = {"Source": "own", "DetailType": "t", "Detail": json.dumps({"name": detail})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def log_messages(logs: Any, group: str) -> list[str]:
    return [
        json.loads(event["message"])["detail"]["name"] for event in logs.filter_log_events(logGroupName=group)["events"]
    ]


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (STARS, "a" * 30 + "b", [TEXT]),
        ("*/img/*.png", "x/img/.png", ["x/img.png", "/img/a.jpg"]),
        (r"a\*b*", "a*bc", ["axbc", r"a\*b"]),
        ("*" * 200 + "x", "yx", [TEXT]),
        ("a.c", "a.c", ["abc"]),
        ("ab*ba", "abba", ["aba"]),
    ],
)
def test_a_wildcard_of_a_rule(client: Callable[[str], Any], pattern: str, matching: str, others: list[str]) -> None:
    events, logs = client("events"), client("logs")
    group = f"rule-{abs(hash(pattern))}"
    logs.create_log_group(logGroupName=group)
    for name, rule in (("wildcard", {"wildcard": pattern}), ("anything-but", {"anything-but": {"wildcard": pattern}})):
        events.put_rule(Name=name, EventPattern=json.dumps({"detail": {"name": [rule]}}))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    events.put_targets(Rule="wildcard", Targets=[{"Id": "1", "Arn": arn}])
    for text in (*others, matching):
        send(events, text)
    assert log_messages(logs, group) == [matching]
    events.remove_targets(Rule="wildcard", Ids=["1"])


def bucket_policy(client: Callable[[str], Any]) -> None:
    s3, deny = client("s3"), {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    s3.put_object(Bucket=BUCKET, Key=TEXT, Body=b"")
    for resource in (f"arn:aws:s3:::{BUCKET}/{STARS}", EXPRESSION):
        statement = deny | {"Resource": resource}
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        s3.get_object(Bucket=BUCKET, Key=TEXT)
    s3.delete_bucket_policy(Bucket=BUCKET)


def checksum(client: Callable[[str], Any]) -> None:
    s3, body = client("s3"), b"x-amz-checksum-a:" * 20_000

    def set_headers(request: Any, **_: Any) -> None:
        request.headers.update({"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": ""})

    s3.meta.events.register_first("before-send.s3.PutObject", set_headers)
    s3.put_object(Bucket=BUCKET, Key="checksum", Body=body)
    assert s3.get_object(Bucket=BUCKET, Key="checksum")["Body"].read() == body


def names_of_rules(client: Callable[[str], Any]) -> None:
    events = client("events")
    events.put_rule(Name="a" * 60, ScheduleExpression="rate(1 day)")
    assert events.list_rules(NamePrefix="(a+)+$b")["Rules"] == []
    assert len(events.list_rules(NamePrefix="a" * 9)["Rules"]) == 1


def path_of_a_target(client: Callable[[str], Any]) -> None:
    events = client("events")
    events.put_rule(Name="path", EventPattern=json.dumps({"source": ["own"]}))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:paths"
    for path, is_accepted in (
        ("$.detail.name", True),
        ('$.detail[?(@.name =~ "(a+)+b")]', False),
        ("$..*..*..*", False),
    ):
        transformer = {"InputPathsMap": {"a": path}, "InputTemplate": '{"a": <a>}'}
        target = {"Id": "1", "Arn": arn, "InputTransformer": transformer}
        if is_accepted:
            events.put_targets(Rule="path", Targets=[target])
        else:
            with pytest.raises(ClientError, match="a path has only names and numbers"):
                events.put_targets(Rule="path", Targets=[target])
    events.remove_targets(Rule="path", Ids=["1"])


def filters_of_repositories(client: Callable[[str], Any]) -> None:
    ecr = client("ecr")
    rule = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": STARS, "filterType": "WILDCARD"}]}
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule])
    ecr.create_repository(repositoryName="a" * 200)
    with pytest.raises(ClientError, match="at most 2 wildcards"):
        ecr.create_repository(
            repositoryName="tags",
            imageTagMutability="MUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "a*" * 40 + "b"}],
        )


def logs_filter(client: Callable[[str], Any]) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="filter")
    logs.create_log_stream(logGroupName="filter", logStreamName="s")
    logs.put_log_events(logGroupName="filter", logStreamName="s", logEvents=[{"timestamp": 0, "message": TEXT}])
    for pattern in (f"%{EXPRESSION}%", STARS, '{ $.a = "*a*a*a*b" }'):
        logs.filter_log_events(logGroupName="filter", filterPattern=pattern)


@pytest.mark.parametrize(
    "ask",
    [bucket_policy, checksum, names_of_rules, path_of_a_target, filters_of_repositories, logs_filter],
)
def test_a_pattern_of_another_service(ask: Callable[[Any], None], client: Callable[[str], Any]) -> None:
    ask(client)
