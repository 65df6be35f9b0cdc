"""`recore production compare`, for an endpoint with two variants in the simulator."""

import copy
import gzip
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from recore_support import ab_test
from recore_support.command import recore
from recore_support.schema import TARGETS
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import Client

from recore.production.arrived_assays import read_assays
from recore.production.endpoints import require_in_service
from recore.production.joined_samples import make_inference_id
from recore.production.project import MAX_INFERENCE_ID_LENGTH, ProductionError, ProductionProject
from recore.production.settings import Settings
from stagemaker.server import BUCKET

SAMPLES = ab_test.make_samples(holes=12, size=3)
MakeEndpoint = Callable[..., ab_test.ABTestEndpoint]
ID_PREFIX = "an-id-that-is-as-long-as-an-inference-id-can-be-in-sagemaker"


@pytest.fixture(scope="module")
def endpoint(endpoints: Endpoints) -> ab_test.ABTestEndpoint:
    """Return an endpoint that has predicted 36 samples, each with one variant, through several kinds of request."""
    endpoint = ab_test.ABTestEndpoint(endpoints, "compare")
    for index, sample in enumerate(SAMPLES[:26]):
        members = {"InferenceId": f"{ID_PREFIX}-{index:03}"}
        if index % 3:
            endpoint.send(ab_test.as_csv(sample), "A", **members)
        else:
            endpoint.send(ab_test.as_json(sample), "B", "application/json", **members)
    endpoint.send(ab_test.as_csv(*SAMPLES[26:30]), "A")
    endpoint.send({"instances": list(map(ab_test.as_json, SAMPLES[30:]))}, "B")
    endpoint.wait_for_captures(28)
    return endpoint


@pytest.fixture
def make_endpoint(endpoints: Endpoints) -> Iterator[MakeEndpoint]:
    new_endpoints: list[ab_test.ABTestEndpoint] = []

    def make(folder: str, **settings: Any) -> ab_test.ABTestEndpoint:
        new_endpoints.append(ab_test.ABTestEndpoint(endpoints, folder, **settings))
        return new_endpoints[-1]

    yield make
    endpoints.delete(*(endpoint.name for endpoint in new_endpoints))


@pytest.fixture
def variables(client: Client) -> dict[str, str]:
    return client.simulator.variables()


def compare(
    variables: dict[str, str], endpoint: str, assays: Path, *options: object
) -> "subprocess.CompletedProcess[str]":
    (assays.parent / "config.json").write_text(json.dumps({"ENDPOINT_NAME": endpoint}))
    return recore("production", "compare", "--assays", assays, *options, cwd=assays.parent, **variables)


def result(*arguments: Any) -> dict[str, Any]:
    process = compare(*arguments, "--json")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def fail(*arguments: Any, status: int = 2) -> str:
    process = compare(*arguments)
    assert (process.returncode, process.stdout) == (status, ""), process
    lines = process.stderr.splitlines()
    assert lines[-1].startswith("recore: ")
    assert all(line.startswith("compare: ") for line in lines[:-1]), process.stderr
    return lines[-1].removeprefix("recore: ")


def test_variants_are_compared_on_the_same_samples(
    endpoint: ab_test.ABTestEndpoint, variables: dict[str, str], tmp_path: Path
) -> None:
    samples = [*SAMPLES, ("elsewhere", 0.0, 1.0)]
    assays = ab_test.write_sample_assays(tmp_path / "assays.csv", samples)
    error = fail(variables, endpoint.name, assays, "--no-requests")
    assert "no two variants predicted the same assayed samples: omit --no-requests" in error

    process = compare(variables, endpoint.name, assays, "--out", "table.csv")
    assert process.returncode == 0, process.stderr
    assert "compare: sending 28 captured requests to the other variants" in process.stderr
    lines = process.stdout.splitlines()
    assert f"{endpoint.name}: joined 36 of 37 assayed samples by SiteID and depths" in lines[0]
    assert lines[1].endswith("predicted for clients: A 21, B 15")
    assert lines[2] == "captured requests resent, by variant: A 10, B 18"
    assert lines[3].startswith("B compared with A on 12 drill holes")
    assert any(line.startswith("B is better on CuPPM: RMSE ") for line in lines)
    assert any(line.startswith("B is better on the weighted score") for line in lines)
    assert lines[-1].endswith(" production update 1"), "the version that B's model was made from"
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["target"].tolist() == list(TARGETS)
    assert (table["samples"] == 36).all()
    copper = table.set_index("target").loc["CuPPM"]
    assert copper["better"] == "B"
    assert -95 < copper["change"] < -85

    endpoint.wait_for_captures(28 + 28)
    repeat = result(variables, endpoint.name, assays)
    assert repeat["client_samples"] == {"A": 21, "B": 15}, "requests of a comparison are not client traffic"
    assert repeat["requests"] == {"A": 0, "B": 0}
    assert not repeat["changed"]
    assert repeat["better"] == "B"
    assert [target["RMSE second"] for target in repeat["targets"]] == pytest.approx(table["RMSE second"].tolist())

    by_id = ab_test.write_assays(
        tmp_path / "by_id.csv",
        ((f"{ID_PREFIX}-{index:03}", ab_test.true_assays(sample)) for index, sample in enumerate(SAMPLES[:26])),
        "InferenceId",
    )
    output = result(variables, endpoint.name, by_id, "--no-requests")
    assert (output["joined_by"], output["samples"]) == ("InferenceId", 26)
    assert output["requests"] == {"A": 0, "B": 0}
    assert output["targets"][0]["units"] == 9, "holes are known from the captured inputs"


