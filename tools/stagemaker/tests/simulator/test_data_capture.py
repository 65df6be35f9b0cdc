"""Data capture: endpoints write each invocation's request and response to S3 exactly once, in SageMaker's format."""

import base64
import itertools
import json
import math
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client
from stagemaker_support.state import running

from stagemaker.compute.endpoints.data_capture import CapturedInvocation, DataCapture
from stagemaker.compute.endpoints.fleet import Fleet
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.response import Response
from stagemaker.server import BUCKET

# A script that returns its input in the requested type.
ECHO = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    if data in ("raise", b"raise"):
        raise ValueError("the request asked for an error")
    return data, accept
"""
CONTENT_TYPES = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
BOTH_MODES = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
KEY_PATTERN = re.compile(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl")


@pytest.fixture(scope="module")
def model(endpoints: Endpoints) -> str:
    return endpoints.model(ECHO)


def capture_config(folder: str, percentage: int = 100, **members: Any) -> dict[str, Any]:
    capture: dict[str, Any] = {"DestinationS3Uri": f"s3://{BUCKET}/{folder}", "InitialSamplingPercentage": percentage}
    capture |= {"EnableCapture": True, "CaptureOptions": BOTH_MODES, "CaptureContentTypeHeader": CONTENT_TYPES}
    return capture | members


def captured_lines(endpoints: Endpoints, folder: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lines captured under a key prefix, by `endpoint/variant`."""
    lines: dict[str, list[dict[str, Any]]] = {}
    pages = endpoints.client.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{folder}/")
    for key in [item["Key"] for page in pages for item in page.get("Contents", [])]:
        endpoint, name, file_path = key.removeprefix(f"{folder}/").split("/", 2)
        assert KEY_PATTERN.fullmatch(file_path), key
        content = endpoints.client.get(f"s3://{BUCKET}/{key}")
        assert content.endswith(b"\n")
        lines.setdefault(f"{endpoint}/{name}", []).extend(map(json.loads, content.splitlines()))
    return lines


def wait_for_lines(endpoints: Endpoints, folder: str, count: int) -> dict[str, list[dict[str, Any]]]:
    wait_until(lambda: sum(map(len, captured_lines(endpoints, folder).values())) >= count)
    time.sleep(1.2)
    return captured_lines(endpoints, folder)


def captured_body(content_type: str, mode: str, encoding: str) -> dict[str, str]:
    return {"observedContentType": content_type, "mode": mode, "data": "1,2\n", "encoding": encoding}


def test_captured_lines_have_the_format_of_sagemaker(endpoints: Endpoints, model: str) -> None:
    capture = capture_config("format")
    name = endpoints.create(endpoints.config(variant(model), DataCaptureConfig=capture))
    assert endpoints.describe(name)["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": "",
    }
    start = datetime.now(UTC).replace(microsecond=0)
    endpoints.invoke(
        name, "1,2\n", ContentType="text/csv; charset=utf-8", Accept="application/json", InferenceId="first"
    )
    endpoints.invoke(name, b"\xff\x00", ContentType="image/png", Accept="text/csv", CustomAttributes="trace=1")
    with pytest.raises(ClientError, match="the request asked for an error"):  # errors are not captured
        endpoints.invoke(name, "raise", ContentType="text/csv", Accept="text/csv")
    (lines,) = wait_for_lines(endpoints, "format", 2).values()
    assert len(lines) == 2
    first, second = lines
    event = first.pop("eventMetadata")
    assert start <= datetime.strptime(event.pop("inferenceTime"), "%Y-%m-%dT%H:%M:%S%z") <= datetime.now(UTC)
    assert re.fullmatch("[0-9a-f-]{36}", event.pop("eventId"))
    assert event == {"inferenceId": "first"}
    assert first == {
        "captureData": {
            "endpointInput": captured_body("text/csv; charset=utf-8", "INPUT", "CSV"),
            "endpointOutput": captured_body("application/json", "OUTPUT", "JSON"),
        },
        "eventVersion": "0",
    }
    assert second["eventMetadata"]["customAttributes"] == ["trace=1"]
    assert "inferenceId" not in second["eventMetadata"]
    assert second["captureData"]["endpointInput"]["encoding"] == "BASE64"
    output = second["captureData"]["endpointOutput"]  # it is declared as text, but its content is binary
    assert (output["encoding"], base64.b64decode(output["data"])) == ("BASE64", b"\xff\x00")


def test_the_sampling_percentage_is_respected(endpoints: Endpoints, platform: Platform) -> None:
    capture, count = DataCapture(platform), 2000
    fleet = Fleet(platform, "e", {"VariantName": "one"}, capture_config("share", 20))
    for _ in range(count):
        capture.capture({"EndpointName": "e", "Body": b"1"}, fleet, Response(200, {}, b"1"))
    lines = wait_for_lines(endpoints, "share", 1)["e/one"]
    assert abs(len(lines) - 0.2 * count) < math.sqrt(count * math.log(2e6) / 2)  # fails in one of a million runs


