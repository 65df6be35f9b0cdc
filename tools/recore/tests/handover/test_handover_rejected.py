"""One-line errors of `recore handover`, and the folders that it replaces."""

import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from recore_support.command import recore
from recore_support.example_runs import HOSTILE, Runs, change_record
from recore_support.submission_runs import run_submission
from recore_support.tiny_submission import TRAIN, stub
from support.checkout import environment
from support.data_files import write_csv

from recore.evaluation import SubmissionFiles
from recore.handover.markdown import code, escape, fence
from recore.handover.packages import list_packages, write_requirements


def rejection(run: Path, *options: object, status: int = 2) -> str:
    entries = sorted(os.listdir(run)) if run.is_dir() else []
    result = recore("handover", run, *options)
    assert (result.returncode, result.stdout) == (status, ""), result.stderr
    assert (sorted(os.listdir(run)) if run.is_dir() else []) == entries
    return result.stderr.splitlines()[-1]


@pytest.fixture
def changed_run(runs: Runs, tmp_path: Path) -> Path:
    return shutil.copytree(runs.good, tmp_path / "run")


def test_missing_and_different_files_are_reported_in_one_line(changed_run: Path, runs: Runs, sample: Path) -> None:
    assert "private score failed); run it again" in rejection(runs.failed)
    assert "create a run with `python -m recore run`" in rejection(changed_run / "nowhere")
    reason = "the run was trained on a different file; pass that file with --public"
    assert reason in rejection(changed_run, "--public", sample / "private/private.csv.gz")
    assert "pass its path with --public" in rejection(changed_run, "--public", changed_run / "gone.csv.gz")
    assert "expected a target and a number, such as CuPPM=2000" in rejection(changed_run, "--cut-off", "Cu=1")
    assert "too few held-out predictions" in rejection(changed_run, "--cut-off", "CuPPM=1")
    change_record(changed_run, lambda record: record["settings"].update(hyperparameters={"alphas": 11, "name": "x"}))
    assert "trained with --set alphas=11 --set name=x, which retraining does not know" in rejection(changed_run)
    change_record(changed_run, lambda record: record["settings"].update(hyperparameters={}))
    change_record(changed_run, lambda record: record["settings"]["processing"].update(type="mine"))
    line = rejection(changed_run, status=1)  # the example request runs on the run's instances
    assert "the example request of 10 rows failed: " in line
    assert "mine" in line
    change_record(changed_run, lambda record: record["versions"].update(numpy="1.0"))
    assert "is installed, but the run used 1.0" in rejection(changed_run)
    change_record(changed_run, lambda record: record["versions"].update(python="3.1.4"))
    assert f"Python {platform.python_version()} is installed, but the run used 3.1.4" in rejection(changed_run)
    change_record(changed_run, lambda record: record["score_script"].update(sha256="0" * 64))
    assert "the run was scored with a different file" in rejection(changed_run)


def test_a_package_that_is_not_installed_keeps_its_version(changed_run: Path) -> None:
    requirements = b"notinstalledx[abc]==1.2  # of ours\nboto3[crt]\n"
    files = SubmissionFiles(changed_run, {"requirements.txt": requirements})
    packages = list_packages(files, {"python": platform.python_version()})
    first, second, *lines = write_requirements(packages).splitlines()
    assert "as installed when this file was written" in first
    assert "notinstalledx" in second
    assert {"notinstalledx[abc]==1.2", f"boto3=={metadata.version('boto3')}"} <= set(lines)
    assert any(line.startswith("awscrt==") for line in lines)  # an error in the optional part


def test_a_run_without_model_or_with_an_incomplete_record_is_rejected(changed_run: Path) -> None:
    (changed_run / "model.tar.gz").write_bytes(b"not an archive")
    assert "the archive could not be read" in rejection(changed_run)
    (changed_run / "model.tar.gz").unlink()
    assert "the run has no model.tar.gz" in rejection(changed_run)
    (changed_run / "model.tar.gz").touch()
    (changed_run / "run.json").write_text("{}")
    assert "not a valid run record" in rejection(changed_run)


def test_a_model_whose_predictions_are_random_is_not_handed_over(sample: Path, tmp_path: Path) -> None:
    changed = TRAIN.replace("mean * number for", "mean * number + os.urandom(1)[0] for")
    run = run_submission(
        stub(tmp_path / "random", {"train.py": changed}), tmp_path / "run", "--public", sample / "public/public.csv.gz"
    )
    assert run.status == 0, run.stderr
    assert "they are random, depend on other rows" in rejection(run.folder, status=1)


def test_a_card_without_held_out_predictions_says_so(changed_run: Path) -> None:
    change_record(changed_run, lambda record: record.pop("machine"))
    result = recore("handover", changed_run, "--json")
    assert result.returncode == 0, result.stderr
    details = json.loads(result.stdout)
    assert details["targets"] == {}
    assert {"README.md", "MODEL_CARD.md", "SHA256SUMS", "handover.json", "answer.csv"} <= set(details["files"])
    card = (changed_run / "handover/MODEL_CARD.md").read_text()
    assert "the accuracy on other drill holes was not measured" in card
    assert "run.json does not describe the machine of the run" in card


