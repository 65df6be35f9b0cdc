"""The console is read-only by default, works by keyboard and on a phone, and rejects pages from other origins."""

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stagemaker_support.axe import find_barriers
from stagemaker_support.console_tab import ConsoleTab, open_console
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.model_packages import Packages
from stagemaker_support.pipelines import Pipelines, fail
from stagemaker_support.simulator_client import Client, training_members
from stagemaker_support.simulator_process import running
from stagemaker_support.training_jobs import ALGORITHM
from stagemaker_support.tuning_jobs import METRICS

from stagemaker.server import BUCKET, Simulator

pytestmark = pytest.mark.machine
# a page's attempts to read and to create something
ATTACK = """async ([address, bucket]) => {
  const results = [];
  const attempt = async (name, options, path = "/") => {
    try {
      const response = await fetch(address + path, options);
      results.push(`${name}: ${response.type} ${response.status} ${(await response.text()).slice(0, 60)}`);
    } catch (error) { results.push(`${name}: nothing`); }
  };
  const headers = { "X-Stagemaker-Console": "sagemaker", "X-Amz-Target": "SageMaker.CreateModelPackageGroup" };
  const body = JSON.stringify({ ModelPackageGroupName: "attack" });
  await attempt("call", { method: "POST", headers, body });
  await attempt("object", { method: "PUT", body }, `/${bucket}/attack`);
  await attempt("opaque call", { method: "POST", mode: "no-cors", body });
  await attempt("read", { headers: { "X-Stagemaker-Console": "s3" } });
  await attempt("settings", {}, "/_stagemaker/console/settings.json");
  return results;
}"""


