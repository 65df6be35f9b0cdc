"""The web page as AWS Lambda runs it: a process of its own, which gets the events of API Gateway.

The events in tests/production/gateway_events have the members and values that AWS documents for the two versions of the
payload; a request replaces the path, the method, the query and the body.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from support.checkout import ROOT, environment

FORM = "application/x-www-form-urlencoded"
EVENTS = ROOT / "tools/recore/tests/production/gateway_events"
# Handles events, and reports the requests of boto3 and what was imported and unpickled, as the last line.
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
own = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] in ("recore", "stagemaker")]
print(json.dumps({"calls": calls, "unpickled": unpickled, "modules": sorted(sys.modules), "own": own}))
"""


def make_event(
    version: str,
    path: str,
    body: bytes | None = None,
    query: dict[str, str] | None = None,
    content_type: str = "application/octet-stream",
) -> dict[str, Any]:
    """Return the event of a GET, or with a body of a POST."""
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
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}  # for all BinaryMediaTypes
        event["headers"]["content-type"] = content_type
        if version == "1.0":
            event["multiValueHeaders"]["content-type"] = [content_type]
    return event


class LambdaRun:
    """The answers to events. calls: pairs of an action of IAM and an address. modules, unpickled: of the process.

    own_files: of this project's modules that were imported.
    """

    def __init__(self, deployment: Path, events: list[dict[str, Any]], **variables: str) -> None:
        names = ("PATH", "HOME", "TMPDIR")
        kept = {name: value for name, value in environment().items() if name in names}
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=deployment / "code",
            env=kept | {"PYTHONPATH": str(deployment / "code")} | variables,
            input=lines,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        *answers, report = map(json.loads, result.stdout.splitlines())
        self.answers, self.log = answers, result.stderr
        self.calls: list[list[str]] = report["calls"]
        self.modules: list[str] = report["modules"]
        self.unpickled: list[str] = report["unpickled"]
        self.own_files = list(map(Path, filter(None, report["own"])))


def read_body(answer: dict[str, Any]) -> str:
    """Return the body of an answer as text."""
    body: str = answer["body"]
    return base64.b64decode(body).decode() if answer["isBase64Encoded"] else body
