import json
import shutil
from pathlib import Path

import pytest
from recore_support.command import recore, recore_process
from recore_support.records import make_record, write_record
from recore_support.validations import TRAIN, item
from support.checkout import copy_scripts

from recore.evaluation import read_record, read_submission, sha256_of
from recore.report.page.content import PageFinding
from recore.report.validate.submission_report import validate_submission
from recore.validation import ValidationSettings


@pytest.mark.slow
def test_a_submission_with_several_hyperparameters_but_no_alpha_has_no_curve(
    tmp_path: Path, linear_submission: Path, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("alpha_m", "other_m"))
    monkeypatch.chdir(tmp_path / "s")
    page = validate_submission(Path(), small_file, ValidationSettings(repeats=1, time_limit=10))
    assert page.facts["submission"] == "s"
    section = next(section for section in page.sections if section.name == "curve")
    assert section.items == ()
    assert "--curve NAME: other_min, other_max, alphas" in section.note


def test_runs_of_it_get_the_recomputed_score(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:

    shutil.copytree(linear_submission, tmp_path / "s")
    copy_scripts(tmp_path / "s", "setup.py", "estimators.py")
    record = make_record() | {"submission": {"path": "s", "sha256": read_submission(tmp_path / "s").sha256}}
    record["data"] = {"public": {"path": "public.csv", "sha256": sha256_of(small_file)}}

    def validate(unverified: float) -> PageFinding:
        record["scores"] = make_record(**{"held-out": unverified})["scores"]
        write_record(tmp_path / "runs", "mine", record)
        settings = ValidationSettings(repeats=1, time_limit=0.01)
        page = validate_submission(tmp_path / "s", small_file, settings, runs=tmp_path / "runs")
        return next(finding for finding in page.findings if finding.name == "unverified score")

    finding = validate(0.9)
    recomputed = finding.values["recomputed"]
    assert finding.level == "bad"
    assert f"unverified held-out score is 0.9000, but this report computes {recomputed:.4f}, so the" in finding.text
    assert read_record(tmp_path / "runs/mine").recomputed_held_out == recomputed
    finding = validate(recomputed)
    assert (finding.level, finding.text.partition(": ")[2]) == (
        "good",
        f"the unverified held-out score is the same, {recomputed:.4f}",
    )


def test_no_file_remains_in_a_submissions_folder(csv_dir: Path, linear_submission: Path) -> None:
    facts = json.loads((csv_dir / "contents.json").read_text())["facts"]
    assert facts["submission"] == linear_submission.name
    assert {path.name for path in linear_submission.iterdir()} == {"preprocess.py", "train.py"}


@pytest.mark.slow
def test_a_value_where_fit_fails_is_on_the_curve(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    failing_code = (
        "if strength == 3: raise ValueError('three')\n    if strength == 4: import os; os._exit(9)\n"
        "    strengths = [8] if strength == 5 else strengths\n    return Ridge"
    )
    script = TRAIN.replace("alpha_min=0.001, alpha_max=10.0, alphas=3", "strength=8").replace(
        "return Ridge", failing_code
    )
    script = script.replace("strengths = np.geomspace(alpha_min, alpha_max, alphas)\n", "strengths = [strength]\n")
    (tmp_path / "s/train.py").write_text(script)
    settings = ValidationSettings(repeats=1, time_limit=10, curve="strength=1,3,4,5,10000")
    page = validate_submission(tmp_path / "s", small_file, settings)
    table = item(page, "curve-score")
    assert set(table["strength"]) == {1, 5, 8, 10000}
    scores = table[table["held out"] == "held-out drill holes"].set_index("strength")["score"]
    comparison = item(page, "comparison-scores").set_index(["method", "held out"])["score"]
    assert scores[8] == comparison["this submission", "held-out drill holes"]
    findings = {finding.name: finding for finding in page.findings}
    assert findings["curve"].values["value"] == scores.idxmax()
    assert findings["no effect"].values["values"] == [5]
    assert findings["failed values"].values["values"] == [3, 4]
    note = next(section.note for section in page.sections if section.name == "curve")
    assert "three" in note
    assert "exit code 9" in note


@pytest.mark.slow
def test_an_ignored_hyperparameter_has_no_effect(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    script = TRAIN.replace("alpha_min=0.001, alpha_max=10.0, alphas=3", "components=8")
    script = script.replace("np.geomspace(alpha_min, alpha_max, alphas)", "[1.0]")
    (tmp_path / "s/train.py").write_text(script)
    settings = ValidationSettings(repeats=1, time_limit=10, curve="components=4,16")
    findings = {each.name: each for each in validate_submission(tmp_path / "s", small_file, settings).findings}
    assert "curve" not in findings
    assert findings["no effect"].text.startswith("components = 4, 16 has no effect")


@pytest.mark.slow
def test_validate_writes_a_report_or_an_error(tmp_path: Path, small_file: Path, linear_submission: Path) -> None:
    out = tmp_path / "validated.html"
    result = recore_process("validate", linear_submission, "--public", small_file, "--repeats", 1, "--out", out)
    assert result.returncode == 0, result.stderr
    assert all(line.startswith("validate: ") for line in result.stderr.splitlines())
    assert "validate: fitting" in result.stderr.splitlines()
    assert result.stdout.splitlines()[-1] == f"validate: {out}; its data are in {tmp_path / 'validated'}"
    assert all(line[:6].strip() in {"bad", "note", "good"} for line in result.stdout.splitlines()[:-1])
    (tmp_path / "s").mkdir()
    with pytest.raises(ValueError, match=r"this folder contains no preprocess\.py"):
        validate_submission(tmp_path / "s", small_file)
    shutil.copy(linear_submission / "preprocess.py", tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("return Ridge", "return unknown"))
    result = recore("validate", tmp_path / "s", "--public", small_file, "--out", out, "--json")
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("validate: ")]
    assert "name 'unknown' is not defined (train.py, line 8, in fit)" in line
