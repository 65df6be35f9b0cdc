"""The program that scores held-out predictions gives exactly a run's score, and rejects unusable files."""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.held_out import score_held_out
from recore_support.production_containers import CONTAINERS, TrainedModel
from recore_support.schema import TARGETS
from stagemaker_support.archives import archive_of, member, tarball
from support.checkout import ROOT, environment
from support.data_files import write_csv

from recore.evaluation.held_out import extract_held_out
from recore.production.containers import evaluate

SCORE = ROOT / "score.py"


def score_of_a_run(archive: Path, data_file: Path, folder: Path) -> dict:
    extract_held_out(archive, folder / "held-out.csv")
    score_held_out(folder / "held-out.csv", data_file, SCORE, folder / "held-out.txt")
    return json.loads((folder / "held-out.json").read_text())


def assert_equal_to_a_run(evaluation: dict, details: dict) -> None:
    r2 = {name: target["r2"] for name, target in details["targets"].items()}
    assert evaluation == {
        "score": {"value": details["score"]},
        "rows": details["rows"],
        "weights_scored": details["weights_scored"],
        "r2": r2,
    }
    assert list(r2) == list(TARGETS)


@pytest.mark.everywhere
def test_the_pipeline_writes_the_score_of_a_run(trained_model: TrainedModel, tmp_path: Path) -> None:
    details = score_of_a_run(trained_model.archive, trained_model.data_file, tmp_path)
    assert_equal_to_a_run(json.loads(trained_model.evaluation.read_text()), details)


@pytest.fixture
def data() -> pd.DataFrame:
    random = np.random.default_rng(0)
    assays = pd.DataFrame(random.gamma(2.0, 9.0, (30, 49)), columns=list(TARGETS))
    assays = assays.mask(random.random(assays.shape) < 0.1)
    assays["TePPB"] = np.nan
    assays.loc[1:, "RePPM"] = np.nan
    return assays.assign(SiteID="DD1", **{"3999.5": 0.5})


def run(tmp_path: Path, archive: Path, data_file: Path) -> subprocess.CompletedProcess[str]:
    paths = {"model": archive, "data": data_file, "score": SCORE, "output": tmp_path / "evaluation"}
    command = [sys.executable, CONTAINERS / "evaluate.py", *(f"--{name}={path}" for name, path in paths.items())]
    return subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)


def test_rows_without_a_prediction_do_not_count(data: pd.DataFrame, tmp_path: Path) -> None:
    assays = data[list(TARGETS)]
    predicted = (assays.fillna(3.0) + 1.0).mask(np.random.default_rng(1).random(assays.shape) < 0.2)
    predicted["TePPB"] = np.nan
    held_out = predicted.to_csv(index_label="index").encode()
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(archive_of(**{"code/held_out.csv": b"x", "./held_out.csv": held_out}))
    data_file = write_csv(tmp_path / "public.csv.gz", data)
    result = run(tmp_path, archive, data_file)
    assert result.returncode == 0, result.stderr
    evaluation = json.loads((tmp_path / "evaluation/evaluation.json").read_text())
    assert_equal_to_a_run(evaluation, score_of_a_run(archive, data_file, tmp_path))
    assert evaluation["r2"]["TePPB"] is None
    assert evaluation["r2"]["RePPM"] is None
    assert sorted(path.name for path in (tmp_path / "evaluation").iterdir()) == ["evaluation.json"]


NOT_WRITTEN = "the score is unknown: train.py did not write held_out.csv next to the model"


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (archive_of(**{"model.pkl": b"m"}), NOT_WRITTEN),
        (tarball(member("held_out.csv", tarfile.SYMTYPE, "/etc/passwd")), NOT_WRITTEN),
        (archive_of(**{"held_out.csv": ""}), "held_out.csv: Empty CSV file"),
        (archive_of(**{"held_out.csv": "index,CuPPM\n1,2\n"}), "held_out.csv has 1 rows, but public.csv.gz has 30"),
        (archive_of(**{"held_out.csv": "index,x\n1,2\n"}), "public.csv.gz has none of the columns of held_out.csv"),
        (archive_of(**{"held_out.csv": "index,CuPPM\n" + "1,2\n" * 30}), "the shape is (30, 1) instead of (30, 49)"),
    ],
    ids=range(6),
)
def test_unscorable_files_are_rejected(archive: bytes, reason: str, data: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(archive)
    with pytest.raises(evaluate.ScoreError, match=re.escape(reason)) as raised:
        evaluate.evaluate(tmp_path / "model.tar.gz", write_csv(tmp_path / "public.csv.gz", data), SCORE)
    assert len(str(raised.value).splitlines()) == 1


def test_an_error_is_one_line_and_no_file_is_written(data: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")
    result = run(tmp_path, tmp_path / "model.tar.gz", write_csv(tmp_path / "public.csv.gz", data))
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert result.stderr.startswith("evaluate.py: ")
    assert "held_out.csv could not be read" in result.stderr
    assert not (tmp_path / "evaluation").exists()
