"""Data capture events as the simulator writes them, and as other programs might write them."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.ab_test import ABTestEndpoint, as_csv, as_json, make_samples, parse_csv
from recore_support.schema import TARGETS
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.simulator_client import Client

from recore.production.data_capture import Body, make_key, read_events, read_predictions, read_samples
from stagemaker.server import BUCKET

START = datetime(2024, 5, 1, 15, 30, 0, 500_000, tzinfo=timezone(timedelta(hours=2)))
SAMPLES = make_samples(2, 2)


@pytest.fixture(scope="module")
def endpoint(endpoints: Endpoints) -> ABTestEndpoint:
    return ABTestEndpoint(endpoints, "captured")


def test_all_client_requests_are_read(endpoint: ABTestEndpoint) -> None:
    instances = {"instances": list(map(as_json, SAMPLES[2:]))}
    expected = [
        parse_csv(endpoint.send(as_csv(*SAMPLES), "A", InferenceId="several")),
        parse_csv(endpoint.send(as_json(SAMPLES[0]), "A")),
    ]
    responses = [
        endpoint.send(instances, "B", "application/json"),
        endpoint.send(f"0,{SAMPLES[0][0]},{SAMPLES[0][1]},0.1\n", "B", "text/csv", InferenceId="no header"),
    ]
    predictions = json.loads(responses[0])["predictions"]
    expected += [[[each["assays"][name]["value"] for name in TARGETS] for each in predictions], parse_csv(responses[1])]
    assert endpoint.wait_for_captures(4) == {"A": 2, "B": 2}
    left_out = Counter[str]()
    selection = (endpoint.destination, endpoint.name, ["A", "B"], endpoint.began)
    events = list(read_events(endpoint.endpoints.client.s3, *selection, left_out))
    assert not left_out
    assert [each.variant for each in events] == ["A", "A", "B", "B"]
    assert [each.inference_id for each in events] == ["several", "", "", "no header"]
    assert [read_samples(each.input) for each in events] == [SAMPLES, SAMPLES[:1], SAMPLES[2:], []]
    for event, values in zip(events, expected, strict=True):
        assert endpoint.began.replace(microsecond=0) <= event.time <= datetime.now(UTC)
        np.testing.assert_array_equal(read_predictions(event.output), values)


def make_event(**changes: Any) -> dict[str, Any]:
    """Return an event with one sample. changes: new values for the input and output parts, or None to omit a part."""
    parts = {
        "endpointInput": {"mode": "INPUT", "data": as_csv(SAMPLES[0]), "encoding": "CSV"},
        "endpointOutput": {"mode": "OUTPUT", "data": ",".join(["1"] * 49) + "\n", "encoding": "CSV"},
    }
    metadata = {"eventId": "e", "inferenceTime": "2024-05-01T13:30:00Z"}
    event = {"captureData": parts | changes, "eventMetadata": metadata, "eventVersion": "0"}
    event["captureData"] = {name: part for name, part in event["captureData"].items() if part is not None}
    return event


def read(client: Client, folder: str, *lines: bytes, hour: str = "2024/05/01/13") -> tuple[list[Any], Counter[str]]:
    client.put(f"{folder}/name/A/{hour}/00-00-000-x.jsonl", b"\n".join(lines))
    left_out = Counter[str]()
    events = list(read_events(client.s3, f"s3://{BUCKET}/{folder}/", "name", ["A"], START, left_out))
    return events, left_out


def test_foreign_and_truncated_lines_are_counted(client: Client) -> None:
    line = json.dumps(make_event()).encode()
    bad_base64 = make_event(endpointOutput={"data": "***", "encoding": "BASE64"})
    lines = [line, line[:200], b"[]", b"null", b"\xff\xfe", json.dumps(bad_base64).encode(), b'{"eventMetadata": 3}']
    without_output = json.dumps(make_event(endpointOutput=None)).encode()
    events, left_out = read(client, "foreign", *lines, without_output)
    assert len(events) == 1
    assert sorted(left_out.values()) == [1, 6]
    assert "the output was not captured" in left_out


def test_only_captures_since_a_time_are_read(client: Client) -> None:
    events = [make_event() for _ in range(3)]
    events[0]["eventMetadata"]["inferenceTime"] = "2024-05-01T13:29:59Z"
    events[2]["eventMetadata"]["inferenceTime"] = "2024-05-01T13:45:00"  # without a time zone
    captured, _ = read(client, "since", *(json.dumps(event).encode() for event in events))
    assert [each.time - START.replace(microsecond=0) for each in captured] == [timedelta(0), timedelta(minutes=15)]
    captured, _ = read(client, "since", b"not read", hour="2024/05/01/12")
    assert len(captured) == 2


def test_a_response_can_have_empty_predictions() -> None:
    cells = ["", *["2.5"] * 48]
    table = read_predictions(Body((",".join(cells) + "\r\n").encode(), "text/csv"))
    np.testing.assert_array_equal(table, [[np.nan, *[2.5] * 48]])
    values = {name: {"value": None if name == "AuPPM" else 1, "unit": "ppm"} for name in TARGETS}
    content = json.dumps({"predictions": [{"index": "3", "assays": values}]}).encode()
    table = read_predictions(Body(content, "application/json"))
    assert np.flatnonzero(np.isnan(table)).tolist() == [TARGETS.index("AuPPM")]


INVALID = [b"1,2\n", b'{"predictions": [{}]}', b'{"predictions": 3}', b"[" * 5000, b"\xff", b'"' + b"1," * 49]


@given(st.binary(max_size=60) | st.sampled_from(INVALID), st.sampled_from(["", "text/csv", "application/json"]))
def test_foreign_bodies_are_rejected(content: bytes, media_type: str) -> None:
    body = Body(content, media_type)
    if media_type == "application/json" or content.strip():
        with pytest.raises(ValueError, match="does not contain 49 numbers"):
            read_predictions(body)
    assert all(sample is None for sample in read_samples(body))


def test_depths_are_compared_as_numbers() -> None:
    assert make_key([" H1 ", "1.50", 3]) == make_key(["H1", 1.5, "3.00001"]) == ("H1", 1.5, 3.0)
    assert make_key([17, 0, 1]) == ("17", 0.0, 1.0)
    for ids in ((None, 1, 2), ("", 1, 2), ("H", None, 2), ("H", "x", 2), ("H", 1, float("nan")), ("H", 1, 1e999)):
        assert make_key(ids) is None
