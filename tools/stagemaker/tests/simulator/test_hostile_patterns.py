"""Patterns in requests are matched quickly. If they were regular expressions, they could block Python for years."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.simulator_process import SimulatorProcess, simulator_process

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.server import BUCKET

SECONDS = 20  # longer than any of these requests takes on a busy machine
STARS = "*a" * 30 + "*b"
TEXT = "a" * 200
EXPRESSION = "(a+)+b"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """Run a simulator in a separate process: a pattern that froze this process would also freeze the timeout."""
    with simulator_process() as simulator:
        yield simulator


@pytest.fixture
def client(simulator: SimulatorProcess) -> Callable[[str], Any]:
    return partial(simulator.client, read_timeout=SECONDS)


@pytest.mark.parametrize(
    ("pattern", "match", "strings"),
    [
        (STARS, "a" * 30 + "b", [TEXT]),
        ("*/img/*.png", "x/img/.png", ["x/img.png", "/img/a.jpg"]),
        (r"a\*b*", "a*bc", ["axbc", r"a\*b"]),
        ("*" * 200 + "x", "yx", [TEXT]),
        ("a.c", "a.c", ["abc"]),
        ("ab*ba", "abba", ["aba"]),
    ],
)
def test_a_wildcard_in_a_rule_is_fast(
    client: Callable[[str], Any], pattern: str, match: str, strings: list[str]
) -> None:
    events, logs = client("events"), client("logs")
    group = f"rule-{abs(hash(pattern))}"
    logs.create_log_group(logGroupName=group)
    for name, rule in (("wildcard", {"wildcard": pattern}), ("anything-but", {"anything-but": {"wildcard": pattern}})):
        events.put_rule(Name=name, EventPattern=json.dumps({"detail": {"name": [rule]}}))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    events.put_targets(Rule="wildcard", Targets=[{"Id": "1", "Arn": arn}])
    for string in (*strings, match):
        entry = {"Source": "own", "DetailType": "t", "Detail": json.dumps({"name": string})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    messages = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert [message["detail"]["name"] for message in messages] == [match]
    events.remove_targets(Rule="wildcard", Ids=["1"])


def test_a_bucket_policy_is_fast(client: Callable[[str], Any]) -> None:
    s3, deny = client("s3"), {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    s3.put_object(Bucket=BUCKET, Key=TEXT, Body=b"")
    for resource in (f"arn:aws:s3:::{BUCKET}/{STARS}", EXPRESSION):
        statement = deny | {"Resource": resource}
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        s3.get_object(Bucket=BUCKET, Key=TEXT)
    s3.delete_bucket_policy(Bucket=BUCKET)


def test_a_checksum_header_is_fast(client: Callable[[str], Any]) -> None:
    s3, body = client("s3"), b"x-amz-checksum-a:" * 20_000

    def set_headers(request: Any, **_: Any) -> None:
        request.headers.update({"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": ""})

    s3.meta.events.register_first("before-send.s3.PutObject", set_headers)
    s3.put_object(Bucket=BUCKET, Key="checksum", Body=body)
    assert s3.get_object(Bucket=BUCKET, Key="checksum")["Body"].read() == body


def test_prefixes_of_rule_names_are_no_patterns(client: Callable[[str], Any]) -> None:
    events = client("events")
    events.put_rule(Name="a" * 60, ScheduleExpression="rate(1 day)")
    assert events.list_rules(NamePrefix="(a+)+$b")["Rules"] == []
    assert len(events.list_rules(NamePrefix="a" * 9)["Rules"]) == 1


def test_only_simple_target_paths_are_accepted(client: Callable[[str], Any]) -> None:
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
            with pytest.raises(ClientError, match="a path can only contain names and numbers"):
                events.put_targets(Rule="path", Targets=[target])
    events.remove_targets(Rule="path", Ids=["1"])


def test_repository_filters_are_fast(client: Callable[[str], Any]) -> None:
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


def test_a_log_filter_is_fast(client: Callable[[str], Any]) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="filter")
    logs.create_log_stream(logGroupName="filter", logStreamName="s")
    logs.put_log_events(logGroupName="filter", logStreamName="s", logEvents=[{"timestamp": 0, "message": TEXT}])
    for pattern in (f"%{EXPRESSION}%", STARS, '{ $.a = "*a*a*a*b" }'):
        logs.filter_log_events(logGroupName="filter", filterPattern=pattern)
