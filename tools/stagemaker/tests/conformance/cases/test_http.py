"""The paths and methods that a server supports once its model has loaded."""

from contextlib import closing

import pytest
from conformance.servers import Server

SUBMISSIONS = ("echo",)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_ping_succeeds(server: Server, method: str) -> None:
    response = server.request(method, "/ping")
    assert (response.status, response.content_type, response.body) == (200, "application/json", b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ping"),
        ("DELETE", "/ping"),
        ("GET", "/invocations"),
        ("HEAD", "/invocations"),
        ("PUT", "/invocations"),
    ],
)
def test_unsupported_methods_are_rejected(server: Server, method: str, path: str) -> None:
    assert server.request(method, path).status == 405


@pytest.mark.parametrize("path", ["/", "/nowhere", "/ping/", "/pingpong", "/invocations/echo"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths_are_not_found(server: Server, method: str, path: str) -> None:
    assert server.request(method, path).status == 404


@pytest.mark.parametrize(
    ("path", "methods"), [("/ping", {"GET", "HEAD", "OPTIONS"}), ("/invocations", {"POST", "OPTIONS"})]
)
def test_options_lists_the_methods(server: Server, path: str, methods: set[str]) -> None:
    response = server.request("OPTIONS", path)
    assert response.status == 200
    assert set(response.headers["Allow"].split(", ")) == methods


def test_execution_parameters_need_a_function(server: Server) -> None:
    assert server.request("GET", "/execution-parameters").status == 404


def test_the_query_string_is_ignored(server: Server) -> None:
    assert server.request("POST", "/invocations?rock=basalt", "1").status == 200
    assert server.request("GET", "/ping?now").status == 200


def test_the_connection_is_kept_open(server: Server) -> None:
    with closing(server.connection()) as connection:
        for body in ("1", "2"):
            connection.request("POST", "/invocations", body)
            response = connection.getresponse()
            assert (response.status, body in response.read().decode()) == (200, True)
