import hashlib
import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from recore_support.command import recore
from recore_support.example_runs import Runs
from recore_support.run_command import file_options, run_recore
from recore_support.tiny_submission import PREPROCESS, TARGETS, stub
from stagemaker_support.archives import content
from support.checkout import ROOT, run
from support.once import make_once

from stagemaker.isolation.bubblewrap import sandbox_works

WEIGHTS = dict.fromkeys(TARGETS, 0.01) | {"AuPPM": 0.04, "CuPPM": 0.35}
WEIGHTS |= dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)
STEPS = ["upload", "train"]
STEPS += [f"{split} {step}" for split in ("public", "private") for step in ("preprocess", "predict", "score")]
STEPS += ["held-out score", "clean up"]


def sha256sum(path: Path) -> str:
    return subprocess.check_output(["sha256sum", path], text=True).split()[0]


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


@pytest.fixture
def good_run(runs: Runs) -> Path:
    return runs.good


def predictions(folder: Path, split: str) -> np.ndarray:
    return pd.read_csv(folder / f"predictions/{split}.csv.out", header=None, float_precision="round_trip").to_numpy()


def test_a_run_folder_contains_all_files_of_the_run(good_run: Path, sample: Path) -> None:
    assert sorted(path.name for path in good_run.parent.iterdir()) == ["failed", "good"]  # no temporary folders remain
    paths = sorted(str(path.relative_to(good_run)) for path in good_run.rglob("*") if path.is_file())
    logs = [f"logs/{step.replace(' ', '-')}.log" for step in STEPS[1:-2]]  # there is no held_out.csv to score
    kinds = ("scores/{}.txt", "scores/{}.json", "predictions/{}.csv.out")
    result_files = [kind.format(split) for split in ("public", "private") for kind in kinds]
    report_files = [name for name in paths if name.startswith("report/")]
    assert "report/contents.json" in report_files
    assert paths == sorted([*logs, *result_files, *report_files, "model.tar.gz", "report.html", "run.json", "score.py"])
    files = content(good_run / "model.tar.gz")
    assert set(files) == {"means.json", "code/train.py", "code/preprocess.py"}
    for split, script in (("public", "public/public"), ("private", "private/private")):
        rows = len(pd.read_csv(sample / f"{script}.csv.gz", usecols=[0]))
        assert predictions(good_run, split).shape == (rows, 49)
    assert "a request of" in (good_run / "logs/public-predict.log").read_text()


def test_the_record_is_enough_to_repeat_a_run(runs: Runs) -> None:
    record = record_of(runs.good)
    assert record["state"] == "Completed"
    assert {name: sha256sum(Path(file["path"])) for name, file in record["data"].items()} == {
        name: file["sha256"] for name, file in record["data"].items()
    }
    assert set(record["data"]) == {"public", "private", "actual"}
    submission = record["submission"]
    assert submission["files"] == {name: sha256sum(runs.submission / name) for name in ("preprocess.py", "train.py")}
    assert len(submission["sha256"]) == 64
    assert record["score_script"]["sha256"] == sha256sum(ROOT / "score.py")
    assert record["settings"]["training"] == {"type": "ml.m5.xlarge", "count": 1}
    assert [step["name"] for step in record["steps"]] == STEPS
    for step in record["steps"]:
        assert step["state"] == "Completed"
        assert 0 <= step["seconds"] <= record["seconds"]
        if step["job"]:
            assert step["job"].startswith(record["name"])
            assert step["memory_percent"] is not None
            assert (runs.good / step["log"]).is_file()
    # A third-party submission with private assays is isolated by default; without bubblewrap, file_options disables it.
    assert record["isolation"].startswith("bubblewrap" if sandbox_works() else "none (")
    assert record["endpoint"] == "the embedded simulator"
    assert record["arguments"]["out"] == str(runs.good)
    versions = record["versions"]
    assert (versions["numpy"], versions["scikit-learn"]) == (np.__version__, sklearn.__version__)
    assert versions["recore"].removesuffix("-dirty") == runs.commit.read_text().strip()


def test_a_runs_note_is_in_the_record_on_the_board_and_in_the_report(good_run: Path) -> None:
    note = "means of the training data <b>as a baseline</b>"
    assert record_of(good_run)["note"] == note
    assert note in recore("leaderboard", good_run.parent).stdout
    assert html.escape(note) in (good_run / "report.html").read_text()


def test_scores_are_weighted_sums(good_run: Path) -> None:
    record = record_of(good_run)
    for split in ("public", "private"):
        score = record["scores"][split]
        assert score["value"] == float((good_run / f"scores/{split}.txt").read_text())
        assert score["weights"] == WEIGHTS
        assert score["weights_scored"] == pytest.approx(sum(WEIGHTS.values()))
        assert score["value"] == pytest.approx(sum(WEIGHTS[name] * r2 for name, r2 in score["r2"].items()))


