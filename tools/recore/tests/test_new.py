import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from recore_support.command import recore, recore_process, usage_error
from recore_support.contract import assert_contract_kept
from recore_support.edited_submissions import SUBMISSIONS, insert, replace
from recore_support.replaced_fit import train_with
from recore_support.run_command import file_options
from support.checkout import ROOT, UPLOADED_FILES, copy_checkout, environment
from support.template import template_only

from recore.evaluation.submission import read_submission
from recore.template.new_submission import list_models, write_submission

MODELS = ("ridge", "pls", "xgboost")
PLS = """
from sklearn.cross_decomposition import PLSRegression
from estimators import MeanRegressor, MeasuredRowsRegressor


def fit(inputs, targets, holes, n_components=8):
    pls = MeasuredRowsRegressor(PLSRegression(n_components))
    return MeanRegressor([pls], lowest=0.0).fit(inputs, targets)
"""


@template_only
@pytest.mark.parametrize("model", MODELS)
def test_a_new_submission_contains_the_uploaded_files_and_no_internal_ones(model: str, tmp_path: Path) -> None:
    assert set(list_models()) == set(MODELS)
    result = recore("new", tmp_path / "mine", "--model", model)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "mine"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    modules = set(UPLOADED_FILES)
    other_files = set("predict.py score.py setup.py requirements.txt MANIFEST.in submission.yml Makefile".split())
    other_files |= {"README.md", ".gitignore", ".python-version", ".unearthed_challenge.json"}
    contract_files = {f"tests/contract/{path.name}" for path in (ROOT / "tests/contract").glob("*.py")}
    assert names == modules | other_files | contract_files | {".github/workflows/check.yml"}
    assert set(read_submission(folder).files) == modules | {"requirements.txt"}
    assert ("xgboost-cpu==" in (folder / "requirements.txt").read_text()) == (model == "xgboost")
    assert os.listdir(tmp_path) == ["mine"]
    assert not re.search(r"\{\w+\}", (folder / "README.md").read_text())
    lint = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", "--no-cache", "train.py"]
    assert subprocess.run(lint, cwd=folder).returncode == 0
    workflow = (folder / ".github/workflows/check.yml").read_text()
    assert yaml.safe_load(workflow)["env"].keys() == {"RECORE"}
    packages = re.findall(r'#subdirectory=([^"]+)"', workflow)
    assert packages == ["tools/stagemaker", "tools/recore"]
    assert all((ROOT / name / "pyproject.toml").is_file() for name in packages)


