"""setup.py runs with Python 3.8, in the image of `unearthed build`, if the Docker engine has this image."""

import shutil
from pathlib import Path

import pytest
from recore_support.edited_submissions import SUBMISSIONS
from stagemaker_support.docker_engine import engine, orphaned_containers
from support.checkout import ROOT, run

from recore.check.local_simulator import BUILD_IMAGE
from recore.dataset.sample_files import Plan, make_sample
from stagemaker.isolation.containers import image_exists

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("docker")]

NEEDS_PYTHON_3_9 = "assert 'setup.py'.removesuffix('.py') == 'setup'  # since Python 3.9\n"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder, Plan(rows=60, holes=6, channels=40))
    return folder / "public/public.csv.gz"


@pytest.mark.parametrize(
    ("extra_line", "is_flagged"), [("", False), (NEEDS_PYTHON_3_9, True)], ids=["unchanged", "newer"]
)
def test_setup_py_runs_with_the_clients_python(extra_line: str, is_flagged: bool, public: Path, tmp_path: Path) -> None:
    if not image_exists(engine(), BUILD_IMAGE):
        pytest.skip(f"the image {BUILD_IMAGE} is missing: run `docker pull {BUILD_IMAGE}`")
    submission = Path(shutil.copytree(SUBMISSIONS / "sound", tmp_path / "sound"))
    with open(submission / "setup.py", "a") as file:
        file.write(extra_line)
    result = run("-m", "recore", "check", submission, "--select", "RC251", "--public", public, cwd=ROOT)
    assert f"check: setup.py runs in a container of {BUILD_IMAGE}" in result.stderr
    assert result.returncode == int(is_flagged), result.stdout + result.stderr
    assert ("RC251 error: `python setup.py sdist` fails" in result.stdout) == is_flagged
    assert ("has no attribute 'removesuffix'" in result.stdout) == is_flagged
    assert not orphaned_containers()
