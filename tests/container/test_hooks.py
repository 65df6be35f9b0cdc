"""The arguments of the hooks and the answers made of their results, over real HTTP."""

import io
import json

import numpy as np
import pytest

# Every hook tells what it was given.
ECHO = """
import os

def model_fn(model_dir):
    return f"model of {os.path.basename(model_dir)}"

def input_fn(data, content_type):
    return [type(data).__name__, str(data), content_type]

def predict_fn(inputs, model):
    return [*inputs, model]

def output_fn(prediction, accept):
    return "|".join([*prediction, accept])
"""

DOUBLE = """
class Model:
    def predict(self, data):
        print("dtype", data.dtype, data.shape, flush=True)
        return 2 * data

def model_fn(model_dir):
    return Model()
"""


@pytest.fixture(scope="module", params=["unix", "tcp"])
def echo(request, serve):
    return serve(ECHO, tcp=request.param == "tcp")


@pytest.fixture(scope="module")
def double(serve):
    return serve(DOUBLE)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/csv", "str"),
        ("application/json", "str"),
        ("text/csv; charset=utf-8", "bytes"),
        ("Text/CSV", "bytes"),
        ("application/x-npy", "bytes"),
    ],
)
def test_text_only_for_two_exact_types(echo, content_type: str, kind: str) -> None:
    type_name, _, reported_type, *_ = echo.post("é".encode(), content_type).text.split("|")
    assert (type_name, reported_type) == (kind, content_type)


def test_no_content_type_is_json(echo) -> None:
    assert echo.request("POST", "/invocations", b"[1]").text.startswith("str|[1]|application/json|")


def test_empty_request(echo) -> None:
    assert echo.post("").text.startswith("str||text/csv|")


def test_chunked_request(echo) -> None:
    assert echo.post(iter([b"1,", b"2"])).text.startswith("str|1,2|")


def test_default_accept_from_the_environment(serve) -> None:
    server = serve(ECHO, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    assert server.post("1").text.endswith("|text/csv")


@pytest.mark.parametrize(
    ("body", "doubled", "shape"),
    [
        ("1,2.5\n3,4.5\n", [[2.0, 5.0], [6.0, 9.0]], "(2, 2)"),
        ("1,2.5\n", [2.0, 5.0], "(2,)"),
        ("1\n2\n3\n", [2.0, 4.0, 6.0], "(3,)"),
    ],
)
def test_default_input_of_csv(double, body: str, doubled: list, shape: str) -> None:
    answer = double.post(body)
    assert (answer.status, answer.content_type, json.loads(answer.text)) == (200, "application/json", doubled)
    assert double.log.read_text().splitlines()[-1] == f"dtype float32 {shape}"


def test_default_input_of_json(double) -> None:
    assert json.loads(double.post("[[1, 2], [3, 4]]", "application/json").text) == [[2.0, 4.0], [6.0, 8.0]]
    assert double.log.read_text().splitlines()[-1] == "dtype float32 (2, 2)"


def npy(values: list) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(values))
    return buffer.getvalue()


def test_default_input_of_npy_keeps_its_type(double) -> None:
    assert json.loads(double.post(npy([[1.0], [2.0]]), "application/x-npy").text) == [[2.0], [4.0]]
    assert double.log.read_text().splitlines()[-1] == "dtype float64 (2, 1)"


def test_default_output(double) -> None:
    assert double.post("1,2\n3,4", Accept="text/csv").text == "2.0,4.0\n6.0,8.0\n"
    answer = double.post("1,2\n3,4", Accept="application/x-npy")
    assert answer.content_type == "application/x-npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(answer.body)), [[2, 4], [6, 8]])


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "reason"),
    [
        ("a,b\n1,2\n", "text/csv", "text/csv", "could not convert string to float: 'a'"),
        ("1,2\n3\n", "text/csv", "text/csv", "inhomogeneous"),
        ("1,2", "text/csv; charset=utf-8", "text/csv", "Content type text/csv; charset=utf-8 is not supported"),
        ("1,2", "text/csv", "image/png", "Content type image/png is not supported"),
    ],
)
def test_what_the_defaults_refuse(double, body: str, content_type: str, accept: str, reason: str) -> None:
    answer = double.post(body, content_type, Accept=accept)
    assert (answer.status, answer.content_type) == (500, "text/plain; charset=utf-8")
    assert reason in answer.text
    assert double.post("1,2").status == 200


FRAGILE = """
import os, sys

def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    if data == "raise":
        raise ValueError("no copper in it")
    if data == "exit":
        sys.exit("the hook's own end")
    return data

def predict_fn(inputs, model):
    return {"none": None, "number": 1.5}.get(inputs, str(os.getpid()))

def output_fn(prediction, accept):
    return prediction
"""


@pytest.fixture(scope="module")
def fragile(serve):
    return serve(FRAGILE)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise", "no copper in it"),
        ("exit", "SystemExit: the hook's own end"),
        ("none", "the hooks returned a NoneType: text or bytes are needed"),
        ("number", "the hooks returned a float: text or bytes are needed"),
    ],
)
def test_a_hook_that_fails_leaves_the_server_as_it_was(fragile, body: str, reason: str) -> None:
    worker = fragile.post("fine").text
    answer = fragile.post(body)
    assert (answer.status, answer.content_type) == (500, "text/plain; charset=utf-8")
    assert reason in answer.text.splitlines()[0]
    assert "Traceback" in answer.text
    assert reason in fragile.log.read_text()
    assert fragile.request("GET", "/ping").status == 200
    assert fragile.post("fine").text == worker
