import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from recore_support.command import recore
from recore_support.records import make_record, write_record
from recore_support.run_command import file_options
from recore_support.schema import TARGETS
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from stagemaker_support.job_traces import wait_until
from stagemaker_support.sandbox import needs_sandbox
from support.checkout import ROOT, environment

from recore.backends import Backend, BackendSettings, open_backend
from recore.check import recompute_held_out
from recore.check.public_data import PublicData
from recore.evaluation import (
    DataFiles,
    Entry,
    Pace,
    Round,
    Step,
    entries_to_recompute,
    make_context,
    read_record,
    read_submission,
)
from recore.evaluation.job_requests import RunSettings, preprocessing_request, scoring_request, training_request
from recore.evaluation.job_runner import TIMED_OUT
from stagemaker import interrupts

SLEEP = "import time\nif __name__ == '__main__':\n    time.sleep(600)\n"
NETWORK_CODE = "import socket\ntry:\n    socket.getaddrinfo('nowhere.example', 80)\nexcept OSError:\n    pass\n"
FAILURE = "raise ValueError('no copper here')\n"
LEAK = """
    with open(os.environ["SM_MODEL_DIR"] + "/held_out.csv", "w") as file:
        writer = csv.DictWriter(file, ["index", *TARGETS], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row | {"index": row[""]} for row in rows)
"""
FOLD_CHECK = """
    import glob
    seen = set()
    for path in glob.glob(os.environ["SM_CHANNEL_TRAINING"] + "/../**/*.csv.gz", recursive=True):
        with gzip.open(path, "rt") as file:
            seen |= {row[""] for row in csv.DictReader(file)}
    assert len(seen) == len(rows), "the job holds the data of other folds"
"""
BETTER_TRAIN = TRAIN.replace("return [[mean * number", "return [[mean + 0 * number")


@pytest.fixture(scope="module")
def backend() -> Backend:
    with open_backend(BackendSettings(isolation="off"), print) as backend:
        yield backend


@pytest.fixture
def judge(backend: Backend, data: DataFiles, tmp_path: Path) -> Callable[..., list[Entry]]:
    def judge(*paths: Path, seconds: int = 60, jobs: int = 2, watch: Callable[..., None] = print) -> list[Entry]:
        this_round, entries = Round(data, tmp_path / "judged", seconds), []
        judge.entries = this_round.read(paths)
        this_round.judge(
            backend, judge.entries, Pace(jobs), make_context(backend, "", {}, tmp_path), watch, entries.append
        )
        return entries

    return judge


