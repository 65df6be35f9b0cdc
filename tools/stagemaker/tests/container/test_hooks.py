"""If hooks refuse a request or fail, the server reports the reason and keeps running.

The conformance cases (tests/conformance/cases) apply to any server, so they check only the status. The reason in the
response is specific to our server.
"""

import pytest

# model_fn is the only hook: the image's default hooks read the request and write the response.
DEFAULTS = """
class Model:
    def predict(self, data):
        return data

def model_fn(model_dir):
    return Model()
"""
FRAGILE = """
import os, sys

def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    if data == "raise":
        raise ValueError("no copper in it")
    if data == "exit":
        sys.exit("the hook called exit")
    return data

def predict_fn(inputs, model):
    return {"none": None, "number": 1.5}.get(inputs, str(os.getpid()))

def output_fn(prediction, accept):
    return prediction
"""


@pytest.fixture(scope="module")
def defaults(serve):
    return serve(DEFAULTS)


@pytest.fixture(scope="module")
def fragile(serve):
    return serve(FRAGILE)


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "reason"),
    [
        ("a,b\n1,2\n", "text/csv", "text/csv", "could not convert string to float: 'a'"),
        ("1,2\n3\n", "text/csv", "text/csv", "inhomogeneous"),
        ("1,2", "text/csv; charset=utf-8", "text/csv", "text/csv; charset=utf-8 is not supported"),
        ("1,2", "text/csv", "image/png", "image/png is not supported"),
    ],
)
def test_the_default_hooks_report_why_they_refuse_a_request(
    defaults, body: str, content_type: str, accept: str, reason: str
) -> None:
    response = defaults.post(body, content_type, Accept=accept)
    assert (response.status, response.content_type) == (500, "text/plain; charset=utf-8")
    assert reason in response.text
    assert defaults.post("1,2").status == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise", "no copper in it"),
        ("exit", "SystemExit: the hook called exit"),
        ("none", "returned an object of type NoneType instead of text or bytes"),
        ("number", "returned an object of type float instead of text or bytes"),
    ],
)
def test_a_failing_hook_does_not_affect_later_requests(fragile, body: str, reason: str) -> None:
    worker = fragile.post("fine").text
    response = fragile.post(body)
    assert (response.status, response.content_type) == (500, "text/plain; charset=utf-8")
    assert reason in response.text.splitlines()[0]
    assert "Traceback" in response.text
    assert reason in fragile.log.read_text()
    assert fragile.request("GET", "/ping").status == 200
    assert fragile.post("fine").text == worker
