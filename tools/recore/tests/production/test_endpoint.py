"""`deploy`, `invoke`, `update`, `rollback` and `delete --endpoint`."""

import json
import signal
import threading
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from recore_support.production import ProductionCommands
from recore_support.schema import TARGETS
from recore_support.web_page import csv_bytes, read_rows
from support.data_files import write_csv

from recore.backends.backend import Services
from recore.production import project_state
from recore.production import settings as project_settings
from recore.production.next_command import ProjectState
from recore.production.project import ProductionProject
from stagemaker import BUCKET, ROLE_ARN

pytestmark = pytest.mark.slow


def invoke(commands: ProductionCommands, *arguments: object) -> list[dict]:
    result = commands.run("invoke", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_life_of_an_endpoint(serving: ProductionCommands, few_rows: Path) -> None:
    assert serving.expect_error("update", 2).endswith("create it with `deploy`")
    deployment = serving.succeed("deploy", "--variant", "A=1")
    assert (deployment["changed"], deployment["status"]) == (True, "InService")
    assert serving.succeed("deploy", "--variant", "A=1")["changed"] is False
    assert "already serves A=1:1: use `update` to change that" in serving.expect_error("deploy", "--variant", "A=2")

    first = invoke(serving, few_rows)
    assert [prediction["index"] for prediction in first] == [row[0] for row in read_rows(few_rows)[1:]]
    assert all(list(prediction["assays"]) == list(TARGETS) for prediction in first)
    copper = first[0]["assays"]["CuPPM"]
    assert copper["unit"] == "ppm"
    assert copper["interval"][0] <= copper["value"] <= copper["interval"][1]
    assert copper["expected_error"] > 0
    *lines, legend, last, next_command = serving.run("invoke", few_rows).stdout.splitlines()
    assert next_command == "next: python -m recore production monitor"
    is_outside = [not prediction["domain"]["inside"] for prediction in first]
    assert [", outside the domain: CuPPM " in line for line in lines] == is_outside
    assert f" +- {copper['expected_error']:.3g} ppm" in lines[0]
    assert legend.startswith("+- is the expected error")
    assert last.startswith(f"outside the domain: {sum(is_outside)} of {len(first)} samples (")

    update = serving.succeed("update", 2)
    assert [variant["version"] for variant in update["variants"]] == [2]
    assert read_state(serving).served == (2,)
    assert serving.succeed("update", 2)["changed"] is False
    second = invoke(serving, few_rows)
    assert second[0]["assays"]["CuPPM"]["value"] != copper["value"]

    rollback = serving.succeed("rollback")
    assert [variant["version"] for variant in rollback["variants"]] == [1]
    assert rollback["next"] == "production invoke FILE"
    assert read_state(serving).rolled_back == {2}
    assert serving.succeed("describe", 2)["next"] is None
    assert invoke(serving, few_rows) == first
    assert serving.expect_error("rollback").endswith("the endpoint has served A=1:1 since its creation")

    sagemaker, name = serving.client.sagemaker, serving.config["ENDPOINT_NAME"]
    assert len(sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]) == 2
    serving.succeed("delete", "--endpoint")
    assert sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []
    assert sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []
    assert serving.succeed("delete", "--endpoint")["changed"] is False


def read_state(commands: ProductionCommands) -> ProjectState:
    simulator = commands.client.simulator
    services = Services(simulator.client)
    settings = project_settings.read_settings(commands.folder / "config.json")
    return project_state.read_state(ProductionProject(services, settings, BUCKET, ROLE_ARN))