def test_assays_of_other_samples(endpoint: ab_test.ABTestEndpoint, variables: dict[str, str], tmp_path: Path) -> None:
    assays = ab_test.write_sample_assays(tmp_path / "others.csv", [("X7", 1.0, 2.5)])
    line = fail(variables, endpoint.name, assays)
    assert "others.csv: none of these samples has been predicted since" in line
    assert "hole X7 from 1 to 2.5 m" in line
    assert "hole H0 from " in line
    assays = ab_test.write_assays(tmp_path / "ids.csv", [("unknown", ab_test.true_assays(SAMPLES[0]))], "InferenceId")
    line = fail(variables, endpoint.name, assays)
    assert "InferenceId unknown" in line
    assert f"InferenceId {ID_PREFIX}" in line


def test_a_variant_that_fails_is_reported_and_not_suggested(
    make_endpoint: MakeEndpoint, variables: dict[str, str], tmp_path: Path
) -> None:
    endpoint = make_endpoint("failing")
    assays = ab_test.write_sample_assays(tmp_path / "assays.csv", SAMPLES)
    line = fail(variables, endpoint.name, assays)
    assert f"{endpoint.name} has captured no predictions with SiteID and depths since 20" in line

    for sample in SAMPLES[:3]:
        endpoint.send(ab_test.as_csv(sample).replace("0.1", "refuse 0.5"), "A")  # SCALE of B
    endpoint.wait_for_captures(3)
    line = fail(variables, endpoint.name, assays, status=1)
    assert "B failed on 3 captured requests, for example: " in line
    assert "this input is refused" in line

    for sample in SAMPLES[3:]:
        endpoint.send(ab_test.as_csv(sample), "A")
    endpoint.wait_for_captures(len(SAMPLES))
    process = compare(variables, endpoint.name, assays)
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert any(line.startswith("B failed on 3 captured requests, for example: ") for line in lines)
    assert any(line.startswith("B is better on the weighted score") for line in lines)
    assert not any("production update" in line for line in lines)


def test_an_ambiguous_id_is_left_out(make_endpoint: MakeEndpoint, variables: dict[str, str], tmp_path: Path) -> None:
    """This happens if two files have rows with the same indices but different samples."""
    endpoint = make_endpoint("ambiguous")
    for variant_name, samples in (("A", SAMPLES), ("B", [SAMPLES[0], *reversed(SAMPLES[1:])])):
        for index, sample in enumerate(samples):
            endpoint.send(ab_test.as_csv(sample), variant_name, InferenceId=str(index))
    endpoint.wait_for_captures(2 * len(SAMPLES))
    rows = [(str(index), ab_test.true_assays(sample)) for index, sample in enumerate(SAMPLES)]
    output = result(
        variables, endpoint.name, ab_test.write_assays(tmp_path / "ids.csv", rows, "InferenceId"), "--no-requests"
    )
    hits = [index for index, sample in enumerate(SAMPLES) if sample == [SAMPLES[0], *reversed(SAMPLES[1:])][index]]
    assert output["samples"] == len(hits) < 3
    assert output["left_out"] == {"one InferenceId for different samples": len(SAMPLES) - len(hits)}

    other_samples = [
        (f"{index},{hole},{start},{end}", ab_test.true_assays((hole, start, end)))
        for index, (hole, start, end) in enumerate(reversed(SAMPLES))
    ]
    file = ab_test.write_assays(tmp_path / "others.csv", other_samples, "InferenceId,SiteID,DepthFrom,DepthTo")
    assert "one InferenceId for different samples" in fail(variables, endpoint.name, file)


