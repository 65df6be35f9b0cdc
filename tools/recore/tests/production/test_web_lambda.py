"""The web page on AWS Lambda: its handler, called with API Gateway events, and the template that deploys it.

The handler runs in a separate process. The events in gateway_events have the members and values that AWS documents for
the two payload format versions; each test sets the path, the method, the query and the body.
"""

import base64
import gzip
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from recore_support.web_page import PNG, WebPage, expect_web_error, read_rows, run_web
from support.checkout import ROOT, environment

from recore.web import Limits, write_deployment

FORM_TYPE = "application/x-www-form-urlencoded"
EVENTS = ROOT / "tools/recore/tests/production/gateway_events"
# Handles events; the last line has the requests of boto3 and the imported and unpickled objects.
PROGRAM = """
import boto3, importlib, json, sys

calls, unpickled = [], []
sys.addaudithook(lambda event, arguments: event == "pickle.find_class" and unpickled.append(str(arguments)))
boto3.setup_default_session()

def record(model, params, **_):
    calls.append([model.service_model.signing_name + ":" + model.name, params["url_path"]])

boto3.DEFAULT_SESSION._session.register("before-call", record)
handler = importlib.import_module("recore.web.lambda_handler").handler
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), None)))
files = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] in ("recore", "stagemaker")]
print(json.dumps({"calls": calls, "unpickled": unpickled, "modules": sorted(sys.modules), "files": files}))
"""


def make_event(
    version: str,
    path: str,
    body: bytes | None = None,
    query: dict[str, str] | None = None,
    content_type: str = "application/octet-stream",
) -> dict[str, Any]:
    """Return the event for a POST request with this body, or for a GET request if there is no body."""
    event = json.loads((EVENTS / f"payload-{version}.json").read_text())
    method = "GET" if body is None else "POST"
    if version == "1.0":
        event |= {"path": path, "httpMethod": method, "queryStringParameters": query}
        event["multiValueQueryStringParameters"] = {name: [value] for name, value in (query or {}).items()} or None
        event["requestContext"] |= {"httpMethod": method, "path": f"/page{path}"}
    else:
        event |= {"rawPath": path, "rawQueryString": urlencode(query or {})}
        event["requestContext"]["http"] |= {"method": method, "path": path}
    if body is not None:
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}  # as for all BinaryMediaTypes
        event["headers"]["content-type"] = content_type
        if version == "1.0":
            event["multiValueHeaders"]["content-type"] = [content_type]
    return event


class LambdaRun:
    """A run of the Lambda handler. calls: (IAM action, URL path) pairs. own_files: this project's imported files."""

    def __init__(self, deployment: Path, events: list[dict[str, Any]], **variables: str) -> None:
        names = ("PATH", "HOME", "TMPDIR")
        base = {name: value for name, value in environment().items() if name in names}
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=deployment / "code",
            env=base | {"PYTHONPATH": str(deployment / "code")} | variables,
            input=lines,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        *responses, report = map(json.loads, result.stdout.splitlines())
        self.responses, self.log = responses, result.stderr
        self.calls: list[list[str]] = report["calls"]
        self.modules: list[str] = report["modules"]
        self.unpickled: list[str] = report["unpickled"]
        self.own_files = list(map(Path, filter(None, report["files"])))


def read_body(response: dict[str, Any]) -> str:
    body: str = response["body"]
    return base64.b64decode(body).decode() if response["isBase64Encoded"] else body


LOG_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}  # requests of Lambda itself, with the function's role


