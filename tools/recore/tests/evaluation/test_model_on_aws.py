"""A run's model starts on AWS, where the container has no network access and first installs the submission with pip.

Like AWS's image, the tests copy code/, add a setup.py if it is missing, and run `pip install .`.
"""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from stagemaker_support.archives import archive_of, tarball
from support.checkout import ROOT, UPLOADED_FILES

from recore.evaluation.job_requests import RunSettings, model_request
from recore.evaluation.submission import read_submission
from stagemaker.isolation.bubblewrap import sandbox_works

CONTAINER = model_request(RunSettings("run", "bucket", "role"))["PrimaryContainer"]
VARIABLE = "PIP_NO_BUILD_ISOLATION"
# the file that AWS's image writes if SAGEMAKER_PROGRAM is train.py
SETUP = 'from setuptools import setup\nsetup(packages=[""], name="train", version="1.0.0", include_package_data=True)\n'
NAMED_FILES = "recursive-include . *\n"


class Image:
    """A virtual environment that replaces AWS's image and has this environment's packages."""

    def __init__(self, folder: Path):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin/python"
        [self.packages] = folder.glob("lib/python*/site-packages")
        (self.packages / "image.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def install(self, code: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        if not (code / "setup.py").exists():
            (code / "setup.py").write_text(SETUP)
            (code / "MANIFEST.in").write_text(NAMED_FILES)
        command = [self.python, "-m", "pip", "install", "."]
        if (code / "requirements.txt").exists():
            command += ["-r", "requirements.txt"]
        env = environment | {"PATH": f"{self.python.parent}:/usr/bin:/bin", "HOME": str(code.parent)}
        env |= {"PIP_RETRIES": "0"}  # without a network, pip should give up immediately
        if sandbox_works():
            sandbox = [shutil.which("bwrap"), "--unshare-net", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
            command = [*sandbox, *command]
        else:
            env["PIP_INDEX_URL"] = "http://127.0.0.1:9/"
        return subprocess.run(command, cwd=code, env=env, capture_output=True, text=True, timeout=120)

    def run(self, program: str) -> str:
        """Run a program outside this checkout, and return its output."""
        return subprocess.check_output([self.python, "-c", program], cwd="/", env={}, text=True).strip()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path / "image")


def code_of(submission: Path, folder: Path) -> Path:
    (folder / "trained.tar.gz").write_bytes(tarball(model=b"m"))
    read_submission(submission).join(folder / "trained.tar.gz", folder / "model.tar.gz")
    with tarfile.open(folder / "model.tar.gz") as tar:
        tar.extractall(folder / "model", filter="data")
    return folder / "model/code"


def test_this_repositorys_model_starts_without_a_network(image: Image, tmp_path: Path) -> None:
    result = image.install(code_of(ROOT, tmp_path), CONTAINER["Environment"])
    assert result.returncode == 0, result.stderr
    assert image.run("import train; print(train.__file__)") == str(image.packages / "train.py")
    for name in UPLOADED_FILES:
        assert (image.packages / name).read_bytes() == (ROOT / name).read_bytes()


def test_without_the_environment_variable_pip_needs_the_package_index(image: Image, tmp_path: Path) -> None:
    environment = {name: value for name, value in CONTAINER["Environment"].items() if name != VARIABLE}
    result = image.install(code_of(ROOT, tmp_path), environment)
    assert result.returncode == 1
    assert "No matching distribution found for setuptools" in result.stderr


FILES: dict[str, str | bytes] = {
    "train.py": f"import preprocess, bins.shapes.a\n{TRAIN}",
    "preprocess.py": PREPROCESS.replace("with gzip", "if __name__ == '__main__':\n  with gzip"),
    "bins/__init__.py": "",
    "bins/shapes/__init__.py": "",
    "bins/shapes/a.py": "",
    "bins/weights.npy": b"\x93NUMPY",
}


def test_packages_and_data_files_are_also_installed(image: Image, tmp_path: Path) -> None:
    setup = "from setuptools import setup\nsetup(name='x', py_modules=['train', 'preprocess'], packages=%r)\n"
    files = FILES | {"setup.py": setup % ["bins", "bins.shapes"], "MANIFEST.in": "include bins/*.npy\n"}
    result = image.install(code_of(stub(tmp_path / "mine", files), tmp_path), CONTAINER["Environment"])
    assert result.returncode == 0, result.stderr
    assert image.run("import train; print(train.__file__)") == str(image.packages / "train.py")
    for name, content in FILES.items():
        assert (image.packages / name).read_bytes() == (content.encode() if isinstance(content, str) else content)


def test_an_archive_does_not_contain_its_own_build(image: Image, tmp_path: Path) -> None:
    backend = '[build-system]\nrequires = ["another"]\nbuild-backend = "another"\n'
    files = {"train.py": TRAIN, "preprocess.py": PREPROCESS, "pyproject.toml": backend}
    files |= {"setup.py": "raise SystemExit('setup.py was run')", "setup.cfg": "[metadata]\nname = another\n"}
    (tmp_path / "src.tar.gz").write_bytes(archive_of(**files))
    code = code_of(tmp_path / "src.tar.gz", tmp_path)
    assert sorted(path.name for path in code.iterdir()) == ["preprocess.py", "train.py"]
    result = image.install(code, CONTAINER["Environment"])
    assert result.returncode == 0, result.stderr
    assert (image.packages / "train.py").read_text() == TRAIN