@pytest.mark.slow
def test_unknown_holes_are_one_hole(make_endpoint: MakeEndpoint, variables: dict[str, str], tmp_path: Path) -> None:
    endpoint = make_endpoint("unknown-holes")
    for index, sample in enumerate(SAMPLES):
        body = ab_test.as_csv(sample) if index > 1 else f"0,{sample[0]},{sample[1]},0.1\n"  # without a header
        endpoint.send(body, "A", InferenceId=str(index))
    endpoint.wait_for_captures(len(SAMPLES))
    rows = [(str(index), ab_test.true_assays(sample)) for index, sample in enumerate(SAMPLES)]
    output = result(variables, endpoint.name, ab_test.write_assays(tmp_path / "ids.csv", rows, "InferenceId"))
    assert output["by_hole"] is True
    assert {target["units"] for target in output["targets"]} == {13}


def test_odd_captured_events_are_resent(make_endpoint: MakeEndpoint, variables: dict[str, str], tmp_path: Path) -> None:
    endpoint = make_endpoint("strange")
    endpoint.send(ab_test.as_csv(SAMPLES[0]), "A")
    endpoint.wait_for_captures(1)
    s3 = endpoint.endpoints.client.s3
    [item] = s3.list_objects_v2(Bucket=BUCKET, Prefix="strange/")["Contents"]
    line = json.loads(s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())
    for index, value in enumerate(["a\r\nX-Evil: 1", "\u00e9", "text/csv\r\nX-Evil: 1"]):
        event = copy.deepcopy(line)
        event["eventMetadata"] |= {"eventId": str(index), "inferenceId": value}
        event["captureData"]["endpointInput"] |= {"data": ab_test.as_csv(SAMPLES[index + 1]), "encoding": "CSV"}
        if index == 2:
            event["captureData"]["endpointInput"]["observedContentType"] = value
        s3.put_object(Bucket=BUCKET, Key=f"{item['Key']}-{index}", Body=json.dumps(event).encode())
    output = result(variables, endpoint.name, ab_test.write_sample_assays(tmp_path / "assays.csv", SAMPLES))
    assert (output["samples"], output["requests"]) == (4, {"A": 0, "B": 4})
    assert output["failed"] == {"B": 1}, "the model does not understand a request without a content type"


@pytest.mark.slow
def test_earlier_captures_do_not_count(make_endpoint: MakeEndpoint, variables: dict[str, str], tmp_path: Path) -> None:
    endpoint = make_endpoint("returned")
    endpoints, sagemaker = endpoint.endpoints, endpoint.endpoints.sagemaker
    first = sagemaker.describe_endpoint(EndpointName=endpoint.name)["EndpointConfigName"]
    settings = sagemaker.describe_endpoint_config(EndpointConfigName=first)
    exchanged = [
        item | {"ModelName": other["ModelName"]}
        for item, other in zip(settings["ProductionVariants"], reversed(settings["ProductionVariants"]), strict=True)
    ]
    names = ("DestinationS3Uri", "InitialSamplingPercentage", "EnableCapture", "CaptureOptions")
    capture = {name: settings["DataCaptureConfig"][name] for name in names}
    second = endpoints.config(*exchanged, DataCaptureConfig=capture)
    for config in (second, first):
        for sample in SAMPLES[:2]:
            endpoint.send(ab_test.as_csv(sample), "A")
        time.sleep(1.1)  # captured times have no fractions of seconds
        sagemaker.update_endpoint(EndpointName=endpoint.name, EndpointConfigName=config)
        endpoints.settle(endpoint.name)
    endpoint.send(ab_test.as_csv(SAMPLES[5]), "A")
    endpoint.wait_for_captures(5)
    output = result(variables, endpoint.name, ab_test.write_sample_assays(tmp_path / "assays.csv", SAMPLES))
    assert (output["samples"], output["client_samples"]) == (1, {"A": 1, "B": 0})