def test_only_an_empty_folder_is_filled_and_a_model_must_exist(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    assert "is not an empty folder" in usage_error(recore_process("new", tmp_path / "full"))
    assert recore("new", tmp_path / "full/notes.txt").returncode == 2
    (tmp_path / "empty").mkdir()
    for target in ("empty", "nothing"):
        link = tmp_path / f"to {target}"
        link.symlink_to(target)
        result = recore("new", link)
        assert (result.returncode, os.readlink(link)) == (2, target)
        assert "choose a different one" in result.stderr
    assert not list((tmp_path / "empty").iterdir())
    assert [(path.name, path.read_text()) for path in (tmp_path / "full").iterdir()] == [("notes.txt", "mine")]
    assert "train.py" in write_submission(tmp_path / "empty")
    with pytest.raises(ValueError, match="the model 'forest' does not exist; choose one of ridge, pls"):
        write_submission(tmp_path / "other", "forest")
    assert not (tmp_path / "other").exists()


def test_an_edited_checkout_writes_the_template_as_released(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    paths = os.pathsep.join(str(checkout / f"tools/{name}/src") for name in ("recore", "stagemaker"))

    def new(name: str, *options: object) -> tuple[Path, str]:
        result = recore_process("new", tmp_path / name, *options, cwd=tmp_path, PYTHONPATH=paths)
        assert result.returncode == (2 if name == "none" else 0), result.stderr
        return tmp_path / name, result.stdout + result.stderr

    fresh, output = new("fresh", "--model", "pls")
    assert "without your edits" not in output
    for name in (names := ("estimators.py", "preprocess.py", "setup.py")):
        with (checkout / name).open("a") as file:
            file.write("# mine\n")
    score = checkout / "score.py"
    score.write_bytes(score.read_bytes().replace(b"\n", b"\r\n"))  # as Git on Windows may write it
    assert f"{checkout / names[0]}: this file was edited, and the original is not in Git" in new("none")[1]
    subprocess.run(["git", "init", "-q", checkout], check=True)
    command = ["git", "hash-object", "-w", *(ROOT / name for name in names)]
    subprocess.run(command, cwd=checkout, check=True)  # as the template's commit does
    pls, output = new("pls", "--model", "pls")
    assert f"without your edits of {', '.join(names)}; `python -m recore new FOLDER --from" in output
    assert subprocess.run(["diff", "-r", fresh, pls]).returncode == 0
    (checkout / "mine.py").touch()
    replace("setup.py", '["train"', '["mine", "train"')(checkout)
    copy, output = new("copy", "--model", "pls", "--from", checkout)
    assert "new: copied .python-version, .unearthed_challenge.json, MANIFEST.in, estimators.py, mine.py, " in output
    assert [(copy / name).read_bytes() for name in names] == [(checkout / name).read_bytes() for name in names]
    assert (copy / "train.py").read_text() == (fresh / "train.py").read_text()
    assert "omit --model ridge" in new("none", "--model", "ridge", "--from", checkout)[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["good", "independent/forest", "independent/fourier"])
def test_good_submissions_follow_the_contract(name: str) -> None:
    assert_contract_kept(SUBMISSIONS / name)


@pytest.mark.slow
def test_a_bad_submission_does_not_follow_the_contract(tmp_path: Path) -> None:
    """The inputs that preprocess.py returns contain an assay."""
    shutil.copytree(SUBMISSIONS / "independent/forest", tmp_path / "leak")
    insert("preprocess.py", '    means["copper"] = data.get("CuPPM", 0.0)\n', "    return means")(tmp_path / "leak")
    with pytest.raises(AssertionError, match="test_inputs_do_not_depend_on_assays"):
        assert_contract_kept(tmp_path / "leak")


@pytest.mark.slow
def test_a_fork_with_another_model_and_other_bins_follows_the_contract(tmp_path: Path) -> None:
    fork = copy_checkout(tmp_path / "fork")
    (fork / "train.py").write_text(train_with(PLS))
    replace("preprocess.py", "BIN = 7 ", "BIN = 11 ", "EDGE = 100 ", "EDGE = 20 ")(fork)
    # the environment is up to date, although the copied files are newer
    command = ["make", "test-submission", f"VENV={sys.prefix}", "--old-file", f"{sys.prefix}/ready-dev"]
    result = subprocess.run(command, cwd=fork, env=environment(), capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert " passed" in result.stdout


@pytest.mark.slow
@template_only
@pytest.mark.parametrize("model", MODELS)
def test_each_model_runs_by_hand_in_the_pipeline_and_in_validate(model: str, sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_submission(folder, model)
    public = sample / "public/public.csv.gz"
    (folder / "data/public").mkdir(parents=True)
    shutil.copy(public, folder / "data/public")
    (folder / ".venv").symlink_to(sys.prefix)  # installing an environment takes minutes
    os.utime(folder / "requirements.txt", (0, 0))
    command = ["make", "by-hand"]
    result = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    assert float((folder / "data/scores/public.txt").read_text()) > 0.3
    result = recore_process("run", folder, *file_options(sample), "--isolation", "auto", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert np.isfinite(float((tmp_path / "run/scores/private.txt").read_text()))
    options = ["--public", public, "--out", tmp_path / "v.html", "--repeats", 1, "--time-limit", 0]
    result = recore("validate", folder, *options)
    assert result.returncode == 0, result.stderr
    assert_contract_kept(folder, folder=folder)
