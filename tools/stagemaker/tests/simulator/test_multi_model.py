"""Multi-model endpoints: models are loaded when first invoked, evicted to free memory, and fail independently."""

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import poll
from stagemaker_support.simulator_client import IMAGE, Client, counter, rejection

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.multi_model import TARGET_MODEL, MultiModelServer
from stagemaker.isolation.instances import Instance
from stagemaker.protocol.errors import ServiceError
from stagemaker.server import ROLE_ARN

SCRIPT = """
import json, os, uuid

def model_fn(model_dir):
    with open(model_dir + "/settings.json") as file:
        settings = json.load(file)
    if "error" in settings:
        raise ValueError(settings["error"])
    return settings | {"memory": b"x" * (settings.get("megabytes", 0) << 20), "id": uuid.uuid4().hex}

def transform_fn(model, data, content_type, accept):
    if data == "end":
        os.kill(os.getppid(), 9)
        os._exit(1)
    return f"{model['name']}: {data} {model['id']}", "text/plain"
"""


def put_model(client: Client, path: str, **settings: Any) -> None:
    client.put(path, archive_of(**{"settings.json": json.dumps({"name": path.rpartition("/")[2]} | settings)}))


@pytest.fixture(scope="module")
def prefix(client: Client) -> str:
    prefix = f"models-{next(counter)}"
    for name, settings in {
        "a.tar.gz": {},
        "in/folder:b.tar.gz": {},
        "bro:ken.tar.gz": {"error": "not today"},
        "repaired.tar.gz": {"error": "at first"},
    }.items():
        put_model(client, f"{prefix}/{name}", **settings)
    client.put(f"{prefix}/text.tar.gz", "no archive")
    client.put(f"{prefix}/folder/", "")
    return prefix


@pytest.fixture(scope="module")
def endpoint(endpoints: Endpoints, prefix: str) -> str:
    uri, name = endpoints.client.put(f"{prefix}/", "").rstrip("/"), f"models-{next(counter)}"
    members = {"Mode": "MultiModel", "MultiModelConfig": {"ModelCacheSetting": "Enabled"}, "ModelDataUrl": uri}
    container = endpoints.client.container(SCRIPT) | members
    endpoints.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, Containers=[container])
    return endpoints.create(endpoints.config(variant(name, count=2)))


@pytest.fixture(scope="module")
def invoke(endpoints: Endpoints, endpoint: str) -> Callable[..., list[str]]:
    def invoke(target: str, body: str = "x") -> list[str]:
        """Return the words of the response: the model's name, the request and the ID of the loaded model."""
        response = endpoints.invoke(endpoint, body, TargetModel=target, ContentType="text/csv")
        return response["Body"].read().decode().split()

    return invoke


def test_a_single_list_of_numbers_is_a_row(endpoints: Endpoints) -> None:
    """Without input_fn, a multi-model endpoint reads such a list as a 2-D array, and a single-model endpoint as 1-D."""
    hooks = "def model_fn(model_dir): return None\ndef predict_fn(data, model): return list(data.shape)\n"
    prefix = f"models-{next(counter)}"
    put_model(endpoints.client, f"{prefix}/a.tar.gz")
    uri = endpoints.client.put(f"{prefix}/", "")
    multi_model, single_model = endpoints.model(hooks, Mode="MultiModel", ModelDataUrl=uri), endpoints.model(hooks)
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3.0))
    bodies = {"application/x-npy": buffer.getvalue(), "text/csv": b"0,1,2\n", "application/json": b"[0, 1, 2]"}
    for model, members, shape in ((multi_model, {"TargetModel": "a.tar.gz"}, [1, 3]), (single_model, {}, [3])):
        name = endpoints.create(endpoints.config(variant(model)))
        for content_type, body in bodies.items():
            response = endpoints.invoke(name, body, ContentType=content_type, **members)
            assert json.load(response["Body"]) == shape, content_type


def error(call: Callable[..., Any], *arguments: str) -> tuple[str, str]:
    with pytest.raises(ClientError) as excinfo:
        call(*arguments)
    stream = excinfo.value.response.get("LogStreamArn", "")
    assert ":" not in stream.partition(":log-stream:")[2]
    return excinfo.value.response["Error"]["Code"], excinfo.value.response["Error"]["Message"]


def test_each_model_has_a_separate_server_that_stays(invoke: Callable[..., list[str]]) -> None:
    first = invoke("a.tar.gz")  # alone, because otherwise both instances could load the model at once
    with ThreadPoolExecutor(3) as pool:
        second, *others = pool.map(invoke, ["in/folder:b.tar.gz", "a.tar.gz", "a.tar.gz"])
    assert [first[0], second[0]] == ["a.tar.gz:", "folder:b.tar.gz:"]
    assert first[2] != second[2]
    assert [each[2] for each in others] == [first[2]] * 2
    assert [invoke("/a.tar.gz")[2], invoke("a.tar.gz")[2]] == [first[2]] * 2, "of two instances, that which holds it"


def test_a_model_that_fails_affects_no_other(
    invoke: Callable[..., list[str]], endpoints: Endpoints, endpoint: str, prefix: str
) -> None:
    process = invoke("a.tar.gz")[2]
    code, message = error(invoke, "bro:ken.tar.gz")
    assert code == "ModelError"
    assert "Received server error (500) from bro:ken.tar.gz" in message
    assert "ValueError: not today" in message
    code, message = error(invoke, "text.tar.gz")
    assert (code, "text.tar.gz" in message) == ("ModelError", True)
    for missing in ("missing.tar.gz", "../a.tar.gz", "folder/"):
        code, message = error(invoke, missing)
        assert (code, f"key: {prefix}/{missing})" in message) == ("ValidationError", True)
    assert invoke("a.tar.gz")[2] == process
    assert endpoints.describe(endpoint)["EndpointStatus"] == "InService"
    events = endpoints.client.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
    assert [event for event in events if event["message"].startswith("Loaded model a.tar.gz in ")]