def test_a_run_prints_plain_lines_without_a_terminal(runs: Runs) -> None:
    lines = [line for line in runs.stderr.read_text().splitlines() if not re.match("run: step|.* s so far$", line)]
    assert lines[0].startswith("run: on the embedded simulator, isolation: ")
    for step in STEPS:
        assert lines.index(f"{step}: started") < next(
            index for index, line in enumerate(lines) if line.startswith(f"{step}: completed, ")
        )
    assert lines[-1] == "run: no held-out score: train.py did not write held_out.csv next to the model"
    assert len(lines) == 3 + 2 * len(STEPS)
    output = runs.stdout.read_text()
    record = record_of(runs.good)
    scores = [f"{record['scores'][split]['value']:.4f}" for split in ("public", "private")]
    assert ["score", *scores] in [line.split() for line in output.splitlines()]
    assert output.splitlines()[-3:-1] == [
        f"run: {runs.good} contains logs, model.tar.gz, predictions, report, report.html, run.json, score.py, scores",
        f"report: {runs.good / 'report.html'}",
    ]
    assert output.splitlines()[-1].startswith("next: ")
    command = f"recore check '{runs.submission}' --public '{record['data']['public']['path']}' --for-host"
    assert output.splitlines()[-1].endswith(command)
    assert "\x1b" not in "".join(lines) + output
    assert ("".join(lines) + output).isascii()


@pytest.fixture(scope="module")
def template_run(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """Run this repository's own submission with --json, and with a broken plotly so that the report fails."""

    def make(folder: Path) -> None:
        (folder / "broken/plotly").mkdir(parents=True)
        (folder / "broken/plotly/__init__.py").write_text("raise ImportError('no plots today')")
        path = str(folder / "broken")
        result = run_recore(*file_options(sample), "--out", folder / "run", "--json", PYTHONPATH=path)
        assert result.returncode == 0, result.stderr
        (folder / "stdout").write_text(result.stdout)
        (folder / "stderr").write_text(result.stderr)

    return make_once(tmp_path_factory, "own", make)


def test_the_scores_equal_those_of_scripts_run_by_hand(template_run: Path, project: Path, tmp_path: Path) -> None:
    assert (template_run / "run/scores/public.txt").read_text() == (project / "data/scores/public.txt").read_text()
    private, out = project / "data/private", tmp_path / "private"
    for command in (
        ("preprocess.py", "--input", private / "private.csv.gz", "--output", out / "private.csv"),
        ("predict.py", "--input", private / "private.csv.gz", "--output", out / "private.csv.out"),
        (
            *("score.py", "--actual", private / "actual.csv.gz"),
            *("--predicted", out / "private.csv.out", "--output", out / "private.txt"),
        ),
    ):
        assert run(*command, cwd=project).returncode == 0
    for name in ("private.txt", "private.json"):
        assert (template_run / f"run/scores/{name}").read_bytes() == (out / name).read_bytes()


def test_json_is_the_record_and_nothing_else(template_run: Path) -> None:
    output = (template_run / "stdout").read_text()
    assert json.loads(output) == record_of(template_run / "run")
    assert len(output.splitlines()) == 1
    public = Path(json.loads(output)["data"]["public"]["path"]).read_bytes()
    assert json.loads(output)["data"]["public"]["sha256"] == hashlib.sha256(public).hexdigest()


def test_a_report_that_fails_does_not_fail_the_run(template_run: Path) -> None:
    """The exit status is 0, all other files are kept, and a message explains how to get the report."""
    line = (template_run / "stderr").read_text().splitlines()[-1]
    assert "report failed: no plots today" in line
    assert f"recore report {template_run / 'run'}`" in line
    names = sorted(path.name for path in (template_run / "run").iterdir())
    assert names == ["logs", "model.tar.gz", "predictions", "run.json", "score.py", "scores"]


@pytest.mark.slow
def test_inputs_above_the_payload_limit_are_split_by_line_with_the_same_predictions(
    good_run: Path, sample: Path, tmp_path: Path
) -> None:
    wide_submission = stub(tmp_path / "wide", {"preprocess.py": PREPROCESS.replace("TIMES = 1", "TIMES = 14")})
    options = [*file_options(sample, "public"), "--max-payload", 1, "--out", tmp_path / "run"]
    result = run_recore(wide_submission, *options)
    assert result.returncode == 0, result.stderr
    requests = (tmp_path / "run/logs/public-predict.log").read_text().count("a request of")
    assert requests > 1, "the inputs were sent in one request: make them larger"
    np.testing.assert_allclose(predictions(tmp_path / "run", "public"), predictions(good_run, "public"), rtol=1e-9)
    record = record_of(tmp_path / "run")
    assert [step["name"] for step in record["steps"]] == [*STEPS[:5], *STEPS[-2:]]
    assert set(record["scores"]) == {"public"}