def test_two_variants_share_the_requests_while_they_are_updated(
    serving: ProductionCommands, small_sample: Path, few_rows: Path
) -> None:
    serving.succeed("deploy", "--variant", "A=1:3", "--variant", "B=2:1")
    counts = Counter(prediction["variant"] for prediction in invoke(serving, small_sample / "private/private.csv.gz"))
    assert counts["A"] > counts["B"] > 0
    [variant] = {prediction["variant"] for prediction in invoke(serving, few_rows, "--variant", "B")}
    assert variant == "B"
    assert "C" in serving.expect_error("invoke", few_rows, "--variant", "C", status=1)

    ended, failures = threading.Event(), []
    runtime = serving.client.simulator.client("sagemaker-runtime")
    body = csv_bytes(read_rows(few_rows)[:2])

    def send() -> None:
        while not ended.is_set():
            try:
                runtime.invoke_endpoint(EndpointName=serving.config["ENDPOINT_NAME"], ContentType="text/csv", Body=body)
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        serving.succeed("update", 2, "--strategy", "linear", "--step", 50, "--interval", 0)
    finally:
        ended.set()
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--variant", "A=9"], "trained has no version 9; its versions: 1, 2, 3"),
        (
            ["--variant", "A=3"],
            "version 3 of trained is not approved: approve it with `python -m recore production approve 3`",
        ),
        (["--variant", "A"], "--variant A: expected NAME=VERSION or NAME=VERSION:WEIGHT, such as A=3:9"),
        (["--variant", "A=1:0"], "all variants have the weight 0: at least one needs a positive weight"),
        (["--variant", "A=1", "--variant", "A=2"], "two variants are named A: give each a different name"),
    ],
)
def test_unservable_variants_are_rejected(project: ProductionCommands, arguments: list[str], reason: str) -> None:
    assert project.expect_error("deploy", *arguments) == f"recore: {reason}"


def test_an_interrupted_deploy_is_finished_by_the_same_command(serving: ProductionCommands) -> None:
    process = serving.start("deploy", "--variant", "A=1")
    sagemaker, name = serving.client.sagemaker, serving.config["ENDPOINT_NAME"]
    while not sagemaker.list_endpoints(NameContains=name)["Endpoints"]:
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "is being changed (Creating)" in serving.expect_error("update", 2)
    deployment = serving.succeed("deploy", "--variant", "A=1")
    assert (deployment["changed"], deployment["status"]) == (True, "InService")


def test_an_interrupted_update_is_finished_by_the_same_command(serving: ProductionCommands) -> None:
    serving.succeed("deploy", "--variant", "A=1")
    process = serving.start("update", "2", "--strategy", "canary", "--step", "50", "--interval", "15")
    sagemaker, name = serving.client.sagemaker, serving.config["ENDPOINT_NAME"]
    while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Updating":
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the update continues if it has started: " in errors
    assert "serves version 2; run `update` first" in serving.expect_error("delete", "--version", 2)
    assert "is being changed (Updating)" in serving.expect_error("deploy", "--variant", "A=1")
    update = serving.succeed("update", 2)
    assert [variant["version"] for variant in update["variants"]] == [2]
    assert update["next"] == "production invoke FILE"
    assert update["instances"] == ["1 x ml.m5.large runs until you delete the endpoint (`delete --endpoint`)"]


def test_other_instances_are_a_change(serving: ProductionCommands) -> None:
    serving.succeed("deploy", "--variant", "A=1")
    serving.configure(ENDPOINT_INSTANCE_COUNT=2)
    assert "use `update` to change that" in serving.expect_error("deploy", "--variant", "A=1")
    assert serving.succeed("update", 1, "--interval", 0)["changed"] is True
    assert serving.succeed("update", 1)["changed"] is False


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--strategy", "linear", "--step", 5], "--step 5: linear steps must be 10 to 50 percent"),
        (["--strategy", "linear", "--interval", 3600], "the update would take longer than SageMaker's limit of 8 h"),
    ],
)
def test_a_strategy_that_sagemaker_does_not_allow_is_rejected(
    project: ProductionCommands, options: list[object], reason: str
) -> None:
    assert reason in project.expect_error("update", 1, *options)


def test_an_unsuitable_file_is_not_sent(serving: ProductionCommands, few_rows: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(few_rows, index_col=0, dtype=str)
    assert "create it with `deploy`" in serving.expect_error("invoke", few_rows)
    serving.succeed("deploy", "--variant", "A=1")
    short_file = write_csv(tmp_path / "without.csv.gz", rows.iloc[:, :-1])
    assert f"missing column '{rows.columns[-1]}', which the version was trained on" in serving.expect_error(
        "invoke", short_file
    )
    assert "a header but no rows" in serving.expect_error("invoke", write_csv(tmp_path / "empty.csv.gz", rows.iloc[:0]))
    rows.iloc[0, -1] = "n.d."
    process = serving.run("invoke", write_csv(tmp_path / "text.csv.gz", rows), "--json")
    assert process.returncode == 1
    [line] = [line for line in process.stderr.splitlines() if line.startswith("recore: ")]
    assert line.startswith(f"recore: row {rows.index[0]}: ")
    assert "Traceback" not in line
    assert "n.d." in line
    assert [json.loads(prediction)["index"] for prediction in process.stdout.splitlines()] == [
        str(name) for name in rows.index[1:]
    ]
