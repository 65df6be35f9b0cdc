"""No request is lost while clients invoke endpoints that are updated, rescaled, or lose servers."""

import contextlib
import json
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from stagemaker_support.crowd import CLIENTS, Crowd
from stagemaker_support.endpoints import NAMER, WAITER, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from stagemaker.orchestration.endpoints import endpoint_work
from stagemaker.orchestration.endpoints.deployment_config import BlueGreenPolicy


def servers_of(marker: str) -> list[psutil.Process]:
    """Return the processes whose environment variable MARKER has this value: a model server, then its workers."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARKER") == marker:
                processes.append(process)
        except psutil.Error:
            continue
    return sorted(processes, key=lambda process: process.create_time())


@pytest.mark.slow
def test_no_request_is_lost(endpoints: Endpoints) -> None:
    """During the requests, an endpoint is updated and rescaled, its servers are killed, and another one is deleted."""
    old_config = endpoints.config(variant(endpoints.named("old 1")), variant(endpoints.named("old 2"), "two"))
    marked_model = endpoints.model(NAMER.format(name="new 1"), {"MARKER": "killed"})
    new_config = endpoints.config(variant(marked_model), variant(endpoints.named("new 2"), "two"))
    name, other_endpoint = endpoints.create(old_config), endpoints.create(old_config)
    with Crowd(endpoints, name).invoking() as crowd:
        crowd.wait_for(100)
        endpoints.update(name, new_config)
        assert endpoints.settle(name)["EndpointConfigName"] == new_config
        responses_before = crowd.responses.copy()
        crowd.wait_for(100)
        new_responses = crowd.responses - responses_before
        assert sum(count for (_, model), count in new_responses.items() if model.startswith("old")) <= CLIENTS
        for index in (-1, 0):  # a worker of the server, then the server itself
            servers_of("killed")[index].send_signal(signal.SIGKILL)
            crowd.wait_for(100)
        entries = [
            {"VariantName": "one", "DesiredWeight": 1, "DesiredInstanceCount": 2},
            {"VariantName": "two", "DesiredWeight": 0},
        ]
        endpoints.rescale(name, *entries)
        description = endpoints.settle(name)["ProductionVariants"]
        assert [(item["CurrentWeight"], item["CurrentInstanceCount"]) for item in description] == [(1, 2), (0, 1)]
        endpoints.delete(other_endpoint)
        responses_before = crowd.responses.copy()
        crowd.wait_for(100)
        assert (crowd.responses - responses_before)["two", "new 2"] <= CLIENTS
        for process in servers_of("killed"):  # one after the other, because an invocation is repeated only once
            with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended together with its parent
                process.send_signal(signal.SIGKILL)
                crowd.wait_for(200)
    assert set(crowd.responses) == {("one", "old 1"), ("two", "old 2"), ("one", "new 1"), ("two", "new 2")}
    endpoints.delete(name)


# A script whose server becomes ready and ends soon afterwards.
ENDING_SCRIPT = """
import os, signal, threading, time

def end():
    time.sleep(0.5)
    os.kill(os.getppid(), signal.SIGKILL)

def model_fn(model_dir):
    threading.Thread(target=end, daemon=True).start()

def transform_fn(model, data, content_type, accept):
    return "ending", accept
