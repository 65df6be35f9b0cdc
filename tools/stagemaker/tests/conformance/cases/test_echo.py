"""The arguments that hooks receive."""

import json

import pytest
from conformance.servers import Response, Server

SUBMISSIONS = ("echo",)


def hook_arguments(response: Response) -> dict[str, str]:
    assert response.status == 200, response.body
    return json.loads(response.text)


def test_hooks_receive_data_content_type_accept_and_model(server: Server) -> None:
    received = hook_arguments(server.post("1,2\n3,4\n", Accept="text/csv"))
    assert received.pop("model").endswith("/model")
    assert received == {"kind": "str", "data": "1,2\n3,4\n", "content_type": "text/csv", "accept": "text/csv"}


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/csv", "str"),
        ("application/json", "str"),
        ("text/csv; charset=utf-8", "bytes"),
        ("application/json; charset=utf-8", "bytes"),
        ("text/csv;header=present", "bytes"),
        ("Text/CSV", "bytes"),
        ("text/plain", "bytes"),
        ("application/x-npy", "bytes"),
        ("application/octet-stream", "bytes"),
        ("application/x-www-form-urlencoded", "bytes"),
    ],
)
def test_only_two_exact_types_are_decoded_as_strings(server: Server, content_type: str, kind: str) -> None:
    received = hook_arguments(server.post("rock=é".encode(), content_type))
    assert (received["kind"], received["content_type"]) == (kind, content_type)
    assert received["data"] == ("rock=é" if kind == "str" else "rock=Ã©")


def test_a_request_without_a_content_type_counts_as_json(server: Server) -> None:
    received = hook_arguments(server.request("POST", "/invocations", b"[1]"))
    assert (received["kind"], received["content_type"]) == ("str", "application/json")


def test_the_contenttype_header_takes_precedence(server: Server) -> None:
    received = hook_arguments(server.post("1", "application/x-npy", ContentType="text/csv"))
    assert (received["kind"], received["content_type"]) == ("str", "text/csv")


@pytest.mark.parametrize(
    ("body", "data"),
    [(b"1,\xff", "1,\ufffd"), (b"\xef\xbb\xbf1,2", "\ufeff1,2"), ([b"1,", b"2"], "1,2"), (b"1" * 10**7, "1" * 10**7)],
    ids=["invalid UTF-8", "byte order mark", "chunks", "as much as a batch transform sends"],
)
def test_a_decoded_body_is_complete(server: Server, body: object, data: str) -> None:
    """Invalid UTF-8 is decoded with replacement characters, and a byte order mark is kept."""
    assert hook_arguments(server.post(body))["data"] == data


@pytest.mark.parametrize(
    ("accept", "received"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("Text/CSV", "Text/CSV"),
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("text/csv, */*", "text/csv, */*"),
        ("*/*;q=0.8", "*/*;q=0.8"),
    ],
)
def test_only_an_accept_header_without_a_type_is_replaced(server: Server, accept: str | None, received: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert hook_arguments(server.post("1", **headers))["accept"] == received


@pytest.mark.parametrize(("content_type", "kind"), [("text/csv", "str"), ("application/x-npy", "bytes")])
def test_an_empty_request_reaches_the_hooks(server: Server, content_type: str, kind: str) -> None:
    received = hook_arguments(server.post("", content_type))
    assert (received["kind"], received["data"]) == (kind, "")
