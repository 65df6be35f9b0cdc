import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from recore.distribution import TEMPLATE_FILES

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("installed")]
NEEDED_FILES = {
    "stagemaker": {"py.typed", "container/packages.txt", "images/pytorch.txt", "images/uv.toml"},
    "recore": {"py.typed", "dataset/targets.toml", "web/aws/requirements.txt", "handover/templates/README.md.jinja"},
}
# one quick file from each group that does not need the template's own submission
TEST_MODULES = ("test_cli.py", "evaluation/test_scores.py", "check/test_source_rules.py", "dataset/test_split.py")


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    variables = environment() | {"PYTHONWARNINGS": "ignore"}
    result = subprocess.run(list(map(str, command)), env=variables, capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    for name in NEEDED_FILES:
        run(sys.executable, "-m", "build", "--outdir", folder, ROOT / "tools" / name)
    return folder


def test_the_built_packages_are_complete(packages: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *packages.iterdir())
    for name, needed in NEEDED_FILES.items():
        [wheel] = packages.glob(f"{name}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            files = set(archive.namelist())
            metadata = next(file for file in files if file.endswith("/METADATA"))
            description = archive.read(metadata).decode()
        assert {f"{name}/{file}" for file in needed} <= files
        assert any(file.endswith("licenses/LICENSE") for file in files)
        assert f"# {name}\n" in description  # the package's README
        [source] = packages.glob(f"{name}-*.tar.gz")
        with tarfile.open(source) as archive:
            top = {member.partition("/")[2].partition("/")[0] for member in archive.getnames()}
        assert {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "src", "tests", "docs"} <= top
    with zipfile.ZipFile(next(packages.glob("recore-*.whl"))) as archive:
        files = archive.namelist()
    for name in TEMPLATE_FILES:
        assert any(file.startswith(f"recore/template_files/{name}") for file in files), name


def test_each_has_the_licence_of_the_repository() -> None:
    for name in NEEDED_FILES:
        assert (ROOT / "tools" / name / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_recore_and_its_tests_run_with_stagemaker_from_its_wheel(packages: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    uv = Path(sys.prefix, "bin/uv")
    constraints = ROOT / "tools/requirements/constraints.txt"
    wheels = sorted(packages.glob("*.whl"))
    run(uv, "pip", "install", "--quiet", "--python", python, *wheels, "-c", constraints, cwd=tmp_path)
    lists = ("requirements/dev.txt", "stagemaker/src/stagemaker/images/xgboost.txt")
    options = [word for name in lists for word in ("-r", ROOT / "tools" / name)]
    run(uv, "pip", "install", "--quiet", "--python", python, *options, cwd=tmp_path)
    program = "import recore, stagemaker; print(recore.__file__, stagemaker.__file__)"
    assert str(ROOT) not in run(python, "-c", program, cwd=tmp_path).stdout
    run(python.with_name("recore"), "sample", "--out", "data", "--rows", "400", "--holes", "10", cwd=tmp_path)
    run(python.with_name("recore"), "new", "mine", cwd=tmp_path)
    run(python.with_name("recore"), "run", "mine", "--public", "data/public/public.csv.gz", cwd=tmp_path)
    tests = [ROOT / "tools/recore/tests" / name for name in TEST_MODULES]
    selection = ["-m", "not (slow or timing or fuzz or machine)", "-p", "no:cacheprovider"]
    run(python, "-m", "pytest", "-q", "-n", os.cpu_count() or 1, *selection, *tests, cwd=ROOT)
