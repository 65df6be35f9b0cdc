import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from recore_support.command import recore, recore_process
from recore_support.contract import assert_contract_kept
from recore_support.replaced_fit import train_with
from recore_support.run_command import file_options
from support.checkout import ROOT, UPLOADED, copy_checkout, environment
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
    modules = set(UPLOADED)
    other_files = {
        "predict.py",
        "score.py",
        "setup.py",
        "requirements.txt",
        "MANIFEST.in",
        "submission.yml",
        "Makefile",
        "README.md",
    }
    hidden_files = {".gitignore", ".python-version", ".unearthed_challenge.json", ".github/workflows/check.yml"}
    contract_files = {f"tests/contract/{path.name}" for path in (ROOT / "tests/contract").glob("*.py")}
    assert names == modules | other_files | hidden_files | contract_files
    assert set(read_submission(folder).files) == modules | {"requirements.txt"}
    assert ("xgboost-cpu==" in (folder / "requirements.txt").read_text()) == (model == "xgboost")
    assert os.listdir(tmp_path) == ["mine"]
    assert not re.search(r"\{\w+\}", (folder / "README.md").read_text())
    lint = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", "--no-cache", "train.py"]
    assert subprocess.run(lint, cwd=folder).returncode == 0
    workflow = (folder / ".github/workflows/check.yml").read_text()
    assert yaml.safe_load(workflow)["env"].keys() == {"RECORE"}
    installed = re.findall(r'#subdirectory=([^"]+)"', workflow)
    assert installed == ["tools/stagemaker", "tools/recore"]
    assert all((ROOT / name / "pyproject.toml").is_file() for name in installed)


def test_a_folder_with_files_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = recore_process("new", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "is not an empty folder" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    result = recore("new", tmp_path / "notes.txt")
    assert result.returncode == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_symbolic_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for target in ("empty", "nothing"):
        link = tmp_path / f"to {target}"
        link.symlink_to(target)
        result = recore("new", link)
        assert (result.returncode, os.readlink(link)) == (2, target)
        assert "choose another one" in result.stderr
    assert not list((tmp_path / "empty").iterdir())


def test_an_empty_folder_is_filled_and_an_unknown_model_is_refused(tmp_path: Path) -> None:
    assert "train.py" in write_submission(tmp_path)
    with pytest.raises(ValueError, match="no model 'forest': ridge, pls"):
        write_submission(tmp_path / "other", "forest")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["good", "random_numbers"])
def test_good_submissions_follow_the_contract(name: str) -> None:
    assert_contract_kept(ROOT / "tools/recore/tests/submissions" / name)


@pytest.mark.slow
def test_a_bad_submission_does_not_follow_the_contract(tmp_path: Path) -> None:
    """The inputs of such a submission contain an assay."""
    shutil.copytree(ROOT / "tools/recore/tests/submissions/random_numbers", tmp_path / "leak")
    script = tmp_path / "leak/preprocess.py"
    text = script.read_text()
    assert text.count("    return inputs.") == 1
    leak = '    inputs["copper"] = data.get("CuPPM", 0.0)\n'
    script.write_text(text.replace("    return inputs.", f"{leak}    return inputs."))
    with pytest.raises(AssertionError, match="test_inputs_do_not_depend_on_assays"):
        assert_contract_kept(tmp_path / "leak")


@pytest.mark.slow
def test_a_fork_with_another_model_and_other_bins_follows_the_contract(tmp_path: Path) -> None:
    """The tests run as `make test-submission` runs them in a checkout that a participant has edited."""
    fork = copy_checkout(tmp_path / "fork")
    (fork / "train.py").write_text(train_with(PLS))
    source = (ROOT / "preprocess.py").read_text()
    changed_source = source.replace("BIN = 7 ", "BIN = 11 ").replace("EDGE = 100 ", "EDGE = 20 ")
    assert changed_source.count("BIN = 11 ") == changed_source.count("EDGE = 20 ") == 1
    (fork / "preprocess.py").write_text(changed_source)
    # the environment is up to date, although the files of the copy are newer
    command = ["make", "test-submission", f"VENV={sys.prefix}", "--old-file", f"{sys.prefix}/ready-dev"]
    result = subprocess.run(command, cwd=fork, env=environment(), capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert " passed" in result.stdout


@pytest.mark.slow
@template_only
@pytest.mark.parametrize("model", MODELS)
def test_each_model_runs_by_hand_in_the_pipeline_and_in_validate(model: str, sample: Path, tmp_path: Path) -> None:
    """The new submission also passes its own tests."""
    folder = tmp_path / "mine"
    write_submission(folder, model)
    public = sample / "public/public.csv.gz"
    (folder / "data/public").mkdir(parents=True)
    shutil.copy(public, folder / "data/public")
    result = subprocess.run(
        ["make", "by-hand"], cwd=folder, env=prepare_environment(folder), capture_output=True, text=True, timeout=900
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert float((folder / "data/scores/public.txt").read_text()) > 0.3
    result = recore_process("run", folder, *file_options(sample), "--isolation", "auto", "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert np.isfinite(float((tmp_path / "run/scores/private.txt").read_text()))
    result = recore(
        "validate", folder, "--public", public, "--out", tmp_path / "v.html", "--repeats", 1, "--minutes", 0
    )
    assert result.returncode == 0, result.stderr
    assert_contract_kept(folder, folder=folder)


def prepare_environment(folder: Path) -> dict[str, str]:
    """Link this environment into the folder, as installing one takes minutes."""
    (folder / ".venv").symlink_to(sys.prefix)
    os.utime(folder / "requirements.txt", (0, 0))
    return environment()
