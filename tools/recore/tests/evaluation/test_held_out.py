import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import score
from recore_support.held_out import ScoreFailed, score_held_out
from sklearn.metrics import r2_score
from stagemaker_support.archives import archive_of, member, tarball
from support.checkout import ROOT
from support.data_files import write_csv

from recore.evaluation.held_out import NoHeldOutScoreError, extract_held_out

SCORE = ROOT / "score.py"


@pytest.fixture
def public(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """Return a data file with 30 rows, and its assays, some of which are missing."""
    random = np.random.default_rng(0)
    assays = pd.DataFrame(random.gamma(2.0, 9.0, (30, 49)), columns=list(score.TARGETS))
    assays = assays.mask(random.random(assays.shape) < 0.1)
    assays["TePPB"] = np.nan
    data = pd.concat([pd.DataFrame({"SiteID": "DD1", "3999.5": 0.5}, index=assays.index), assays], axis=1)
    return write_csv(tmp_path / "public.csv.gz", data), assays


def score_predictions(predicted: pd.DataFrame, public: Path, tmp_path: Path) -> dict:
    predicted.to_csv(tmp_path / "held-out.csv")
    score_held_out(tmp_path / "held-out.csv", public, SCORE, tmp_path / "scores.txt")
    return json.loads((tmp_path / "scores.json").read_text())


def test_rows_without_a_prediction_do_not_count(public: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    path, assays = public
    predicted = (assays.fillna(3.0) + 1.0).mask(np.random.default_rng(1).random(assays.shape) < 0.2)
    predicted["TePPB"] = np.nan
    details = score_predictions(predicted, path, tmp_path)
    expected = 0.0
    for name, weight in score.WEIGHTS.items():
        rows = assays[name].notna() & predicted[name].notna()
        if name == "TePPB":
            assert details["targets"][name]["r2"] is None
            continue
        r2 = r2_score(assays[name][rows], predicted[name][rows])
        assert details["targets"][name]["r2"] == pytest.approx(r2, rel=1e-12)
        expected += weight * r2
    assert details["score"] == pytest.approx(expected, rel=1e-12)
    assert details["rows"] == 30


def test_complete_predictions_have_the_score_of_score_py(public: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    path, assays = public
    predicted = assays.fillna(3.0) * 0.9
    value, _ = score.score(score.read_actual(path), predicted)
    assert score_predictions(predicted, path, tmp_path)["score"] == value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.iloc[1:], "held_out.csv has 29 rows, but the public data have 30"),
        (lambda table: table.iloc[:, :0], "none of the columns of the public data"),
        (lambda table: table.iloc[:, 1:], r"\(30, 48\) instead of \(30, 49\)"),
        (lambda table: table * np.nan, "every prediction is empty"),
        (lambda table: table.astype(str).replace("nan", "abc"), "'abc' is not a finite number"),
        (lambda table: table.fillna(np.inf), "not a finite number"),
        (lambda table: table.iloc[:0], "has 0 rows"),
    ],
    ids=["rows", "no columns", "columns", "empty", "text", "infinite", "no rows"],
)
def test_predictions_that_cannot_be_scored_are_rejected(
    change: Callable[[pd.DataFrame], pd.DataFrame], reason: str, public: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    path, assays = public
    predicted = (assays.fillna(3.0) + 1.0).mask(assays > 60.0) if "finite" in reason else assays.fillna(3.0)
    predicted.iloc[3, 7] = np.nan if "finite" in reason else 1.0
    with pytest.raises((NoHeldOutScoreError, ScoreFailed), match=reason):
        score_predictions(change(predicted), path, tmp_path)
    assert not (tmp_path / "scores.txt").exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"index\n", b'"', b"a,b\n1\n"])
def test_a_file_without_a_table_is_rejected(content: bytes, public: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "held-out.csv").write_bytes(content)
    with pytest.raises((NoHeldOutScoreError, ScoreFailed), match=r"\w"):
        score_held_out(tmp_path / "held-out.csv", public[0], SCORE, tmp_path / "scores.txt")


def extract(archive: bytes, folder: Path) -> None:
    (folder / "model.tar.gz").write_bytes(archive)
    extract_held_out(folder / "model.tar.gz", folder / "predictions/held-out.csv")


def test_the_file_next_to_the_model_is_extracted(tmp_path: Path) -> None:
    extract(archive_of(**{"./model.pkl": b"m", "./held_out.csv": b"a", "code/held_out.csv": b"b"}), tmp_path)
    assert (tmp_path / "predictions/held-out.csv").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"index" + b",a" * 1000 + b"\n", "its first line has more than 1,000 columns"),
        (b"a" * 70_000, "more than 1,000 columns or 64 kB"),
        (b"index,a\n" + b"\n" * 20_000_000, "more than 20,000,000 cells"),
    ],
    ids=["columns", "header", "cells"],
)
def test_a_table_that_would_take_long_to_parse_is_not_read(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NoHeldOutScoreError, match=reason):
        extract(archive_of(**{"held_out.csv": content}), tmp_path)
    assert not (tmp_path / "predictions/held-out.csv").exists()


@pytest.mark.parametrize(
    "archive",
    [
        archive_of(**{"model.pkl": b"m"}),
        tarball(member("held_out.csv", tarfile.SYMTYPE, "/etc/passwd")),
        archive_of(**{"code/held_out.csv": b"b"}),
    ],
    ids=["none", "a link", "elsewhere"],
)
def test_other_files_and_symbolic_links_are_not_extracted(archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(NoHeldOutScoreError, match=r"train.py did not write held_out\.csv next to the model"):
        extract(archive, tmp_path)
    assert not (tmp_path / "predictions/held-out.csv").exists()
