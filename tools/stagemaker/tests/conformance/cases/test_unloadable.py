"""Submissions that cannot be served: the server must not report that it is healthy."""

import pytest
from conformance.servers import Server, differs

SUBMISSIONS = ("both", "no_model_fn", "torn", "unimportable")


def status(server: Server, method: str, path: str) -> int | None:
    try:
        return server.request(method, path, "1" if method == "POST" else None).status
    except ConnectionError:
        return None


def test_the_server_is_not_healthy(server: Server) -> None:
    for method, path in (("GET", "/ping"), ("POST", "/invocations"), ("GET", "/ping")):
        received_status = status(server, method, path)
        assert received_status is None or received_status >= 500


@differs(reason="our server responds with status 503 and the reason, even if the import fails")
def test_an_unhealthy_server_returns_status_500_or_has_ended(server: Server, request: pytest.FixtureRequest) -> None:
    expected = None if "unimportable" in request.node.callspec.id else 500
    assert status(server, "GET", "/ping") == expected
    assert status(server, "POST", "/invocations") == expected
