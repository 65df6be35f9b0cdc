"""How the server turns what a hook returns or raises into a response."""

import http.client
import json
from contextlib import ExitStack, closing

import pytest
from conformance.servers import Server, differs

SUBMISSIONS = ("answers",)
RAISING = ["input_fn raises", "predict_fn raises", "output_fn raises"]


@pytest.mark.parametrize(
    ("name", "body"),
    [("text", "copper é".encode()), ("empty text", b""), ("bytes", b"\xff\x00")],
)
def test_bare_text_or_bytes(server: Server, name: str, body: bytes) -> None:
    answer = server.post(name, Accept="text/csv")
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("name", ["text", "bytes"])
def test_bare_text_or_bytes_is_declared_as_html(server: Server, name: str) -> None:
    """Flask's default applies and Accept is ignored; a hook that needs another type must return it as well."""
    assert server.post(name, Accept="text/csv").content_type == "text/html; charset=utf-8"


@differs(reason="ours refuses it, and says so: 500")
def test_bytearray_has_headers_but_no_body(server: Server) -> None:
    """The framework accepts the value, but the server under it does not send it."""
    with pytest.raises(http.client.IncompleteRead):
        server.post("bytearray")


@pytest.mark.parametrize(
    ("name", "content_type", "body"),
    [
        ("typed csv", "text/csv; charset=utf-8", b"1,2\n"),
        ("typed json", "application/json", b"[1]"),
        ("typed bytes", "application/x-rock", b"\xff\x00"),
    ],
)
def test_body_and_content_type(server: Server, name: str, content_type: str, body: bytes) -> None:
    answer = server.post(name)
    assert (answer.status, answer.content_type, answer.body) == (200, content_type, body)


@pytest.mark.parametrize(("name", "value"), [("dictionary", {"Cu": 1.5, "Ag": None}), ("list", [1, 2.5])])
def test_dictionary_or_list_is_written_as_json(server: Server, name: str, value: object) -> None:
    answer = server.post(name, Accept="text/csv")
    assert (answer.status, answer.content_type, json.loads(answer.text)) == (200, "application/json", value)


def test_response_object_is_the_whole_answer(server: Server) -> None:
    answer = server.post("response")
    assert (answer.status, answer.content_type, answer.text) == (202, "text/x-rock", "from a response")
    assert answer.headers["X-Rock"] == "basalt"


def test_iterator_is_sent_in_parts(server: Server) -> None:
    answer = server.post("parts")
    assert (answer.status, answer.text) == (200, "1,2\n3,4\n")


@pytest.mark.parametrize("name", ["none", "number"])
def test_invalid_answers_of_the_hooks(server: Server, name: str) -> None:
    assert server.post(name).status == 500


@pytest.mark.parametrize("name", RAISING)
def test_exception_in_a_hook(server: Server, name: str) -> None:
    before = server.post("process").text
    assert server.post(name).status == 500
    assert server.request("GET", "/ping").status == 200
    assert server.post("process").text == before


@pytest.mark.parametrize("name", RAISING)
@differs(reason="ours tells the reason, as text")
def test_body_of_an_error_is_a_page_without_the_reason(server: Server, name: str) -> None:
    answer = server.post(name)
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Internal Server Error" in answer.text
    assert "Traceback" not in answer.text


def test_the_inference_toolkits_error_is_like_any_other(server: Server) -> None:
    assert server.post("the toolkit's own error").status == 500


def test_hook_that_exits(server: Server) -> None:
    """The client gets an error, and the next request is answered."""
    assert server.post("exit").status >= 500
    assert server.post("text").status == 200


@differs(reason="ours treats it as any exception: 500")
def test_status_of_a_hook_that_exits(server: Server) -> None:
    """The server closes the connection without a response, which the proxy in front of it turns into a status."""
    assert server.post("exit").status == 502


@differs(reason="ours runs one request after the other in a worker")
def test_one_worker_runs_requests_at_the_same_time(server: Server) -> None:
    """While a request's hook waits, another request's hook runs in the same process: the worker is a gevent worker."""
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(server.connection())) for _ in range(2)]
        for connection, name in zip(connections, ("first", "second"), strict=True):
            connection.request("POST", "/invocations", name, {"Content-Type": "text/csv"})
        assert [connection.getresponse().read() for connection in connections] == [b"met", b"met"]