def test_a_failed_or_ended_model_is_loaded_again(invoke: Callable[..., list[str]], client: Client, prefix: str) -> None:
    assert error(invoke, "repaired.tar.gz")[0] == "ModelError"
    put_model(client, f"{prefix}/repaired.tar.gz")
    process = invoke("repaired.tar.gz")[2]
    assert error(invoke, "repaired.tar.gz", "end")[0] == "ModelError"
    assert invoke("repaired.tar.gz")[2] != process


def test_the_target_model_is_for_multi_model_endpoints(endpoints: Endpoints, endpoint: str) -> None:
    assert error(lambda: endpoints.invoke(endpoint)) == (
        "ValidationError",
        f"Endpoint {endpoint} is a multi-model endpoint: TargetModel is required",
    )
    other_endpoint = endpoints.create(endpoints.config(variant(endpoints.named("m"))))
    code, message = error(lambda: endpoints.invoke(other_endpoint, TargetModel="a.tar.gz"))
    assert (code, "is not a multi-model endpoint" in message) == ("ValidationError", True)


def test_unsupported_multi_model_containers_are_rejected(endpoints: Endpoints) -> None:
    create = endpoints.sagemaker.create_model
    container = {"Image": IMAGE, "Mode": "MultiModel"}
    assert "requires a ModelDataUrl" in rejection(create, ModelName="m", PrimaryContainer=container)
    container["ModelDataUrl"] = "s3://bucket/prefix/"
    uncached = container | {"MultiModelConfig": {"ModelCacheSetting": "Disabled"}}
    assert "ModelCacheSetting" in rejection(create, ModelName="m", PrimaryContainer=uncached)
    message = rejection(create, ModelName="m", Containers=[container, {"Image": IMAGE}])
    assert "only for a model's single container" in message
    create(ModelName="many-models", PrimaryContainer=container)
    request = {
        "TransformJobName": "t",
        "ModelName": "many-models",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}},
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    assert "is for a multi-model endpoint" in rejection(endpoints.sagemaker.create_transform_job, **request)
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    member = {"VariantName": "one", "ModelName": "many-models", "ServerlessConfig": serverless}
    assert "multi-model" in rejection(lambda: endpoints.config(member))


@pytest.fixture
def server(client: Client, platform: Platform, tmp_path: Path) -> Iterator[MultiModelServer]:
    """Return a server with enough memory for two of the models a, b and c, or for d alone."""
    prefix = f"large-{next(counter)}"
    put_model(client, f"{prefix}/broken.tar.gz", error="not today")
    for name, megabytes in {"a": 200, "b": 200, "c": 300, "d": 600}.items():
        put_model(client, f"{prefix}/{name}.tar.gz", megabytes=megabytes)
    url = client.put(f"{prefix}/", "")
    model = {"PrimaryContainer": client.container(SCRIPT, Mode="MultiModel", ModelDataUrl=url)}
    log = JobLog(platform.logs, "/aws/sagemaker/Test", f"models-{next(counter)}").create()
    with MultiModelServer(platform, Job(tmp_path), model, log, Instance(800 << 20, 2), "servers", 60) as server:
        yield server


def test_the_least_recently_used_models_are_evicted(server: MultiModelServer) -> None:
    def invoke(name: str) -> str:
        headers = {TARGET_MODEL: f"{name}.tar.gz", "Content-Type": "text/csv"}
        response = server.invoke(b"x", headers, Deadline(60))
        assert response.status == 200, response.text
        return response.text.split()[2]

    def wait_until_measured(count: int) -> None:
        poll(server.memory_in_use, lambda shares: len([share for share in shares if share > 200 << 20]) == count)

    first = invoke("a")
    wait_until_measured(1)
    invoke("b")
    wait_until_measured(2)
    assert invoke("a") == first
    invoke("c")
    assert invoke("a") == first  # b was unloaded
    wait_until_measured(2)
    assert invoke("b")
    wait_until_measured(2)
    assert invoke("d"), "none was as large, so it is loaded again when all others are unloaded"
    assert not server.holds("a.tar.gz")


def test_a_model_that_does_not_load_leaves_nothing(server: MultiModelServer, tmp_path: Path) -> None:
    headers = {TARGET_MODEL: "broken.tar.gz", "Content-Type": "text/csv"}
    for _ in range(2):
        assert server.invoke(b"x", headers, Deadline(60)).status == 500
    assert [path.name for path in (tmp_path / "servers").iterdir() if path.is_dir()] == []
    assert not server.holds("broken.tar.gz")


def test_a_model_that_loads_for_longer_than_an_invocation_waits_continues_to_load(server: MultiModelServer) -> None:
    headers = {TARGET_MODEL: "a.tar.gz", "Content-Type": "text/csv"}
    with pytest.raises(ServiceError, match=r"still loading after 0\.01 s") as excinfo:
        server.invoke(b"x", headers, Deadline(0.01))
    assert (excinfo.value.code, excinfo.value.status) == ("ModelNotReadyException", 429)
    assert server.invoke(b"x", headers, Deadline(60)).status == 200