@pytest.fixture
def other_origin() -> Iterator[str]:
    """Return the URL of a local server, which is a different origin."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>other</title>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_page_of_another_origin_reaches_nothing(client: Client, chromium: Any, other_origin: str) -> None:
    page = chromium.new_page()
    page.goto(other_origin)
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    results = page.evaluate(ATTACK, [client.simulator.endpoint, BUCKET])
    assert [line for line in results if not line.endswith(": nothing")] == ["opaque call: opaque 0 "]
    assert set(statuses) == {403}
    assert client.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    assert client.s3.list_objects_v2(Bucket=BUCKET, Prefix="attack")["KeyCount"] == 0
    frame = "address => document.body.append(Object.assign(document.createElement('iframe'), { src: address }))"
    with page.expect_response(client.simulator.console_address) as response:
        page.evaluate(frame, client.simulator.console_address)
    assert response.value.status == 403
    page.close()


def test_a_page_that_a_job_has_written_to_s3_reaches_nothing(client: Client, chromium: Any) -> None:
    client.s3.put_object(Bucket=BUCKET, Key="page.html", Body="<title>job</title>", ContentType="text/html")
    page = chromium.new_page()
    page.goto(client.s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "page.html"}))
    assert page.evaluate("origin") == "null"
    page.close()


def test_buttons_are_disabled_by_default_and_the_page_explains_how_to_enable_them(chromium: Any) -> None:
    with Simulator(console=True, isolation="off") as simulator, open_console(chromium, simulator.endpoint) as tab:
        packages = Packages(Client(simulator))
        group = packages.group()
        packages.version(group, ModelApprovalStatus="PendingManualApproval")
        tab.open("registry", group)
        button = tab.page.get_by_role("button", name="Approve")
        assert button.is_disabled()
        assert button.get_attribute("title") == "Read-only; see the bottom of the page"
        description = " ".join(tab.text("footer").split())
        assert "stagemaker start --console-actions enables the buttons" in description
        assert "not a security measure: anyone who can reach this port can call the API" in description


def test_a_hidden_tab_sends_no_requests(client: Client, tab: ConsoleTab) -> None:
    client.train("import time; time.sleep(60)", wait=False)  # something is running, so the page polls often
    tab.open()
    tab.page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    tab.page.wait_for_timeout(3000)
    request_count = len(tab.requests)
    tab.page.wait_for_timeout(4000)
    assert len(tab.requests) == request_count
    tab.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    tab.page.wait_for_timeout(1000)
    assert len(tab.requests) > request_count


def test_the_end_of_the_simulator_is_reported(chromium: Any) -> None:
    simulator = Simulator(console=True, isolation="off")
    with simulator:
        context = chromium.new_context()
        tab = ConsoleTab(context.new_page(), str(simulator.console_address))
        tab.open()
    tab.wait_for("The simulator is not responding", "#problem")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_pages_have_no_accessibility_barriers(client: Client, chromium: Any, scheme: str, width: int) -> None:
    name = client.train("raise ValueError('no copper')")["TrainingJobName"]
    client.put("folder/rows.csv", "1,2")
    pipelines, packages, endpoints = Pipelines(client), Packages(client), Endpoints(client)
    pipeline = pipelines.create(fail("reject", "too bad"))
    execution = pipelines.start(pipeline)
    pipelines.wait(execution, "Failed")
    group = packages.group()
    packages.version(group)
    endpoint = endpoints.create(endpoints.config(variant(endpoints.named("good"))))
    size = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with open_console(chromium, client.simulator.endpoint, **size) as tab:
        for parts in (
            *((), ("training",), ("training", name), ("endpoints",), ("endpoints", endpoint), ("registry", group)),
            *(("registry", group, "1"), ("pipelines", pipeline, execution.rpartition("/")[2])),
            *(("s3", BUCKET), ("s3", BUCKET, "folder/rows.csv")),
        ):
            tab.open(*parts)
            assert find_barriers(tab.page) == [], parts
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, parts
    endpoints.delete_all()


def test_the_keyboard_suffices(client: Client, tab: ConsoleTab) -> None:
    name = client.train("print('typed')")["TrainingJobName"]
    tab.open("training")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.id") == "main"
    link = tab.page.get_by_role("link", name=name, exact=True)
    while not link.evaluate("link => link === document.activeElement"):
        tab.page.keyboard.press("Tab")
    tab.page.wait_for_timeout(7000)  # longer than between polls, which do not take the focus away
    assert tab.page.evaluate("document.activeElement.textContent") == name
    tab.page.keyboard.press("Enter")
    tab.wait_for("typed", "pre[aria-label=Log]")
    assert tab.page.evaluate("document.activeElement.id") == "main"
    assert f"{name}: Completed" in tab.page.text_content("#news")


def test_focus_and_scroll_position_stay_when_a_job_ends(client: Client, tab: ConsoleTab) -> None:
    job = client.train("import time\nfor n in range(100): print(n, flush=True)\ntime.sleep(8)", wait=False)
    tab.open("training", job["TrainingJobName"])
    tab.wait_for("99", "pre[aria-label=Log]")
    log = tab.page.locator("pre[aria-label=Log]")
    log.evaluate("log => { log.focus(); log.scrollTop = 30; }")
    tab.wait_for("Completed", "h1")
    assert log.evaluate("log => [log.scrollTop, log === document.activeElement]") == [30, True]


def drop_response(operation: str) -> Callable[[Any], None]:
    """Return a handler that aborts the first request for an operation and passes on all other requests."""
    dropped_operations: list[str] = []

    def handle(route: Any) -> None:
        if route.request.headers.get("x-amz-target", "").endswith(f".{operation}") and not dropped_operations:
            dropped_operations.append(operation)
            route.abort()
        else:
            route.continue_()

    return handle


def test_a_page_recovers_when_a_response_is_lost(client: Client, tab: ConsoleTab) -> None:
    name = client.train("print('loss=1;')", AlgorithmSpecification=ALGORITHM | {"MetricDefinitions": METRICS})
    for operation in ("GetLogEvents", "GetMetricData", "DescribeTrainingJob"):
        tab.open("s3")
        tab.page.route("**/*", drop_response(operation))
        tab.page.goto(f"{tab.address}#/training/{name['TrainingJobName']}")
        tab.wait_for("The simulator is not responding", "#problem")
        tab.wait_for("loss=1", "pre[aria-label=Log]")
        assert tab.page.locator("figure canvas").count() == 1
        assert tab.text("#problem") == ""
        tab.page.unroute("**/*")
    tab.problems.clear()  # caused by the lost requests


def test_closed_pages_free_their_memory(client: Client, tab: ConsoleTab) -> None:
    name = client.train("print('loss=1;')", AlgorithmSpecification=ALGORITHM | {"MetricDefinitions": METRICS})
    browser = tab.page.context.new_cdp_session(tab.page)
    for _ in range(3):
        tab.open("training", name["TrainingJobName"])
        tab.page.locator("figure canvas").wait_for()
        tab.open("s3")
        tab.page.wait_for_timeout(200)
    browser.send("HeapProfiler.collectGarbage")
    prototype = browser.send("Runtime.evaluate", {"expression": "HTMLCanvasElement.prototype"})["result"]["objectId"]
    objects = browser.send("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]["objectId"]
    count = {"functionDeclaration": "function () { return this.length; }", "objectId": objects}
    assert browser.send("Runtime.callFunctionOn", count)["result"]["value"] == 0


def test_a_page_follows_a_simulator_that_restarts(chromium: Any) -> None:
    with running() as simulator:
        first = Client(simulator).train("print('first')", wait=False)
        with open_console(chromium, simulator.endpoint) as tab:
            tab.open("training", first["TrainingJobName"])
            tab.wait_for("first", "pre[aria-label=Log]")
            simulator.end()
            tab.wait_for("The simulator is not responding", "#problem")
            with running("--port", simulator.port, "--console-actions") as simulator:
                client = Client(simulator)
                source = client.source(job="import time; print('second', flush=True); time.sleep(60)")
                settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": source}
                request = {"TrainingJobName": first["TrainingJobName"], "HyperParameters": settings}
                client.sagemaker.create_training_job(**training_members() | request)
                tab.wait_for("second", "pre[aria-label=Log]")
                assert "first" not in tab.text("pre[aria-label=Log]")
                assert tab.page.get_by_role("button", name="Stop").is_enabled()
                tab.problems.clear()  # caused by requests without a response
                tab.expected.add("DescribeTrainingJob")  # before the second job was created
