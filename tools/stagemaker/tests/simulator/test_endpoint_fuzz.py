"""Any endpoint request gets a response or a modelled error, and the simulator keeps running.

The requests often refer to existing resources, so many of them succeed.
"""

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator.shapes import KNOWN_STRINGS, modified_documents, valid_values
from stagemaker_support.control_plane import call_operation
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.fuzzing import examples
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.protocol.service_model import operation_model, runtime_model
from stagemaker.resources.endpoint import Endpoints as EndpointResource
from stagemaker.resources.endpoint_config import EndpointConfigs
from stagemaker.server import ROLE_ARN, Simulator

OPERATIONS = [*EndpointConfigs.operations(), *EndpointResource.operations()]
INVOCATIONS = ["InvokeEndpoint", "InvokeEndpointWithResponseStream"]
NAMES = ["a", "a1", "abc-1"]
RUNTIME_ERRORS = {"ValidationError": 400, "ModelError": 424}


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    """Return the endpoints of a simulator, which must still work after the test."""
    with Simulator(isolation="off") as simulator:
        endpoints = Endpoints(Client(simulator))
        variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        variables["SAGEMAKER_SUBMIT_DIRECTORY"] = endpoints.client.source(inference=NAMER.format(name="m"))
        container = {"Image": IMAGE, "Environment": variables}
        for name in NAMES:
            endpoints.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
            endpoints.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name, "a")])
        endpoints.sagemaker.create_endpoint(EndpointName="a", EndpointConfigName="a")
        endpoints.settle("a")
        yield endpoints
        endpoints.delete_all()
        name = endpoints.create(endpoints.config(variant("a")))
        assert json.loads(endpoints.invoke(name)["Body"].read())[0] == "m"


def add_names(document: Any) -> st.SearchStrategy[Any]:
    if isinstance(document, list):
        return st.tuples(*map(add_names, document)).map(list)
    if not isinstance(document, dict):
        return st.just(document)
    members = {
        name: st.just(value) | st.sampled_from(NAMES)
        if name.endswith("Name") and isinstance(value, str)
        else st.integers(1, 3)
        if name.endswith("InstanceCount")
        else add_names(value)
        for name, value in document.items()
    }
    return st.fixed_dictionaries(members)


def requests(shape: Any) -> st.SearchStrategy[Any]:
    values = valid_values(shape).flatmap(add_names)
    return values | values.flatmap(modified_documents)


@examples(75)
@given(data=st.data())
def test_any_operation_gets_a_response(endpoints: Endpoints, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(OPERATIONS))
    document = data.draw(requests(operation_model(name).input_shape))
    call_operation(endpoints.client, name, document)


@examples(100)
@given(data=st.data())
def test_any_invocation_gets_a_response(endpoints: Endpoints, data: st.DataObject) -> None:
    operation = runtime_model().operation_model(data.draw(st.sampled_from(INVOCATIONS)))
    headers, body = {}, data.draw(st.binary(max_size=50))
    for shape in operation.input_shape.members.values():
        if shape.serialization.get("location") == "header" and data.draw(st.integers(0, 3)) == 0:
            # HTTP headers cannot contain control characters
            strings = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
            value = data.draw(st.sampled_from([*KNOWN_STRINGS, "one", "a\tb", "é", "x" * 2000]) | strings)
            headers[shape.serialization["name"]] = value.encode()
    name = data.draw(st.sampled_from([*NAMES, "nowhere", "under_score", "%00", "a" * 70]))
    path = operation.http["requestUri"].replace("{EndpointName}", name)
    connection = http.client.HTTPConnection("127.0.0.1", endpoints.client.simulator.port, timeout=90)
    with contextlib.closing(connection):
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        content = response.read()
    if response.status == 200:
        assert response.getheader("x-amzn-invoked-production-variant")
        return
    code = response.getheader("x-amzn-errortype")
    assert code in RUNTIME_ERRORS, (response.status, content)
    assert response.status == RUNTIME_ERRORS[code]
    assert json.loads(content)["Message"]