def test_submissions_are_judged_and_ranked(judge: Callable[..., list[Entry]], data: DataFiles, tmp_path: Path) -> None:
    good_path = stub(tmp_path / "a/mine")
    better_path = stub(tmp_path / "b/mine", {"train.py": BETTER_TRAIN})
    copy = shutil.copytree(good_path, tmp_path / "copy")
    failing_path = stub(tmp_path / "fails", {"train.py": FAILURE + TRAIN})
    needs_assays = PREPROCESS.replace("csv.DictReader(source):", "csv.DictReader(source):\n            row['CuPPM']")
    partly = stub(tmp_path / "partly", {"preprocess.py": needs_assays})
    paths = [
        partly,
        failing_path,
        good_path,
        copy,
        tmp_path / "nowhere",
        better_path,
        stub(tmp_path / "slow", {"preprocess.py": SLEEP + PREPROCESS}),
    ]
    new_entries = judge(*paths, seconds=20)
    assert {entry.path for entry in new_entries} == {*paths} - {tmp_path / "nowhere"}
    ranked = sorted(judge.entries, key=lambda entry: entry.rank, reverse=True)
    assert [entry.path.relative_to(tmp_path).parts[0] for entry in ranked[:3]] == ["b", "a", "copy"]
    assert ranked[-1].path == tmp_path / "nowhere"
    assert "the submission does not exist" in ranked[-1].result
    results = {entry.path.name: entry.result for entry in ranked}
    assert results["copy"] == "completed"
    assert results["partly"] == "private preprocess failed"  # without the reason, which could quote private spectra
    assert results["fails"].startswith("train failed: ValueError: no copper here (train.py, line 1")
    reason = "public preprocess failed: the job was stopped: it exceeded its time limit of 0.333 min"
    assert results["slow"].startswith(reason)
    folders = {entry.path.relative_to(tmp_path).parts[0]: entry.record.folder for entry in ranked[:-1]}
    assert folders["copy"] == folders["a"] != folders["b"]
    assert len(set(folders.values())) == 5 == len(list((tmp_path / "judged").iterdir()))
    assert judge(*paths, seconds=20) == []
    assert {entry.path.name: entry.result for entry in judge.entries} == results
    (failing_path / "train.py").write_text(TRAIN + "# corrected\n")
    read = Round(data, tmp_path / "judged", 21).read(paths)
    assert [entry.path.name for entry in read if not entry.record] == ["fails", "nowhere", "slow"]  # less time before

    path = folders["b"] / "run.json"
    record = json.loads(path.read_text())
    changes = [  # runs that do not count: other data or score.py, or a failure with a different cause
        {"data": record["data"] | {"actual": {"path": "a", "sha256": "0" * 64}}},
        {"score_script": {"sha256": "0" * 64}},
        {"state": "Stopped"},
        {"state": "Failed", "steps": [record["steps"][0] | {"state": "Failed", "outside": True}]},
        {
            "state": "Failed",
            "steps": [{**record["steps"][0], "name": "public preprocess", "state": "Failed", "reason": TIMED_OUT}],
            "settings": record["settings"] | {"training_seconds": 15},
        },
    ]
    for change in ({}, *changes):
        path.write_text(json.dumps(record | change))
        (entry,) = Round(data, tmp_path / "judged", 60).read([better_path])
        assert (entry.record is None) == bool(change)
    (repeat,) = judge(better_path)
    assert repeat.record.folder.name == f"{path.parent.name}-2"


def test_the_time_limit_applies_to_each_job_with_the_submissions_code() -> None:
    settings = RunSettings("name", "bucket", "role", training_seconds=90)
    requests = (
        training_request(settings),
        preprocessing_request(settings, "private"),
        scoring_request(settings, "public", defaultdict(str)),
    )
    assert [request["StoppingCondition"]["MaxRuntimeInSeconds"] for request in requests] == [90, 90, 3600]


def test_held_out_predictions_are_recomputed_if_an_unverified_score_would_decide_a_rank(
    backend: Backend, data: DataFiles, tmp_path: Path
) -> None:
    def entry(name: str, private: float | None, change: str = "", **scores: float) -> Entry:
        files = read_submission(stub(tmp_path / name, {"train.py": TRAIN + change}))
        scores |= {} if private is None else {"private": private}
        record = make_record(**scores) | {"submission": {"path": name, "sha256": files.sha256}}
        write_record(tmp_path / "judged", name, record)
        return Entry(tmp_path / name, files, read_record(tmp_path / "judged" / name))

    unverified = entry("unverified", 0.25, LEAK + FOLD_CHECK, **{"held-out": 1.01})
    without = entry("without", 0.25, "# writes no held_out.csv")
    unscored = entry("unscored", None, "#", **{"held-out": 0.9})
    entries = [without, unscored, unverified, entry("ahead", 0.5, "#", **{"held-out": 0.8}), entry("copy", 0.5, "#")]
    entries += [entry("modest", -9.0, "# few private holes", **{"held-out": 0.3}), entry("negative", -1.0, "# 2")]
    doubtful = entry("doubtful", -8.0, "# 3", **{"held-out": 0.4})
    assert entries_to_recompute([*entries, doubtful]) == [without, unverified, doubtful]
    lines: list[str] = []
    rows = PublicData(data.public, TARGETS)
    two_holes = [row for row, hole in enumerate(rows.hole) if hole in sorted(set(rows.hole))[:2]]
    rows.write_rows(tmp_path / "public.csv.gz", two_holes)
    this_round = Round(replace(data, public=tmp_path / "public.csv.gz"), tmp_path / "judged", 600)
    recompute_held_out(backend, [unverified, without], this_round, lambda step: None, lines.append)
    score = unverified.record.recomputed_held_out
    assert score < 0.5, lines
    assert f"held-out score {score:.4f} recomputed, 1.0100 unverified" in unverified.result
    assert without.record.recomputed_held_out == pytest.approx(score)  # the same model, which wrote no predictions
    assert entries_to_recompute(entries) == []


