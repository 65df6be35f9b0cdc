"""Requests that the console may send and other pages may not."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from stagemaker.api.application import HEALTH
from stagemaker.server import BUCKET, Simulator

LIST = {"X-Amz-Target": "SageMaker.ListTrainingJobs", "Content-Type": "application/x-amz-json-1.1"}
SCRIPT = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "X-Stagemaker-Console": "sagemaker"}
DOCUMENT = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(isolation="off", console=True) as simulator:
        yield simulator


def ask(simulator: Simulator, path: str = "/", body: str | None = None, **headers: str | None):
    """Send a request; return the status, headers and body. headers: a header whose value is None is not sent."""
    headers = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    request = urllib.request.Request(simulator.endpoint + path, body and body.encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def test_the_script_calls_every_service_with_its_own_origin(simulator: Simulator) -> None:
    same_origin = SCRIPT | {"Origin": simulator.endpoint}
    status, _, content = ask(simulator, body="{}", **LIST, **same_origin)
    assert (status, json.loads(content)) == (200, {"TrainingJobSummaries": []})
    assert BUCKET in ask(simulator, **SCRIPT | {"X-Stagemaker-Console": "s3"})[2]
    groups = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "X-Stagemaker-Console": "logs"}
    assert "logGroups" in ask(simulator, body="{}", **same_origin | groups)[2]
    metrics = {"X-Amz-Target": "GraniteServiceVersion20100801.ListMetrics", "X-Stagemaker-Console": "monitoring"}
    assert "Metrics" in ask(simulator, body="{}", **same_origin | metrics)[2]


@pytest.mark.parametrize(
    "change",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},  # a different port
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}"},  # a different name for this host is a different origin
        {"X-Stagemaker-Console": None},
        {"X-Stagemaker-Console": "iam"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": None},
        {"Sec-Fetch-Site": "none"},
        {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    ],
    ids=str,
)
def test_other_pages_are_rejected(simulator: Simulator, change: dict[str, str | None]) -> None:
    change = {name: value and value.format(port=simulator.port) for name, value in change.items()}
    status, _, content = ask(simulator, body="{}", **LIST | SCRIPT | {"Origin": simulator.endpoint} | change)
    assert (status, json.loads(content)["__type"]) == (403, "AccessDeniedException")


def test_the_files_have_a_strict_policy(simulator: Simulator) -> None:
    status, headers, content = ask(simulator, "/_stagemaker/console/", **DOCUMENT)
    assert status == 200
    assert '<script src="main.js"' in content
    source = f"127.0.0.1:{simulator.port}/_stagemaker/console/"
    assert f"default-src 'none'; script-src {source}; style-src {source}" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert ask(simulator, "/_stagemaker/console/main.js", Origin=simulator.endpoint, **DOCUMENT)[0] == 200
    assert ask(simulator, "/_stagemaker/console/main.js", Origin="http://evil.example")[0] == 403
    for path in ("../__init__.py", "..%2f__init__.py", "nothing.js", "static/main.js"):
        assert ask(simulator, f"/_stagemaker/console/{path}")[0] in (403, 404), path


def test_other_responses_share_no_origin_with_the_files_even_without_sec_fetch_headers(simulator: Simulator) -> None:
    """Browsers send no such headers to an address that is not loopback."""
    s3, page = simulator.client("s3"), {"Bucket": BUCKET, "Key": "page.html"}
    s3.put_object(**page, Body=b"<script></script>", ContentType="text/html")
    page_path = s3.generate_presigned_url("get_object", page).removeprefix(simulator.endpoint)
    assert ask(simulator, page_path)[2] == "<script></script>"
    paths = (page_path, f"/{BUCKET}/none", "/", "/%", "/endpoints/x", "/moto-api/reset", HEALTH)
    responses = [(path, ask(simulator, path)) for path in paths]
    responses += [
        ("page on loopback", ask(simulator, page_path, **DOCUMENT)),
        ("SageMaker", ask(simulator, body="{}", **LIST)),
        ("another host", ask(simulator, Host="evil.example")),
        ("another page", ask(simulator, "/_stagemaker/console/main.js", Origin="http://evil.example")),
        ("invalid HTTP", ask(simulator, body="x", Content_Length="x")),
    ]
    for name, (_, headers, _) in responses:
        assert headers.get_all("Content-Security-Policy") == ["sandbox"], name
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"], name


def test_without_the_console_its_script_is_rejected_too() -> None:
    with Simulator(isolation="off") as simulator:
        assert simulator.console_address is None
        assert ask(simulator, body="{}", **LIST, **SCRIPT, Origin=simulator.endpoint)[0] == 403
        status, headers, _ = ask(simulator, "/_stagemaker/console/")
        assert (status, headers["Content-Security-Policy"]) == (404, "sandbox")
