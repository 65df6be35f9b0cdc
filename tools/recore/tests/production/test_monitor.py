"""`recore production monitor`, for an endpoint in the simulator and several weeks of captured requests."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recore_support.production import ProductionCommands
from recore_support.schema import IDS
from stagemaker_support.archives import archive_of, content
from support.checkout import ROOT

from stagemaker.server import BUCKET


class Monitored:
    """An endpoint, and a folder on S3 to which captured requests are written in SageMaker's format."""

    def __init__(self, commands: ProductionCommands):
        self.commands, self.client = commands, commands.client
        description = self.client.sagemaker.describe_endpoint(EndpointName=commands.config["ENDPOINT_NAME"])
        self.destination = description["DataCaptureConfig"]["DestinationS3Uri"]
        self.name, self.begin = description["EndpointName"], description["LastModifiedTime"].astimezone(UTC)

    def capture(self, samples: pd.DataFrame, hours: float = 0.0, interval: float = 0.0, **metadata: str) -> None:
        """Capture a request per sample, `interval` hours apart, beginning `hours` after the endpoint's last change."""
        lines = []
        for i, (index, row) in enumerate(samples.iterrows()):
            body = io.StringIO()
            csv.writer(body).writerows([[samples.index.name or "", *samples.columns], [index, *row]])
            time = self.begin + timedelta(hours=hours + i * interval, seconds=1)
            lines.append(self.event(body.getvalue(), time, eventId=f"{index}-{hours}", **metadata))
        self.put(*lines)

    def event(self, content: str | bytes, time: datetime | None = None, **metadata: str) -> dict[str, Any]:
        """Return a captured invocation whose input is `content`."""
        content = content.encode() if isinstance(content, str) else content
        data = {"observedContentType": "text/csv", "mode": "INPUT", "encoding": "BASE64"}
        time = time or self.begin + timedelta(seconds=1)
        return {
            "captureData": {
                "endpointInput": data | {"data": base64.b64encode(content).decode()},
                "endpointOutput": {"mode": "OUTPUT", "data": ",".join(["1"] * 49), "encoding": "CSV"},
            },
            "eventMetadata": {"eventId": "e", "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"} | metadata,
        }

    def put(self, *events: dict[str, Any] | str) -> None:
        """Write each event to the folder for its hour, and each invalid line to the folder for the first hour."""
        lines: dict[str, list[str]] = {}
        for event in events:
            metadata = event.get("eventMetadata", {}) if isinstance(event, dict) else {}
            time = datetime.fromisoformat(metadata.get("inferenceTime", self.begin.isoformat()))
            lines.setdefault(f"{time:%Y/%m/%d/%H}", []).append(event if isinstance(event, str) else json.dumps(event))
        count = len(self.keys())
        for hour, events_of_hour in lines.items():
            key = f"{self.prefix}{hour}/{count:04}.jsonl"
            self.client.s3.put_object(Bucket=BUCKET, Key=key, Body="\n".join(events_of_hour).encode())

    @property
    def prefix(self) -> str:
        return f"{self.destination.removeprefix(f's3://{BUCKET}/')}/{self.name}/A/"

    def keys(self) -> list[str]:
        listed = self.client.s3.list_objects_v2(Bucket=BUCKET, Prefix=self.prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def clear(self) -> None:
        for key in self.keys():
            self.client.s3.delete_object(Bucket=BUCKET, Key=key)

    def alarms(self) -> list[dict[str, Any]]:
        client = self.client.simulator.client("cloudwatch")
        return client.describe_alarms(AlarmNamePrefix=f"{self.name}-")["MetricAlarms"]

    def monitor(self, *options: object, status: int = 0) -> dict[str, Any]:
        """Run `recore production monitor`, and return its JSON output."""
        completed = self.commands.run("monitor", "--json", *options)
        assert completed.returncode == status, (completed.stdout, completed.stderr)
        return json.loads(completed.stdout)


def channels_of(samples: pd.DataFrame) -> list[str]:
    return [name for name in samples.columns if name[0].isdigit()]


def add_curve(samples: pd.DataFrame, height: float) -> pd.DataFrame:
    """Return samples with a curved baseline. height: its height as a fraction of the 95% absorbance quantile."""
    changed, names = samples.copy(), channels_of(samples)
    positions = np.linspace(0, 1, len(names))
    changed[names] += height * np.quantile(samples[names], 0.95) * 4 * positions * (1 - positions)
    return changed


def assign_holes(samples: pd.DataFrame, name: str = "new") -> pd.DataFrame:
    """Return the samples, assigned in pairs to new drill holes."""
    return samples.assign(SiteID=[f"{name}-{index // 2}" for index in range(len(samples))])


@pytest.fixture(scope="module")
def endpoint(project: ProductionCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    commands = ProductionCommands(project.client, tmp_path_factory.mktemp("monitored"), "trained")
    commands.configure(ENDPOINT_NAME="monitored")
    commands.succeed("deploy", "--variant", "A=1")
    yield Monitored(commands)
    commands.succeed("delete", "--endpoint")


@pytest.fixture
def monitored(endpoint: Monitored) -> Monitored:
    """Return the endpoint after removing all captured requests."""
    endpoint.clear()
    return endpoint


@pytest.fixture(scope="module")
def samples(small_sample: Path) -> pd.DataFrame:
    """Return samples whose spectra are training spectra with a little noise."""
    table = pd.read_csv(small_sample / "public/public.csv.gz", index_col=0, dtype={"SiteID": str})
    names = channels_of(table)
    table = table[[*IDS, *names]]
    spread = table[names].to_numpy().std(axis=1, keepdims=True)
    noise = np.random.default_rng(0).normal(0, 2e-4, table[names].shape)
    table[names] = (table[names] + noise * spread).round(6)
    return table.sample(frac=1, random_state=0)


def test_spectra_similar_to_the_training_spectra_are_no_drift(monitored: Monitored, samples: pd.DataFrame) -> None:
    monitored.capture(samples, interval=0.1)
    result = monitored.monitor("--complete", "--out", "same.html")
    assert (result["drift"], result["since"], result["bands"], result["next"]) == (False, None, [], None)
    assert (result["endpoint"], result["version"], result["false_alarms"]) == ("monitored", 1, 0.05)
    assert (result["samples"], result["units"], result["waiting"]) == (len(samples), 13, 0)
    assert 0 < result["evidence"] < result["threshold"] == 12 / 0.05
    assert result["outside"] <= 0.1 * len(samples)
    assert 0 < result["usual_outside"] < 0.6
    assert {hole["hole"] for hole in result["holes"]} == set(samples["SiteID"])
    lines = monitored.commands.run("monitor", "monitored", "--complete", "--out", "same.html").stdout.splitlines()
    assert lines[0].startswith(f"monitored: {len(samples)} samples of 13 drill holes since ")
    rate = r"\(false alarms: at most 5.0%, however often you look\)"
    pattern = f"no drift in 13 drill holes: strongest evidence .*, below the threshold of .* {rate}$"
    assert re.match(pattern, lines[2])
    assert re.match(f"not tested: {result['beyond']} samples that arrived after .* \\([0-9]+ samples, ", lines[3])


def test_samples_without_holes_count_as_one_hole_a_day(monitored: Monitored, samples: pd.DataFrame) -> None:
    monitored.capture(samples.assign(SiteID=""), interval=0.5)
    result = monitored.monitor("--complete", "--out", "days.html")
    assert result["drift"] is False
    assert result["units"] == len({(monitored.begin + timedelta(hours=n / 2)).date() for n in range(len(samples))})
    lines = monitored.commands.run("monitor", "--complete", "--out", "days.html").stdout.splitlines()
    assert lines[0].startswith(f"monitored: {len(samples)} samples of unknown drill holes since ")
    assert f"no drift in {result['units']} days: " in lines[2]
    assert lines[2].endswith("provided that samples without SiteID are from different drill holes each day)")


def test_a_changed_baseline_is_found_with_its_time_holes_and_bands(monitored: Monitored, samples: pd.DataFrame) -> None:
    monitored.capture(assign_holes(samples[:42]), interval=1)
    changed = add_curve(assign_holes(samples[42:], "changed"), 0.15)
    monitored.capture(changed, hours=42, interval=1)
    result = monitored.monitor("--out", "changed.html", status=1)
    assert result["drift"]
    assert result["next"] == "production monitor --version 3"  # its domain may include these spectra
    since = (datetime.fromisoformat(result["since"]) - monitored.begin) / timedelta(hours=1)
    assert 32 <= since < 48  # the change came at 42 h, or by chance up to five drill holes (two hours each) earlier
    assert result["outside"] > 20
    assert result["bands"]
    page = (monitored.commands.folder / "changed.html").read_text()
    assert "drift since about" in page
    numbers = pd.read_csv(monitored.commands.folder / "changed/samples.csv")
    assert len(numbers) == len(samples)
    assert (numbers["distance"] > 1).sum() == result["outside"]
    lines = monitored.commands.run("monitor", "--out", "changed.html").stdout.splitlines()
    assert lines[2].startswith("drift since about ")
    assert "bands that differ" in lines[3]
    assert "service the instrument if it has changed; otherwise have some of these samples assayed" in lines[-4]
    assert lines[-1] == "next: python -m recore production monitor --version 3"
    begin = monitored.begin + timedelta(hours=len(samples) - 2)
    second_result = monitored.monitor("--since", f"{begin:%Y-%m-%dT%H:%M}", "--complete", "--out", "changed.html")
    assert (second_result["drift"], second_result["samples"]) == (False, 2)  # one hole is too few to find a drift


def test_an_alarm_rolls_an_update_back(monitored: Monitored, samples: pd.DataFrame) -> None:
    """The alarm compares the samples with version 2's training spectra, which are the same as version 1's."""
    commands = monitored.commands
    monitored.capture(add_curve(assign_holes(samples), 0.15), interval=1)
    result = monitored.monitor("--version", 2, "--alarm", status=1)
    assert result["alarm"] == "monitored-2-drift"
    [alarm] = monitored.alarms()
    assert (alarm["AlarmName"], alarm["StateValue"]) == ("monitored-2-drift", "ALARM")
    error = commands.expect_error(
        "update", 2, "--alarm", result["alarm"], "--strategy", "canary", "--interval", 0, status=1
    )
    assert "the update was rolled back" in error
    assert "monitored-2-drift" in error
    assert monitored.monitor("--version", 2, "--alarm", status=1)["samples"] == len(samples)  # as before


@pytest.mark.slow
def test_retraining_with_changed_spectra_ends_the_drift(
    commands: ProductionCommands, small_sample: Path, samples: pd.DataFrame, tmp_path: Path
) -> None:
    """All spectra from clients and some of the new training spectra are changed."""
    public = small_sample / "public/public.csv.gz"
    commands.succeed("train", ROOT, "--public", public)
    commands.succeed("approve", 1)
    commands.succeed("deploy")
    changed = add_curve(samples, 0.15)
    monitored = Monitored(commands)
    monitored.capture(assign_holes(changed[40:]), interval=0.1)
    assert monitored.monitor("--complete", status=1)["next"] is None

    table = pd.read_csv(public, index_col=0)
    new_samples = assign_holes(add_curve(table.loc[changed.index], 0.15)[:40], "assayed")
    pd.concat([table, new_samples]).to_csv(tmp_path / "grown.csv.gz")
    commands.succeed("retrain", ROOT, "--public", tmp_path / "grown.csv.gz", "--approve", "--tolerance", 9)
    result = monitored.monitor("--version", 2, "--alarm", "--complete")
    assert (result["drift"], result["version"]) == (False, 2)
    assert result["compared_with"] == "the 20 drill holes added since version 1"
    assert result["next"] == f"production update 2 --strategy canary --alarm {result['alarm']}"
    commands.succeed("update", 2, "--strategy", "canary", "--interval", 0, "--alarm", result["alarm"])

    monitored = Monitored(commands)
    monitored.clear()
    monitored.capture(assign_holes(changed[40:]), interval=0.1)
    assert monitored.monitor("--complete")["version"] == 2
    names = {alarm["AlarmName"] for alarm in monitored.alarms()}
    assert names == {result["alarm"]}
    other_alarm = f"{monitored.name}-7"
    settings = {"Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Maximum"}
    comparison = {"ComparisonOperator": "GreaterThanThreshold", "Namespace": "theirs", "MetricName": "theirs"}
    cloudwatch = monitored.client.simulator.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName=other_alarm, **settings, **comparison)
    commands.succeed("delete", "--endpoint")
    assert [alarm["AlarmName"] for alarm in monitored.alarms()] == [other_alarm]
    cloudwatch.delete_alarms(AlarmNames=[other_alarm])


def test_requests_of_all_forms_count_and_others_are_reported(monitored: Monitored, samples: pd.DataFrame) -> None:
    hostile = samples[:30].assign(SiteID="<img src=x onerror=alert(1)>\x1b[31m")
    monitored.capture(hostile)
    monitored.capture(hostile[:10], hours=1)  # sent again
    monitored.capture(add_curve(samples[:5], 0.5), hours=2, inferenceId="compare-1")  # sent by a comparison
    names = channels_of(samples)
    row = samples.iloc[30]
    as_json = {"wavenumbers": [float(name) for name in names], "absorbances": row[names].tolist(), "SiteID": "J"}
    event = monitored.event(json.dumps(as_json))
    event["captureData"]["endpointInput"]["observedContentType"] = "application/json"
    flat_line = ",".join(["x", "", "H", "", *["0.5"] * len(names)]) + "\n"
    without_input = monitored.event("")
    del without_input["captureData"]["endpointInput"]
    invalid_events = [monitored.event(body) for body in (flat_line, "1,2\n", b"\xff", "\x00", "<script>,\n1,2")]
    monitored.put(event, *invalid_events, without_input, "{", '{"eventMetadata": {}}')
    result = monitored.monitor("--out", "forms.html")
    assert (result["samples"], result["repeated"]) == (31, 10)
    reasons = result["left_out"]
    assert sum(reasons.values()) == 8
    assert reasons["a spectrum that is flat or has a gap"] == 1
    assert reasons["the input was not captured"] == 1
    assert reasons["the line is truncated, or not a data capture event"] == 2
    assert any("the first line is not a header and has 2 cells" in reason for reason in reasons)
    assert any("is not encoded in UTF-8" in reason for reason in reasons)
    assert [hole["samples"] for hole in result["holes"] if hole["hole"] == "J"] == [1]
    assert "\x1b" not in monitored.commands.run("monitor", "--out", "forms.html").stdout
    assert "<img src=x" not in (monitored.commands.folder / "forms.html").read_text()


def test_nothing_to_test_is_one_clear_line(monitored: Monitored, samples: pd.DataFrame) -> None:
    error = monitored.commands.expect_error("monitor")
    assert "monitored has captured no spectra since" in error
    monitored.put(monitored.event("1,2\n"))
    error = monitored.commands.expect_error("monitor")
    assert "excluded: the request: the first line is not a header and has 2 cells" in error
    monitored.capture(samples[:5])
    assert "the endpoint nowhere does not exist" in monitored.commands.expect_error("monitor", "nowhere")
    assert "has no version 9" in monitored.commands.expect_error("monitor", "--version", 9)
    assert "must end in .html" in monitored.commands.expect_error("monitor", "--out", "report.txt")
    assert monitored.commands.run("monitor", "--false-alarms", "nan").returncode == 2


def test_an_endpoint_of_another_model_is_not_compared(monitored: Monitored, tmp_path: Path) -> None:
    commands = ProductionCommands(monitored.client, tmp_path, "others")
    error = commands.expect_error("monitor", "monitored")
    assert "the endpoint serves the model trained-1, which is not a version of others" in error


def test_a_version_trained_on_few_drill_holes_cannot_be_monitored(
    monitored: Monitored, small_sample: Path, tmp_path: Path
) -> None:
    s3 = monitored.client.s3
    bucket, _, key = monitored.commands.succeed("describe", 1)["archives"][0].removeprefix("s3://").partition("/")
    archive = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    files = content(archive)
    reference = json.loads(files["reference.json"])
    few = {"hole_names": reference["hole_names"][:9], "holes": [hole % 9 for hole in reference["holes"]]}
    try:
        changed = archive_of(**files | {"reference.json": json.dumps(reference | few)})
        s3.put_object(Bucket=bucket, Key=key, Body=changed)
        error = monitored.commands.expect_error("monitor")
        commands = ProductionCommands(monitored.client, tmp_path, "trained")
        commands.configure(ENDPOINT_NAME="few-holes")
        deployed = commands.run("deploy", "--variant", "A=1").stdout
        requested = commands.run("invoke", small_sample / "private/private.csv.gz", "--rows", 1).stdout
        commands.succeed("delete", "--endpoint")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=archive)
    assert "cannot be monitored: it was trained on 9 drill holes, but at least 10 are needed to know how much" in error
    assert error.endswith("train on data with more: `python -m recore production retrain --public FILE`")
    assert error.removeprefix("recore: ") in deployed
    assert "outside the domain: " in requested
    assert "next: " not in requested