def test_a_hand_over_is_replaced_atomically_and_nothing_else_is(changed_run: Path) -> None:
    folder = changed_run / "handover"
    assert recore("handover", changed_run).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "recore", "handover", changed_run], env=environment(), stderr=subprocess.DEVNULL
    )
    while not list(changed_run.glob(".handover.*.part/new-0/sample")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder).returncode == 0
    (folder / "README.md").write_text("an earlier one")
    assert recore("handover", changed_run).returncode == 0
    assert (folder / "README.md").read_text().startswith("# Handover: run\n")
    assert not list(changed_run.glob(".*"))
    (folder / "mine.txt").write_text("mine")
    assert "the folder also contains other files; move them, or choose another --out" in rejection(changed_run)
    assert (folder / "mine.txt").read_text() == "mine"
    link = changed_run.parent / "link"
    link.symlink_to(changed_run)
    assert "the folder also contains other files" in rejection(changed_run, "--out", link)


def test_only_the_runs_own_result_files_are_handed_over(changed_run: Path, tmp_path: Path) -> None:
    (changed_run / "scores/notes.txt").write_text("mine")
    (changed_run / "handover").mkdir()  # an empty folder is no obstacle
    assert recore("handover", changed_run).returncode == 0
    names = {path.name for path in (changed_run / "handover/scores").iterdir()}
    assert names == {"public.json", "public.txt", "private.json", "private.txt"}
    shutil.rmtree(changed_run / "handover")
    for name in ("scores/public.json", "scores", "predictions/private.csv.out", "run.json"):
        shutil.move(changed_run / name, tmp_path / "moved")
        (changed_run / name).symlink_to(tmp_path / "moved")
        assert f"{name}: a symbolic link cannot be handed over" in rejection(changed_run)
        (changed_run / name).unlink()
        shutil.move(tmp_path / "moved", changed_run / name)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"arguments": [1]}, "arguments"),
        ({"seeds": 5}, "seeds"),
        ({"machine": {"memory_bytes": 10**400}}, "machine.memory_bytes"),
        ({"machine": "mine"}, "machine"),
        ({"versions": {"recore": None, "python": None, "platform": "Linux"}}, "versions.python"),
        ({"versions": {"recore": None, "platform": "Linux"}}, "versions.python"),
        ({"data": {"public": {"path": "a", "sha256": None}, "more": {"path": 5}}}, "data.more.path"),
    ],
)
def test_a_hostile_record_is_rejected_in_one_line(change: dict[str, Any], member: str, changed_run: Path) -> None:
    change_record(changed_run, lambda record: record.update(change))
    assert f"run.json: not a valid run record: `{member}`" in rejection(changed_run)


def test_untrusted_names_are_shown_as_text(changed_run: Path, sample: Path, tmp_path: Path) -> None:
    names = [HOSTILE, "a|b`c\n# heading", "[x](http://example.com)", "```", "<img src=x>"]
    public = pd.read_csv(sample / "public/public.csv.gz", index_col=0, dtype=str)
    data = write_csv(tmp_path / "hostile.csv.gz", public.assign(SiteID=[names[row % 5] for row in range(len(public))]))
    sha256 = hashlib.sha256(data.read_bytes()).hexdigest()

    def change(record: dict) -> None:
        record["data"]["public"] = {"path": str(data), "sha256": sha256}
        record["note"] = record["isolation"] = HOSTILE
        record["endpoint"] = "{{ 7 * 7 }}{% raw %}{# | x |\n# heading"
        record["machine"]["processor"] = record["submission"]["path"] = HOSTILE
        record["arguments"] |= {"submission": HOSTILE, "image": "```\n# heading\n$(rm -rf .)", "engine": "docker"}
        record["versions"]["recore"] = record["folder"] = HOSTILE
        record["settings"]["training"]["type"] = HOSTILE

    result = recore("handover", change_record(changed_run, change))
    assert result.returncode == 0, result.stderr
    for name in ("MODEL_CARD.md", "README.md"):
        page = (changed_run / "handover" / name).read_text()
        page = re.sub(r"^(`{3,}).*?^\1$", "", page, flags=re.MULTILINE | re.DOTALL)  # fenced blocks
        outside_code = "".join(
            part for position, part in enumerate(page.replace("\\`", "").split("`")) if not position % 2
        )
        assert "<script>" not in outside_code
        assert "<img" not in outside_code.replace("\\<img", "")
        assert "\n# heading" not in page
        for rows in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows.splitlines()}) == 1, rows
    assert (
        r"| jobs ran on | \{\{ 7 \* 7 \}\}\{% raw %\}\{\# \| x \| \# heading |"
        in (changed_run / "handover/MODEL_CARD.md").read_text()
    )
    with gzip.open(changed_run / "handover/sample/spectra.csv.gz", "rt") as file:
        assert "heading" in file.read()


def test_hostile_values_cannot_add_markdown() -> None:
    assert escape("[a](http://b) <i> | *x*\n# y") == r"\[a\](http\://b) \<i\> \| \*x\* \# y"
    assert code("a`b|c\nd") == "`` a`b\N{BROKEN BAR}c d ``"
    assert fence("x\n```\n# y") == "````text\nx\n```\n# y\n````"
