"""The files that are uploaded, and the files that the Unearthed CLI reads."""

import ast
import importlib.util
import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from support.checkout import ROOT, SCRIPTS, UPLOADED_FILES, run

# The client removes these files from the top level of the source distribution before it packs the rest.
SETUP_FILES = {"PKG-INFO", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in"}


@pytest.mark.skipif(
    importlib.util.find_spec("setuptools") is None,
    reason="setuptools, with which setup.py packs the upload, is not installed: pip install setuptools",
)
def test_the_archive_contains_what_the_pipeline_needs_and_nothing_else(tmp_path: Path) -> None:
    project = tmp_path / "project"
    ignore = shutil.ignore_patterns(".venv", ".git", "data", "model", "runs", "*_cache", ".hypothesis", "__pycache__")
    shutil.copytree(ROOT, project, ignore=ignore)
    (project / "data/public").mkdir(parents=True)
    (project / "data/public/public.csv.gz").write_bytes(b"data")
    (project / "test").mkdir()
    (project / "test/test_mine.py").write_text("")
    result = run("setup.py", "--quiet", "sdist", cwd=project)
    assert result.returncode == 0, result.stderr
    [archive] = (project / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {member.name.partition("/")[2] for member in tar.getmembers() if member.isfile()}
    names = {name for name in names if ".egg-info/" not in name}
    assert names - SETUP_FILES == {*UPLOADED_FILES, "requirements.txt"}


def test_the_challenge_file_has_every_key_and_no_address() -> None:
    challenge = json.loads((ROOT / ".unearthed_challenge.json").read_text())
    assert set(challenge) == {
        *("challengeId", "createdAt", "dataVersion", "dockerImage", "end", "innovatorPlatformRef", "link", "name"),
        *("publicDataUrl", "scoringFunctionUrl", "slug", "start", "templateUrl", "updatedAt"),
    }
    assert not any("//" in str(value) for value in challenge.values())
    assert challenge["dockerImage"] in (ROOT / "Dockerfile").read_text()
    assert f"challenge: {challenge['slug']}\n" in (ROOT / "submission.yml").read_text()


def test_the_docker_image_has_no_entrypoint_and_names_the_model_folder() -> None:
    dockerfile = re.sub(r"^#.*$", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert "ENTRYPOINT" not in dockerfile
    assert "SM_MODEL_DIR=/opt/ml/model" in dockerfile
    assert "ARG BASE_IMAGE=" in dockerfile


def test_no_script_imports_tools_and_preprocess_and_score_import_no_other_script() -> None:
    modules = {name.removesuffix(".py") for name in SCRIPTS}
    allowed = {"preprocess.py": set(), "score.py": set()}
    for script in SCRIPTS:
        tree = ast.parse((ROOT / script).read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not any(name.partition(".")[0] in ("recore", "stagemaker") for name in imported)
        assert imported & modules <= allowed.get(script, modules - {"score", "predict"}), script