@pytest.mark.slow
def test_an_update_changes_the_captured_data(endpoints: Endpoints, model: str) -> None:
    disabled_config, enabled_config = capture_config("update", EnableCapture=False), capture_config("update")
    name = endpoints.create(endpoints.config(variant(model), DataCaptureConfig=disabled_config))
    assert endpoints.describe(name)["DataCaptureConfig"]["CaptureStatus"] == "Stopped"

    def update(capture: dict[str, Any], **members: Any) -> None:
        config = endpoints.config(variant(model), DataCaptureConfig=capture)
        endpoints.update(name, config, **members)
        assert endpoints.settle(name)["EndpointStatus"] == "InService"
        endpoints.invoke(name, "1", ContentType="text/csv")

    endpoints.invoke(name, "1", ContentType="text/csv")
    update(enabled_config, RetainAllVariantProperties=True)
    assert endpoints.describe(name)["DataCaptureConfig"]["EnableCapture"] is False
    excluded_properties = [{"VariantPropertyType": "DataCaptureConfig"}]
    update(enabled_config, RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded_properties)
    update(disabled_config)
    ((line,),) = wait_for_lines(endpoints, "update", 1).values()
    assert line["captureData"]["endpointInput"]["data"] == "1"


def test_invocations_need_no_data_bucket(endpoints: Endpoints, model: str, caplog: pytest.LogCaptureFixture) -> None:
    capture = capture_config("x", DestinationS3Uri="s3://there-is-no-such-bucket/\x1b]0;title\x07")
    name = endpoints.create(endpoints.config(variant(model), DataCaptureConfig=capture))
    for _ in range(3):
        assert endpoints.invoke(name, "1", ContentType="text/csv")["Body"].read() == b"1"
    wait_until(lambda: "was not written" in caplog.text)
    assert "s3://there-is-no-such-bucket/?]0;title?/" in caplog.text
    assert "\x1b]0" not in caplog.text
    assert endpoints.describe(name)["EndpointStatus"] == "InService"


@pytest.mark.slow
def test_every_response_before_a_shutdown_is_captured_once(tmp_path: Path) -> None:
    response_counts: Counter[tuple[str, str]] = Counter()
    with running("--state", tmp_path) as simulator:
        endpoints = Endpoints(Client(simulator))
        model = endpoints.model(ECHO)
        variants = [variant(model, "a"), variant(model, "b", count=2)]
        name = endpoints.create(endpoints.config(*variants, DataCaptureConfig=capture_config("end")))

        def invoke(client: int) -> None:
            for number in itertools.count():
                body = f"{client}-{number}"
                try:
                    response = endpoints.invoke(name, body, ContentType="text/csv", InferenceId=body)
                except (ClientError, BotoCoreError):
                    return
                response_counts[f"{name}/{response['InvokedProductionVariant']}", body] += 1

        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(invoke, client) for client in range(8)]
            try:
                wait_until(lambda: response_counts.total() > 100)
                simulator.end()
            finally:
                simulator.kill()  # otherwise the clients would never stop
        for future in futures:
            future.result()
    with running("--state", tmp_path) as simulator:
        lines = captured_lines(Endpoints(Client(simulator)), "end")
    captured_counts = Counter()
    for path, variant_lines in lines.items():
        for line in variant_lines:
            inference_id, data = line["eventMetadata"]["inferenceId"], line["captureData"]
            captured_counts[path, inference_id] += 1
            assert data["endpointInput"]["data"] == inference_id
    assert captured_counts >= response_counts  # some captured responses may not have reached their clients
    assert set(captured_counts.values()) == {1}


def test_an_invocation_waits_only_until_there_is_space_for_its_data(endpoints: Endpoints, platform: Platform) -> None:
    capture = DataCapture(platform, max_waiting_bytes=1, max_wait_seconds=300)
    fleet = Fleet(platform, "e", {"VariantName": "one"}, capture_config("room"))
    request, response = {"EndpointName": "e", "Body": b"1"}, Response(200, {}, b"1")
    with ThreadPoolExecutor(3) as pool:  # two more invocations arrive before the first is written
        calls = [pool.submit(capture.capture, request, fleet, response) for _ in range(3)]
        for call in calls:
            call.result(timeout=60)
    assert len(wait_for_lines(endpoints, "room", 3)["e/one"]) == 3


TYPES = st.sampled_from(["text/csv", "TEXT/CSV; charset=utf-8", "application/json", "image/png", "", ";", None])


@given(st.binary(max_size=50), TYPES, st.integers(0, 2**32))
def test_a_captured_body_can_be_decoded(body: bytes, content_type: str | None, seed: int) -> None:
    random = Random(seed)
    modes = random.sample(["Input", "Output", "InputAndOutput"], random.randint(1, 3))
    config = capture_config("any", CaptureOptions=[{"CaptureMode": mode} for mode in modes])
    request = {"Body": body} | ({"ContentType": content_type} if content_type is not None else {})
    response = Response(200, {"content-type": content_type} if content_type is not None else {}, body)
    line = CapturedInvocation("s3://b/e/v", config, request, response, datetime.now(UTC)).line()
    assert line.count(b"\n") == 1
    entry = json.loads(line)["captureData"]
    assert entry.keys() == {f"endpoint{part}" for part in ("Input", "Output") if {part, "InputAndOutput"} & {*modes}}
    for part in entry.values():
        assert part.get("observedContentType") == (content_type or None)
        data = base64.b64decode(part["data"]) if part["encoding"] == "BASE64" else part["data"].encode()
        assert data == body
