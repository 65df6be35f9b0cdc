"""How the server turns a hook's return value or exception into a response."""

import http.client
import json
from contextlib import ExitStack, closing

import pytest
from conformance.servers import Server, differs

SUBMISSIONS = ("answers",)
RAISING_HOOKS = ["input_fn raises", "predict_fn raises", "output_fn raises"]


@pytest.mark.parametrize(("name", "body"), [("text", "copper é".encode()), ("empty text", b""), ("bytes", b"\xff\x00")])
def test_bare_text_or_bytes_are_the_body_and_declared_as_html(server: Server, name: str, body: bytes) -> None:
    """Flask's default content type applies and Accept is ignored; for a different type, the hook must return it."""
    response = server.post(name, Accept="text/csv")
    assert (response.status, response.content_type, response.body) == (200, "text/html; charset=utf-8", body)


@differs(reason="our server refuses the value with status 500")
def test_a_bytearray_has_headers_but_no_body(server: Server) -> None:
    """The framework accepts the value, but the underlying server does not send it."""
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
def test_a_hook_can_return_a_body_and_its_type(server: Server, name: str, content_type: str, body: bytes) -> None:
    response = server.post(name)
    assert (response.status, response.content_type, response.body) == (200, content_type, body)


@pytest.mark.parametrize(("name", "value"), [("dictionary", {"Cu": 1.5, "Ag": None}), ("list", [1, 2.5])])
def test_a_dictionary_or_list_is_written_as_json(server: Server, name: str, value: object) -> None:
    response = server.post(name, Accept="text/csv")
    assert (response.status, response.content_type, json.loads(response.text)) == (200, "application/json", value)


def test_a_response_object_is_sent_unchanged(server: Server) -> None:
    response = server.post("response")
    assert (response.status, response.content_type, response.text) == (202, "text/x-rock", "from a response")
    assert response.headers["X-Rock"] == "basalt"


def test_an_iterator_is_sent_in_parts(server: Server) -> None:
    response = server.post("parts")
    assert (response.status, response.text) == (200, "1,2\n3,4\n")


@pytest.mark.parametrize("name", ["none", "number", "the toolkit's own error"])
def test_an_invalid_return_value_or_a_toolkit_error_results_in_status_500(server: Server, name: str) -> None:
    assert server.post(name).status == 500


@pytest.mark.parametrize("name", RAISING_HOOKS)
def test_the_server_survives_an_exception_in_a_hook(server: Server, name: str) -> None:
    process_id = server.post("process").text
    assert server.post(name).status == 500
    assert server.request("GET", "/ping").status == 200
    assert server.post("process").text == process_id


@pytest.mark.parametrize("name", RAISING_HOOKS)
@differs(reason="our server returns the reason as plain text")
def test_the_body_of_an_error_is_a_page_without_the_reason(server: Server, name: str) -> None:
    response = server.post(name)
    assert response.content_type == "text/html; charset=utf-8"
    assert "Internal Server Error" in response.text
    assert "Traceback" not in response.text


def test_the_server_survives_a_hook_that_exits(server: Server) -> None:
    assert server.post("exit").status >= 500
    assert server.post("text").status == 200


@differs(reason="our server treats this like any other exception, with status 500")
def test_a_hook_that_exits_results_in_status_502(server: Server) -> None:
    """The server closes the connection without a response, so the proxy in front of the server responds."""
    assert server.post("exit").status == 502


@differs(reason="a worker of our server runs one request at a time")
def test_one_worker_runs_requests_concurrently(server: Server) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(server.connection())) for _ in range(2)]
        for connection, name in zip(connections, ("first", "second"), strict=True):
            connection.request("POST", "/invocations", name, {"Content-Type": "text/csv"})
        assert [connection.getresponse().read() for connection in connections] == [b"met", b"met"]