def test_an_interrupt_stops_jobs_and_keeps_complete_runs(judge: Callable[..., list[Entry]], tmp_path: Path) -> None:
    slow, waits = (stub(tmp_path / name, {"train.py": SLEEP + TRAIN + f"# {name}"}) for name in ("slow", "waits"))

    def interrupt(step: Step) -> None:
        if step.seconds is None:  # it begins
            os.kill(os.getpid(), signal.SIGINT)

    with interrupts.listen("test"), pytest.raises(KeyboardInterrupt):
        judge(slow, waits, jobs=1, watch=interrupt)
    assert list((tmp_path / "judged").iterdir()) == []
    assert [entry.result for entry in judge.entries] == ["not judged: interrupted"] * 2


def test_nothing_runs_without_a_sandbox(sample: Path, tmp_path: Path) -> None:
    options = file_options(sample, allow_unsandboxed=False)
    command = [sys.executable, "-m", "recore", "judge", stub(tmp_path / "mine"), *options, "--out", tmp_path / "judged"]
    variables = environment() | {"PATH": str(tmp_path)}
    result = subprocess.run([*map(str, command)], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    line = result.stderr.splitlines()[-1]
    assert line.startswith("recore: isolation is required")
    assert line.endswith("or choose --engine docker")  # judge has no --isolation
    assert not (tmp_path / "judged").exists()


@needs_sandbox
def test_the_command_prints_and_writes_the_table(sample: Path, tmp_path: Path) -> None:
    failing_path = stub(tmp_path / "fails", {"train.py": FAILURE + TRAIN})
    paths = (failing_path, stub(tmp_path / "mine", {"preprocess.py": NETWORK_CODE + PREPROCESS}), tmp_path / "nowhere")
    options = [*file_options(sample), "--out", tmp_path / "judged"]
    result = recore("judge", *paths, *options)
    assert result.returncode == 1  # one submission could not be read
    lines = result.stdout.splitlines()
    assert lines[0].strip() == f"Judged on {sample / 'public/public.csv.gz'}"
    assert lines[1].split() == "submission private held-out public seconds result for the host".split()
    assert lines[2].split()[-1] == "RC801"
    assert [line.split()[0] for line in lines[2:5]] == [str(paths[1]), str(failing_path), str(paths[2])]
    assert f"judge: wrote {tmp_path / 'judged/judged.csv'}; the runs are in {tmp_path / 'judged'}" == lines[-1]
    assert sum(line.startswith("judge: ") and " of 2, " in line for line in result.stderr.splitlines()) == 2
    with open(tmp_path / "judged/judged.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    finding, action = "RC801 tries to use the network", "socket.getaddrinfo nowhere.example, preprocess.py line 3"
    # details of attempts on private data could quote them
    assert rows[0]["for the host"] == f"{finding}: {action} (in public-preprocess); {finding} (in private-preprocess)"
    second_result = recore("judge", *paths, *options, "--json")
    assert "2 judged before, 0 to run" in second_result.stderr
    printed = json.loads(second_result.stdout)
    assert [{name: "" if each is None else str(each) for name, each in row.items()} for row in printed] == rows
    assert recore("judge", *paths[:2], *options).returncode == 0  # a submission that fails is judged
    board = json.loads(recore("leaderboard", tmp_path / "judged", "--private", "--json").stdout)
    assert [run["failed"] for run in board] == [None, "train"]


@needs_sandbox
def test_a_signal_ends_the_command_and_its_jobs(sample: Path, tmp_path: Path) -> None:
    slow_path = stub(tmp_path / "slow", {"train.py": SLEEP + TRAIN})
    command = [sys.executable, "-m", "recore", "judge", slow_path, *file_options(sample), "--out", tmp_path / "judged"]
    with open(tmp_path / "stderr", "w") as errors:
        process = subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment(), stderr=errors)
    wait_until(lambda: list(tmp_path.glob("judged/.run-*")))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    last_line = (tmp_path / "stderr").read_text().splitlines()[-1]
    assert last_line.startswith("recore: interrupted; jobs stopped, 0 of 1")
    assert list((tmp_path / "judged").iterdir()) == []
