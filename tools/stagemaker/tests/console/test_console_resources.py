"""Endpoints, pipelines, the model registry and S3 in the console."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from stagemaker_support.console_tab import ConsoleTab
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.model_packages import Packages
from stagemaker_support.pipelines import SLEEPING_SCRIPT, Pipelines, condition, equals, fail, get, model
from stagemaker_support.simulator_client import Client

from stagemaker.server import BUCKET

pytestmark = pytest.mark.machine
FAILING_SCRIPT = NAMER.replace("return json", "raise ValueError('no such depth')\n    return json")
CACHE_CONFIG = {"Enabled": True, "ExpireAfter": "P1D"}


@pytest.fixture
def endpoint(client: Client) -> Iterator[str]:
    """Return the name of an endpoint with two variants, one of which fails every request."""
    endpoints = Endpoints(client)
    good_model, bad_model = endpoints.named("good"), endpoints.model(FAILING_SCRIPT.format(name="bad"))
    yield endpoints.create(endpoints.config(variant(good_model, "good", weight=3), variant(bad_model, "bad", weight=1)))
    endpoints.delete_all()


def test_an_endpoint_shows_variants_traffic_and_a_response(endpoint: str, tab: ConsoleTab, tmp_path: Path) -> None:
    tab.open("endpoints", endpoint)
    assert [(cells[0], *cells[2:]) for cells in tab.rows("Variants")] == [
        ("good", "75%", "1 of 1"),
        ("bad", "25%", "1 of 1"),
    ]
    tab.page.get_by_label("Body").fill("1,2")
    tab.page.get_by_role("combobox", name="Variant").select_option("good")
    tab.press("Send")
    tab.wait_for("200, variant good, ", "[data-key=form] [role=status]")
    assert json.loads(tab.text("pre[aria-label=Response]"))[:3] == ["good", "1,2", "text/csv"]
    assert tab.page.get_by_label("Body").input_value() == "1,2"  # a poll does not change the input
    (tmp_path / "rows.csv").write_text("3,4")
    tab.page.get_by_label("or upload a file").set_input_files(tmp_path / "rows.csv")
    tab.press("Send")
    tab.wait_for("3,4", "pre[aria-label=Response]")
    tab.page.get_by_role("combobox", name="Variant").select_option("bad")
    tab.press("Send")
    tab.wait_for("Error", "[data-key=form] [role=status]")
    tab.expected.add(f"/endpoints/{endpoint}/invocations")
    tab.wait_for("Errors", "[data-key=metrics]")
    tab.wait_for("bad, 5XX: 1", "[data-key=metrics]")
    tab.wait_for("Model latency, ms", "[data-key=metrics]")
    tab.wait_for("no such depth", "pre[aria-label=Log]")


def test_other_variants_have_other_curves(endpoint: str, client: Client, tab: ConsoleTab) -> None:
    endpoints, runtime = Endpoints(client), client.simulator.client("sagemaker-runtime")
    runtime.invoke_endpoint(EndpointName=endpoint, Body="1", ContentType="text/csv", TargetVariant="good")
    tab.open("endpoints", endpoint)
    tab.wait_for("Requests good: 1", "figure")
    config = endpoints.config(variant(endpoints.named("new"), "new"))
    client.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    endpoints.settle(endpoint)
    runtime.invoke_endpoint(EndpointName=endpoint, Body="1", ContentType="text/csv")
    tab.wait_for("Requests new: 1", "figure")
    assert tab.page.locator("figure canvas").count() == 3


def test_an_execution_is_a_graph_with_states_parameters_and_cache_hits(client: Client, tab: ConsoleTab) -> None:
    pipelines = Pipelines(client)
    prepare = pipelines.processing("prepare", "print(1)", CacheConfig=CACHE_CONFIG)
    decide = condition(
        "decide", [equals(get("Parameters.Choice"), "a")], [model("register")], [fail("reject", "too bad")], "prepare"
    )
    parameters = [{"Name": "Choice", "Type": "String", "DefaultValue": "a"}]
    name = pipelines.create(prepare, decide, Parameters=parameters)
    first = pipelines.start(name)
    pipelines.wait(first)
    second = pipelines.start(name, Choice="b")
    pipelines.wait(second, "Failed")
    tab.open("pipelines", name)
    assert [cells[1] for cells in tab.rows("Executions")] == ["✕ Failed", "✓ Succeeded"]
    tab.open("pipelines", name, second.rpartition("/")[2])
    steps = {cells[0]: cells for cells in tab.rows("Steps")}
    assert {step: cells[2] for step, cells in steps.items()} == {
        "prepare": "✓ Succeeded",
        "decide": "✓ Succeeded",
        "register": "■ Not run",
        "reject": "✕ Failed",
    }
    assert steps["prepare"][5] == f"Cached result of execution {first.rpartition('/')[2]}"
    assert steps["decide"][5] == "Outcome: False"
    assert "too bad" in steps["reject"][5]
    assert tab.rows("Parameters") == [["Choice", "b"]]
    tab.page.locator("[data-key=properties] summary", has_text="prepare").click()
    assert '"ProcessingJobStatus": "Completed"' in tab.text("pre[aria-label=prepare]")
    boxes = tab.page.locator(".graph .step").all_text_contents()
    assert boxes == [
        "prepare✓ Succeeded",
        "decide✓ Succeeded",
        "register■ Not run (if branch)",
        "reject✕ Failed (else branch)",
    ]
    assert tab.page.locator(".graph path.line").count() == 3
    tops = [tab.page.locator(".graph .step rect").nth(index).bounding_box()["y"] for index in range(4)]
    assert tops[0] < tops[1] < tops[2] == tops[3]


def test_a_running_execution_leads_to_its_job_and_is_stopped(client: Client, tab: ConsoleTab) -> None:
    pipelines = Pipelines(client)
    name = pipelines.create(pipelines.processing("sleep", SLEEPING_SCRIPT))
    execution = pipelines.start(name)
    tab.open("pipelines", name, execution.rpartition("/")[2])
    tab.wait_for("▶ Executing", ".graph")
    tab.press("Stop")
    tab.wait_for("Stopped", "h1")
    assert pipelines.wait(execution, "Stopped")
    tab.page.locator("[aria-label=Steps] a").click()
    tab.wait_for("Stopped", "h1")
    assert "processing/" in tab.page.url


def test_a_version_is_approved_with_one_click(client: Client, tab: ConsoleTab) -> None:
    packages = Packages(client)
    group = packages.group(ModelPackageGroupDescription="<b>copper</b>")
    arn = packages.version(group, ModelApprovalStatus="PendingManualApproval")
    rows = {cells[0]: cells for cells in tab.open("registry").rows("Groups")}
    assert rows[group][2] == "<b>copper</b>"
    tab.open("registry", group)
    assert tab.rows("Versions")[0][:2] == ["Version 1", "■ PendingManualApproval"]
    tab.press("Approve")
    tab.wait_for("✓ Approved", "tbody")
    assert packages.describe(arn)["ModelApprovalStatus"] == "Approved"
    tab.open("registry", group, "1")
    tab.press("Reject")
    tab.wait_for("✕ Rejected", "h1")


@pytest.mark.parametrize(
    ("key", "body", "content"),
    [
        ("console/a b/größe<i>.txt", "first\nsecond\n", "first\nsecond"),
        ("console/100%/a+b?c#d.csv", b"depth,copper\n" * 50_000, "depth,copper\ndepth,copper"),
        ("console/empty", b"", ""),
        ("console//double", "2", "2"),
        ("console/cut.txt", b"a" * (64 << 10) + "ü".encode(), "aaaa"),
        ("console/half.txt", b"a" * ((64 << 10) - 1) + "ü".encode(), "aaaa"),
    ],
)
def test_folders_lead_to_the_first_lines_of_a_text(
    client: Client, tab: ConsoleTab, key: str, body: bytes, content: str
) -> None:
    client.put(key, body)
    tab.open("s3", BUCKET)
    for part in key.split("/")[:-1]:
        tab.page.get_by_role("link", name=part or "(empty)", exact=True).last.click()
    name = key.rpartition("/")[2]
    tab.page.get_by_role("rowheader", name=name, exact=True).get_by_role("link").click()
    tab.wait_for(f"s3://{BUCKET}/{key}", "dl")
    assert tab.text("pre[aria-label='First lines']").startswith(content)
    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == (body if isinstance(body, bytes) else body.encode())


def test_binary_objects_are_not_shown_and_an_unreachable_key_is_explained(client: Client, tab: ConsoleTab) -> None:
    client.put("console/model.bin", b"\0\1\2")
    assert "Binary file; no preview." in tab.open("s3", BUCKET, "console/model.bin").text()
    tab.page.goto(f"{tab.address}#/s3/{BUCKET}/console%2F..%2Fx")
    tab.wait_for("Browsers cannot open an object with this key", "#problem")
    tab.page.goto(f"{tab.address}#/training/nobody")
    tab.wait_for("Requested resource not found", "#problem")
    tab.page.goto(f"{tab.address}#/s3/{BUCKET}/100%")
    tab.wait_for("The object does not exist", "#problem")
    tab.page.goto(f"{tab.address}#/s3/{BUCKET}/nothing.txt")
    tab.wait_for("The object does not exist", "#problem")
    tab.expected |= {"DescribeTrainingJob", f"/{BUCKET}/nothing.txt", f"/{BUCKET}/100%25"}
    tab.page.goto(f"{tab.address}#/nothing")
    tab.wait_for("The page #/nothing does not exist", "#problem")