@pytest.fixture(scope="module")
def deployment(web_page: WebPage, small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lambda") / "deployment"
    columns = read_rows(small_sample / "public/public.csv.gz")[0]
    write_deployment(folder, web_page.endpoint, columns)
    return folder


@pytest.fixture(scope="module")
def variables(web_page: WebPage, deployment: Path) -> dict[str, str]:
    return read_template(deployment)["Resources"]["Function"]["Properties"]["Environment"]["Variables"] | {
        "RECORE_NEEDS_KEY": "false",
        **web_page.variables,
    }


def read_template(deployment: Path) -> dict[str, Any]:
    from cfnlint.decode import decode

    template, problems = decode(str(deployment / "template.yaml"))
    assert not problems
    return template


def actions_of(template: dict[str, Any]) -> dict[str, Any]:
    roles = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 1
    assert "ManagedPolicyArns" not in roles[0]["Properties"]
    resources: dict[str, Any] = {}
    for policy in roles[0]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            resources |= dict.fromkeys(actions, statement["Resource"])
    return resources


@pytest.fixture(scope="module", params=["1.0", "2.0"])
def run(request: pytest.FixtureRequest, deployment: Path, variables: dict[str, str], few_rows: Path) -> LambdaRun:
    rows, packed = read_rows(few_rows), few_rows.read_bytes()
    line = ",".join(cell for cell, name in zip(rows[1], rows[0], strict=True) if name[:1].isdigit())
    events = [
        ("/",),
        ("/static/page.js",),
        ("/api/settings",),
        ("/api/assays", gzip.decompress(packed), {"name": "few rows.csv"}),
        ("/api/assays", packed, {"name": "few rows.csv.gz"}, FORM_TYPE),
        ("/api/assays", packed[:-20], {"name": "cut off.csv.gz"}),
        ("/api/assays", packed[:20] + b"\xff" * 20 + packed[40:], {"name": "damaged.csv.gz"}),
        ("/api/assays", PNG, {"name": "photo.png"}),
        ("/api/assays", bytes(5 << 20), {"name": "large.csv"}),
        ("/line", urlencode({"line": line}).encode(), None, FORM_TYPE),
        ("/nothing",),
    ]
    return LambdaRun(deployment, [make_event(request.param, *event) for event in events], **variables)


def test_the_handler_responds_to_events_of_api_gateway_as_the_page_does(
    run: LambdaRun, web_page: WebPage, few_rows: Path
) -> None:
    page, script, settings, assays, packed, cut_off, damaged, image, large, html, nothing = run.responses
    assert [response["statusCode"] for response in run.responses] == [200] * 5 + [422] * 3 + [413, 200, 404]
    for response in run.responses:
        headers = {name: values for name, values in response.items() if name in ("headers", "multiValueHeaders")}
        assert "default-src 'none'" in json.dumps(headers)
    assert "<title>Assays from spectra</title>" in read_body(page)
    assert "import { History }" in read_body(script)
    assert json.loads(read_body(settings))["endpoint"] == web_page.endpoint
    assert json.loads(read_body(settings))["largest_file"] == 4 << 20
    assert json.loads(read_body(assays)) == web_page.send("few rows.csv", gzip.decompress(few_rows.read_bytes()))
    assert json.loads(read_body(packed)) == json.loads(read_body(assays))
    assert json.loads(read_body(cut_off)) == {"error": "the gzip file is truncated"}
    assert json.loads(read_body(damaged)) == {"error": "the gzip file is damaged"}
    assert "neither a Bruker OPUS file nor text" in json.loads(read_body(image))["error"]
    assert "larger than 4 MB" in json.loads(read_body(large))["error"]
    assert '<th scope="row">CuPPM</th>' in read_body(html)
    assert json.loads(read_body(nothing)) == {"error": "this page does not exist"}
    assert run.unpickled == []


def test_the_role_allows_exactly_the_actions_that_are_used(run: LambdaRun, web_page: WebPage, deployment: Path) -> None:
    allowed = actions_of(read_template(deployment))
    assert {action for action, _ in run.calls} == set(allowed) - LOG_ACTIONS
    [address] = {address for _, address in run.calls}
    assert address == f"/endpoints/{web_page.endpoint}/invocations"
    assert allowed["sagemaker:InvokeEndpoint"] == {
        "Fn::Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint/" + web_page.endpoint
    }
    assert {json.dumps(allowed[action]) for action in LOG_ACTIONS} == {'{"Fn::GetAtt": ["Logs", "Arn"]}'}


def test_the_function_imports_only_the_packages_in_its_requirements(run: LambdaRun, deployment: Path) -> None:
    lines = (deployment / "code/requirements.txt").read_text().splitlines()
    required = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    loaded = {name.partition(".")[0] for name in run.modules}
    # on Lambda there is no other installation of this project
    assert all(file.is_relative_to(deployment / "code") for file in run.own_files), run.own_files
    large = {"pandas", "pyarrow", "sklearn", "joblib", "moto", "plotly", "optuna", "uvicorn"}
    assert not loaded & large
    assert {"starlette", "mangum", "numpy"} <= loaded & required
    recore = tomllib.loads((ROOT / "tools/recore/pyproject.toml").read_text())["project"]
    pinned = {*recore["dependencies"], *recore["optional-dependencies"]["web"]}
    for name in ("requirements/constraints.txt", "stagemaker/src/stagemaker/container/packages.txt"):
        pinned |= {*(ROOT / "tools" / name).read_text().split()}
    assert {line for line in lines if not line.startswith("#")} <= pinned


def test_with_an_api_key_the_page_requires_it_and_has_no_form(deployment: Path, variables: dict[str, str]) -> None:
    events = [make_event("1.0", "/api/settings"), make_event("1.0", "/line")]
    run = LambdaRun(deployment, events, **variables | {"RECORE_NEEDS_KEY": "true"})
    assert json.loads(read_body(run.responses[0]))["needs_key"] is True
    assert run.responses[1]["statusCode"] == 404


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"RECORE_COLUMNS": ""}, "RECORE_ENDPOINT and RECORE_COLUMNS are required"),
        ({"RECORE_COLUMNS": "missing.json"}, "No such file or directory: 'missing.json'"),
        ({"RECORE_COLUMNS": "requirements.txt"}, "requirements.txt: Expecting value"),
        ({"RECORE_COLUMNS": "numbers.json"}, "numbers.json: not a list of names"),
        ({"RECORE_NEEDS_KEY": "yes"}, "RECORE_NEEDS_KEY must be true or false"),
    ],
)
def test_an_invalid_deployment_is_one_line_in_the_log(
    changed: dict[str, str], reason: str, deployment: Path, variables: dict[str, str]
) -> None:
    (deployment / "code/numbers.json").write_text("[1, 2]")
    run = LambdaRun(deployment, [make_event("2.0", "/")], **variables | changed)
    assert run.responses[0]["statusCode"] == 500
    assert json.loads(read_body(run.responses[0])) == {"error": "this page is not set up; the reason is in its log"}
    [line] = run.log.splitlines()
    assert reason in line


