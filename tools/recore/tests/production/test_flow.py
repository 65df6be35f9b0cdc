"""The shortest workflow from a submission to predictions and deletion, and `make production-demo`."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recore_support.production import ProductionCommands
from recore_support.tunable_submission import make_tunable
from support.checkout import ROOT, environment


@pytest.mark.everywhere
def test_a_version_is_trained_used_and_deleted(
    commands: ProductionCommands, small_sample: Path, few_rows: Path, tmp_path: Path
) -> None:
    mine = make_tunable(tmp_path / "mine")
    result = commands.run("train", mine, "--public", small_sample / "public/public.csv.gz", "--set", "share=0.6")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "next: python -m recore production approve 1"
    assert "at most 3 instance-hours in total" in result.stderr
    assert "Train: completed" in result.stderr
    commands.succeed("approve", 1)
    assert commands.succeed("predict", few_rows, "--out", tmp_path / "assays.csv")["rows"] == 5
    assert commands.succeed("deploy")["status"] == "InService"
    predictions = commands.run("invoke", few_rows, "--json").stdout.splitlines()
    copper = [json.loads(line)["assays"]["CuPPM"]["value"] for line in predictions]
    with open(tmp_path / "assays.csv", newline="") as file:
        assert copper == pytest.approx([float(row["CuPPM"]) for row in csv.DictReader(file)], rel=1e-9)
    line = commands.expect_error("delete", "--all")  # nobody can answer the question
    contents = f"the endpoint {commands.name}, 1 version, the pipeline {commands.name}, [0-9]+ objects under s3://[^ ]+"
    assert re.fullmatch(f"recore: delete --all would delete {contents}: add --yes .*", line)
    assert re.search(
        f"delete {contents}\\? \\[y/N\\] nothing was deleted\n$", commands.run_with_reply("n", "delete", "--all")
    )
    assert len(commands.succeed("list")["versions"]) == 1
    assert "deleted: version 1\n" in commands.run_with_reply("y", "delete", "--all")
    assert commands.succeed("delete", "--all")["changed"] is False  # without a question
    listed = commands.succeed("list")
    assert (listed["versions"], listed["endpoint"], listed["next"]) == ([], None, "production train")


@pytest.mark.slow
def test_the_demo_runs_to_its_end_and_loses_no_request(tmp_path: Path) -> None:
    command = [sys.executable, "tools/recore/examples/production_demo.py", tmp_path / "demo"]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert ", 0 lost\n" in result.stdout
    assert "B is better on " in result.stdout or "A is better on " in result.stdout
    files = {file.name for file in (tmp_path / "demo").iterdir()}
    assert files >= {"assays.csv", "answers.jsonl", "arrived.csv", "monitor.html"}