"""
FAILING_SCRIPT = NAMER.format(name="bad") + "\ndef model_fn(model_dir):\n    raise LookupError('bad model')\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "other_script", "reason"),
    [
        (FAILING_SCRIPT, NAMER.format(name="new"), "one did not pass the ping health check.*LookupError: bad model"),
        (ENDING_SCRIPT, "import time\ntime.sleep(4)\n" + NAMER.format(name="slow"), "one did not pass the ping health"),
    ],
    ids=["does not start", "ends before the shift"],
)
def test_an_unhealthy_fleet_gets_no_traffic(endpoints: Endpoints, script: str, other_script: str, reason: str) -> None:
    good_config = endpoints.config(variant(endpoints.named("good")))
    bad_config = endpoints.config(variant(endpoints.model(script)), variant(endpoints.model(other_script), "two"))
    name = endpoints.create(good_config)
    with Crowd(endpoints, name).invoking() as crowd:
        crowd.wait_for(50)
        endpoints.update(name, bad_config)
        statuses = set()
        while (description := endpoints.describe(name))["EndpointStatus"] != "InService":
            statuses.add(description["EndpointStatus"])
        crowd.wait_for(50)
        assert set(crowd.responses) == {("one", "good")}
        endpoints.update(name, endpoints.config(variant(endpoints.named("good again"))))
        assert "FailureReason" not in endpoints.settle(name)
        crowd.wait_for(50)
    assert set(crowd.responses) == {("one", "good"), ("one", "good again")}
    assert statuses == {"Updating", "RollingBack"}
    assert description["EndpointConfigName"] == good_config
    assert re.search(f"Production variant {reason}", description["FailureReason"], re.DOTALL)
    assert "PendingDeploymentSummary" not in description
    endpoints.delete(name)


def test_a_request_in_progress_completes_on_the_old_fleet(unsandboxed_client: Client, tmp_path: Path) -> None:
    endpoints, go_file = Endpoints(unsandboxed_client), tmp_path / "go"
    two_workers = {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}  # one waits; the other responds until traffic shifts
    name = endpoints.create(endpoints.config(variant(endpoints.model(WAITER.format(path=str(go_file)), two_workers))))
    new_config = endpoints.config(variant(endpoints.named("new")))
    responses: list[str] = []

    def invoke() -> None:
        responses.append(json.loads(endpoints.invoke(name, "wait", ContentType="text/csv")["Body"].read())[0])

    def waits() -> bool:
        group = f"/aws/sagemaker/Endpoints/{name}"
        return bool(endpoints.client.logs.filter_log_events(logGroupName=group, filterPattern="waits")["events"])

    thread = threading.Thread(target=invoke)
    thread.start()
    wait_until(waits)
    endpoints.update(name, new_config)
    while json.loads(endpoints.invoke(name)["Body"].read())[0] != "new":
        time.sleep(0.1)
    assert thread.is_alive()
    go_file.touch()
    thread.join()
    assert responses == ["waiting"]
    endpoints.settle(name)
    endpoints.delete(name)


def two_variant_config(
    endpoints: Endpoints, name_prefix: str, weights: tuple[float, float], counts: tuple[int, int] = (1, 1)
) -> str:
    one, two = (endpoints.named(f"{name_prefix} {number}") for number in (1, 2))
    return endpoints.config(
        variant(one, weight=weights[0], count=counts[0]), variant(two, "two", weight=weights[1], count=counts[1])
    )


def properties(description: dict[str, Any]) -> list[tuple[float, int]]:
    return [(item["CurrentWeight"], item["CurrentInstanceCount"]) for item in description["ProductionVariants"]]


@pytest.mark.slow
def test_an_update_retains_properties_on_request(endpoints: Endpoints) -> None:
    name = endpoints.create(two_variant_config(endpoints, "old", (1, 1)))
    entries = [{"VariantName": "one", "DesiredWeight": 3, "DesiredInstanceCount": 2}]
    endpoints.rescale(name, *entries)
    assert properties(endpoints.settle(name)) == [(3, 2), (1, 1)]
    new_config = two_variant_config(endpoints, "new", (0.5, 0.5))
    endpoints.update(name, new_config, RetainAllVariantProperties=True)
    summary = endpoints.describe(name)["PendingDeploymentSummary"]
    assert summary["EndpointConfigName"] == new_config
    assert [item["DesiredInstanceCount"] for item in summary["ProductionVariants"]] == [2, 1]
    assert properties(endpoints.settle(name)) == [(3, 2), (1, 1)]
    excluded = {"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}]}
    endpoints.update(name, new_config, RetainAllVariantProperties=True, **excluded)
    assert properties(endpoints.settle(name)) == [(3, 1), (1, 1)]
    endpoints.update(name, new_config)
    assert properties(endpoints.settle(name)) == [(0.5, 1), (0.5, 1)]
    endpoints.delete(name)


def test_a_rescale_that_fails_is_rolled_back(endpoints: Endpoints) -> None:
    """The model's archive was deleted after the endpoint was created, so no additional instance can start."""
    archive = endpoints.client.source(weights="x = 1")
    name = endpoints.create(endpoints.config(variant(endpoints.model(NAMER.format(name="m"), ModelDataUrl=archive))))
    bucket, _, key = archive.removeprefix("s3://").partition("/")
    endpoints.client.s3.delete_object(Bucket=bucket, Key=key)
    entries = [{"VariantName": "one", "DesiredWeight": 5, "DesiredInstanceCount": 2}]
    endpoints.rescale(name, *entries)
    description = endpoints.settle(name)
    assert (description["EndpointStatus"], properties(description)) == ("InService", [(1, 1)])
    assert archive in description["FailureReason"]
    assert endpoints.invoke(name)["InvokedProductionVariant"] == "one"
    endpoints.delete(name)


SLOW_SCRIPT = "import time\ntime.sleep(1)\n" + NAMER.format(name="slow")


def test_a_deployment_that_takes_too_long_is_rolled_back(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """MaximumExecutionTimeoutInSeconds must be at least ten minutes, so this test shortens it inside the simulator."""
    name = endpoints.create(endpoints.config(variant(endpoints.named("good"))))
    monkeypatch.setattr(endpoint_work, "read_deployment_config", lambda _: BlueGreenPolicy(time_limit=0.3))
    slow_config = endpoints.config(variant(endpoints.model(SLOW_SCRIPT)))
    endpoints.update(name, slow_config)
    response = endpoints.settle(name)
    assert (response["EndpointStatus"], response["EndpointConfigName"] == slow_config) == ("InService", False)
    assert response["FailureReason"] == "Production variant one was not ready within MaximumExecutionTimeoutInSeconds"
    endpoints.delete(name)


@pytest.mark.slow
def test_an_update_follows_its_deployment_config(endpoints: Endpoints) -> None:
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 1}
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 2}}
    old_config, new_config = (
        endpoints.config(variant(endpoints.model(NAMER.format(name=n), {"MARKER": n}))) for n in ("o", "n")
    )
    name = endpoints.create(old_config, DeploymentConfig=policy)
    assert endpoints.describe(name)["LastDeploymentConfig"] == policy
    for config, old_marker, new_marker, retain in ((new_config, "o", "n", True), (old_config, "n", "o", False)):
        endpoints.update(name, config, RetainDeploymentConfig=retain)
        fleets_overlapped = False
        while endpoints.describe(name)["EndpointStatus"] == "Updating":
            serving_model = json.loads(endpoints.invoke(name)["Body"].read())[0]
            fleets_overlapped = fleets_overlapped or (serving_model == new_marker and bool(servers_of(old_marker)))
        assert fleets_overlapped or not retain
        assert endpoints.describe(name).get("LastDeploymentConfig") == (policy if retain else None)
        assert not servers_of(old_marker)
    endpoints.delete(name)
    assert not servers_of("o")
