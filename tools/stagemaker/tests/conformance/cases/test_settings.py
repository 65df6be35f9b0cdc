"""transform_fn, the location of the program, and the effects of environment variables."""

import json
import time
from contextlib import ExitStack, closing

from conformance.servers import Server, differs

SUBMISSIONS = ("settings",)


def response_json(server: Server, body: str = "1", **headers: str) -> dict[str, object]:
    response = server.post(body, **headers)
    assert (response.status, response.content_type) == (200, "application/json"), response.body
    return json.loads(response.text)


def test_transform_fn_receives_the_model_and_the_request(server: Server) -> None:
    received = response_json(server, "1,2", Accept="application/x-npy")
    assert (received["model"], received["size"]) == ("the model", 3)
    assert (received["content_type"], received["accept"]) == ("text/csv", "application/x-npy")


def test_an_environment_variable_sets_the_default_accept_type(server: Server) -> None:
    assert response_json(server)["accept"] == "text/csv"
    assert response_json(server, Accept="*/*")["accept"] == "text/csv"


def test_the_program_finds_a_module_and_a_file_next_to_it(server: Server) -> None:
    """SAGEMAKER_PROGRAM is imported (not run) from SAGEMAKER_SUBMIT_DIRECTORY, where its imports are found, too."""
    received = response_json(server)
    assert (received["name"], received["neighbour"], received["file"]) == ("train", "gneiss", "schist")


def test_environment_variables_of_the_user_reach_the_hooks(server: Server) -> None:
    assert response_json(server)["greeting"] == "hello"


def test_two_workers_load_the_model_once_each(server: Server) -> None:
    loads, deadline = {}, time.monotonic() + 120
    while len(loads) < 2 and time.monotonic() < deadline:
        with ExitStack() as stack:
            connections = [stack.enter_context(closing(server.connection())) for _ in range(6)]
            for connection in connections:
                connection.request("POST", "/invocations", "work", {"Content-Type": "text/csv"})
            received = [json.loads(connection.getresponse().read()) for connection in connections]
        loads |= {item["process"]: item["loads"] for item in received}
    assert len(loads) >= 2  # a worker that takes too long is replaced
    assert set(loads.values()) == {1}


def test_execution_parameters_come_from_the_program(server: Server) -> None:
    response = server.request("GET", "/execution-parameters")
    assert (response.status, response.content_type) == (200, "application/json")
    assert json.loads(response.text) == {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "SINGLE_RECORD",
        "MaxPayloadInMB": 7,
    }


def test_a_request_as_large_as_max_content_length_is_accepted(server: Server) -> None:
    assert response_json(server, "1" * 1000)["size"] == 1000


@differs(reason="our server refuses the request with status 413")
def test_max_content_length_applies_only_to_multi_model_servers(server: Server) -> None:
    assert response_json(server, "1" * 1001)["size"] == 1001


def test_a_request_that_takes_longer_than_the_timeout_fails(server: Server) -> None:
    start = time.monotonic()
    assert server.post("sleep").status >= 500
    assert time.monotonic() - start > 2  # the timeout ended the request, not an earlier error
    assert response_json(server)["size"] == 1


@differs(reason="our server responds with status 500")
def test_a_request_that_takes_too_long_results_in_status_504(server: Server) -> None:
    """The proxy in front of the server stops waiting, but the hook keeps running."""
    assert server.post("sleep").status == 504
