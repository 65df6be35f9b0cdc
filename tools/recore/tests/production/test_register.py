"""`register`: the model of a run becomes a version without retraining."""

import json
import shutil
from pathlib import Path

import pytest
from recore_support.command import recore
from recore_support.production import ProductionCommands
from recore_support.records import write_record
from recore_support.run_command import run_recore
from support.checkout import ROOT
from support.once import make_once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def finished_run(small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        public = small_sample / "public/public.csv.gz"
        result = run_recore(ROOT, "--public", public, "--out", folder / "run", "--isolation", "off", "--no-report")
        assert result.returncode == 0, result.stderr

    return make_once(tmp_path_factory, "finished run", make) / "run"


def test_a_registered_run_makes_the_same_predictions(
    commands: ProductionCommands, finished_run: Path, small_sample: Path, tmp_path: Path
) -> None:
    version = commands.succeed("register", finished_run)
    record = json.loads((finished_run / "run.json").read_text())
    assert version["version"]["score"] == record["scores"]["held-out"]["value"]
    assert commands.succeed("register", finished_run)["changed"] is False
    commands.succeed("approve", 1)
    assert commands.succeed("approve", 1)["changed"] is False
    commands.succeed("predict", small_sample / "public/public.csv.gz", "--out", tmp_path / "joined.csv")
    predictions = (finished_run / "predictions/public.csv.out").read_text().splitlines()
    lines = (tmp_path / "joined.csv").read_text().splitlines()[1:]
    assert [line.split(",", 5)[5] for line in lines] == predictions
    commands.succeed("delete", "--all", "--yes")
    s3 = commands.client.s3
    bucket = "sagemaker-us-east-1-123456789012"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=f"{commands.name}/")
    assert commands.client.sagemaker.list_models(NameContains=commands.name)["Models"] == []


def test_a_hand_over_is_registered_without_the_hosts_data(
    commands: ProductionCommands, finished_run: Path, tmp_path: Path
) -> None:
    handover = tmp_path / "handed over"
    result = recore("handover", finished_run, "--out", handover, "--isolation", "off")
    assert result.returncode == 0, result.stderr
    version = commands.succeed("register", handover)
    record = json.loads((finished_run / "run.json").read_text())
    assert version["version"]["score"] == record["scores"]["held-out"]["value"]
    assert commands.succeed("register", finished_run)["changed"] is False
    config = commands.folder / "config.json"
    variables = commands.client.simulator.variables()
    printed = recore("production", "--config", config, "register", ".", cwd=handover, **variables).stdout
    assert printed.startswith(f"handed over is already version {version['version']['number']} of {commands.name}; ")
    record["settings"]["hyperparameters"] = {"alphas": 11}
    write_record(tmp_path, "tuned", record)
    shutil.copy(finished_run / "model.tar.gz", tmp_path / "tuned")
    assert "this run was trained with --set alphas=11" in commands.expect_error("register", tmp_path / "tuned")
    (handover / "model.tar.gz").write_bytes((handover / "request.csv").read_bytes())
    line = commands.expect_error("register", handover)
    assert "is not the file that was handed over: SHA256SUMS lists a different hash; copy the handover again" in line