def test_an_endpoint_that_cannot_be_compared(
    endpoints: Endpoints, variables: dict[str, str], tmp_path: Path, endpoint: ab_test.ABTestEndpoint
) -> None:
    assays = ab_test.write_sample_assays(tmp_path / "assays.csv", SAMPLES)
    assert "the endpoint nowhere does not exist" in fail(variables, "nowhere", assays)
    model = endpoints.named("any")
    one_variant = endpoints.create(endpoints.config(variant(model)), wait=False)
    no_capture = endpoints.create(endpoints.config(variant(model, "one"), variant(model, "two")), wait=False)
    for name in (one_variant, no_capture):
        endpoints.settle(name)
    line = fail(variables, one_variant, assays)
    assert f"{one_variant} has 1 variant, but a comparison needs at least two; create another version with" in line
    assert f"{no_capture} has no active data capture" in fail(variables, no_capture, assays)
    failed_endpoint = endpoints.create(endpoints.config(variant(endpoints.model("raise ValueError"), "A")), wait=False)
    endpoints.settle(failed_endpoint)
    assert f"{failed_endpoint} has failed (Failed)" in fail(variables, failed_endpoint, assays)
    line = fail(variables, endpoint.name, assays, "--out", "assays.csv")
    assert "assays.csv: the table would replace the assays" in line


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
def test_an_endpoint_that_is_being_changed_is_rejected(status: str, client: Client) -> None:
    project = ProductionProject(client.simulator, Settings(), "bucket", "role")
    with pytest.raises(ProductionError, match=rf"core-assays is being changed \({status}\); wait until the change"):
        require_in_service(project, {"EndpointStatus": status})


HEADER = "SiteID,DepthFrom,DepthTo,CuPPM"
TABLES = {
    "missing": (None, "there is no such file"),
    "empty": ("", "contains no samples"),
    "no targets": ("SiteID,DepthFrom,DepthTo\nH,0,1\n", "has no target column"),
    "no keys": ("index,SiteID,CuPPM\n0,H,1\n", "column InferenceId, or columns SiteID, DepthFrom and DepthTo"),
    "no rows": (f"{HEADER}\n", "contains no samples"),
    "a missing cell": (f"{HEADER}\nH,0,1\n", "line 2 has 3 cells, but the header has 4"),
    "no hole": (f"{HEADER}\n,0,1,5\n", "line 2: SiteID and two numeric depths are needed"),
    "no depth": (f"{HEADER}\nH,top,1,5\n", "line 2: SiteID and two numeric depths are needed"),
    "no id": ("InferenceId,CuPPM\n,5\n", "line 2: an InferenceId is needed"),
    "below detection": (f"{HEADER}\nH,0,1,<0.5\n", "line 2, CuPPM: '<0.5' is not a number"),
    "huge": (f"{HEADER}\nH,0,1,1e200\n", "line 2, CuPPM: '1e200' is not a number"),
    "no assay": (f"{HEADER}\nH,0,1,\n", "all target cells are empty"),
    "infinite": (f"{HEADER}\nH,0,1,inf\n", "line 2, CuPPM: 'inf' is not a number"),
    "contradicting": (f"{HEADER}\nH,0,1,5\nH,0.0,1,6\n", "line 3: hole H from 0 to 1 m is listed twice"),
    "repeated column": (f"{HEADER},CuPPM\nH,0,1,5,5\n", "the column CuPPM appears more than once"),
    "not text": (b"\xff\xfe\x00\x00", "could not be read as CSV or csv.gz"),
    "underscore": (f"{HEADER}\nH,0,1,1_0\n", "line 2, CuPPM: '1_0' is not a number"),
    "other script": (f"{HEADER}\nH,0,1,\u0661\n", "line 2, CuPPM: '\u0661' is not a number"),
    "bomb": (gzip.compress(bytes(130 << 20), 1), "is larger than 128 MB (uncompressed)"),
    "truncated": (gzip.compress(HEADER.encode() * 100)[:-20], "could not be read as CSV or csv.gz"),
}


@pytest.mark.parametrize("name", TABLES)
def test_an_invalid_table_is_one_clear_line(name: str, tmp_path: Path) -> None:
    content, reason = TABLES[name]
    file = tmp_path / "assays.csv"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ProductionError, FileNotFoundError)) as raised:
        read_assays(file)
    [line] = str(raised.value).splitlines()
    assert line.startswith(str(file))
    assert reason in line


def test_a_request_of_a_comparison_has_a_recognisable_inference_id() -> None:
    assert make_inference_id("abc") == make_inference_id(make_inference_id("abc")) == "compare-abc"
    first, second = (make_inference_id("x" * 60 + end) for end in "12")
    assert len(first) == len(second) == MAX_INFERENCE_ID_LENGTH
    assert first != second
    assert first.startswith("compare-")