def test_an_event_of_another_service_is_rejected_in_one_line(deployment: Path, variables: dict[str, str]) -> None:
    not_base64 = make_event("2.0", "/api/assays", b"x") | {"body": "YQ"}
    strange_host = make_event("2.0", "/")
    strange_host["headers"]["host"] = "a:b:c"
    events = [{}, {"Records": []}, [], not_base64, strange_host, make_event("2.0", "/")]
    run = LambdaRun(deployment, events, **variables)
    assert [response["statusCode"] for response in run.responses] == [400] * 5 + [200]
    assert len(run.log.splitlines()) == 5
    assert "Traceback" not in run.log


def test_the_template_is_valid(deployment: Path) -> None:
    command = [Path(sys.executable).with_name("cfn-lint"), deployment / "template.yaml"]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout) == (0, "")


def test_requests_are_throttled_and_predictions_can_require_an_api_key(deployment: Path) -> None:
    template = read_template(deployment)
    api = template["Resources"]["Api"]["Properties"]
    [settings] = api["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "Burst"}
    page_load = ["/", "/api/settings", *(deployment / "code/recore/web/static").iterdir()]
    assert template["Parameters"]["Burst"]["Default"] >= len(page_load) + Limits(max_file_size=1).max_files
    assert api["BinaryMediaTypes"] == ["*~1*"]  # bytes arrive unchanged, even as text/plain
    methods = {
        f"{method} {path}": operation
        for path, operations in api["DefinitionBody"]["paths"].items()
        for method, operation in operations.items()
    }
    keyed = {"Fn::If": ["HasApiKey", [{"key": []}], []]}
    assert {name: operation.get("security") for name, operation in methods.items()} == {
        "get /": None,
        "get /{path+}": None,
        "post /{path+}": keyed,
    }
    for name in ("Key", "Plan", "PlanKey"):
        assert template["Resources"][name]["Condition"] == "HasApiKey"


def test_the_command_overwrites_only_its_own_folder(web_page: WebPage, tmp_path: Path) -> None:
    commands, folder = web_page.commands, tmp_path / "deployment"
    for _ in range(2):
        result = run_web(commands, web_page.endpoint, "--lambda", folder, "--json")
        assert result.returncode == 0, result.stderr
        assert "sam deploy" in json.loads(result.stdout)["next"]
    assert f'RECORE_ENDPOINT: "{web_page.endpoint}"' in (folder / "template.yaml").read_text()
    assert not list(folder.rglob("__pycache__"))


@pytest.mark.parametrize(
    "names", [["notes.txt"], ["template.yaml", "code/app.py"], ["template.yaml", "code/columns.json"]]
)
def test_the_command_touches_no_folder_with_other_files(names: list[str], web_page: WebPage, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "foreign" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "foreign" / name).write_text(name)
    assert "contains other files" in expect_web_error(
        web_page.commands, web_page.endpoint, "--lambda", tmp_path / "foreign"
    )
    contents = {path.relative_to(tmp_path / "foreign").as_posix(): path.read_text() for path in tmp_path.rglob("*.*")}
    assert contents == {name: name for name in names}
