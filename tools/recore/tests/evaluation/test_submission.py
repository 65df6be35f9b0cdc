import gzip
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from recore_support.tiny_submission import SETUP, stub, write
from scripts.test_archive import SETUP_FILES
from stagemaker_support.archives import content, tarball
from support.checkout import ROOT, UPLOADED_FILES, run

from recore.evaluation.submission import read_submission

DATA = {"weights.npy": b"\x93NUMPY", "notes.txt": "", "data/a.npy": b"a", "data/deep/b.npy": b"b", "data/c.txt": "c"}
TWO_MODULES = SETUP.replace('["train"', '["model", "train"')
PACKAGE = SETUP.replace("py_modules", 'packages=["bins", "bins.shapes"], py_modules')
FIND_PACKAGES = SETUP.replace("import setup", "import find_packages, setup")
FOLDERS = "bins bins/shapes bins/tests tests tests/data notes.d ez_setup".split()
TREE = {f"{folder}/{name}": "" for folder in FOLDERS for name in ("__init__.py", "a.py")} | {"bins/no/b.py": ""}
README = "README.md of a submission\n"


def manifest(*lines: str) -> dict[str, str | bytes]:
    return DATA | {"MANIFEST.in": "\n".join(lines) + "\n"}


CASES: dict[str, dict[str, str | bytes]] = {
    "train.py in several modules": {"setup.py": TWO_MODULES, "model.py": "", "other.py": ""},
    "a package with a subpackage": {
        "setup.py": PACKAGE,
        **dict.fromkeys(("bins/__init__.py", "bins/a.py", "bins/shapes/__init__.py", "bins/other/c.py"), ""),
        "bins/weights.npy": b"not named",
    },
    **{
        f"find_packages({arguments})": TREE
        | {"setup.py": FIND_PACKAGES.replace("py_modules", f"packages=find_packages({arguments}), py_modules")}
        for arguments in (
            "",
            "exclude=['*.tests', '*.tests.*', 'tests.*', 'tests']",
            "'.', ('bins',)",
            "exclude=['tests'], include=['*s']",
            "where='./', include=['b*', 'missing'], exclude=[]",
        )
    },
    "no MANIFEST.in": DATA,
    "include": manifest("include weights.npy *.txt"),
    "include in a folder": manifest("include data/*.npy data"),
    "lines and comments": manifest("include \\", "  weights.npy # the model", "", "# include notes.txt"),
    "recursive-include": manifest("recursive-include data *.npy nothing"),
    "recursive-include of the whole folder": manifest("recursive-include . [a-b].npy"),
    "global-include": manifest("global-include *.npy"),
    "graft": manifest("graft data/"),
    "prune": manifest("graft data", "prune data/deep"),
    "the later line takes precedence": manifest("prune data", "graft data"),
    "exclude": manifest("graft data", "exclude data/a.npy weights.npy"),
    "recursive-exclude": manifest("graft data", "recursive-exclude data *.npy"),
    "global-exclude": manifest("graft data", "include *", "global-exclude [!w]*.npy ?.txt"),
    "README is included by default": {"README.md": README},
    "README is excluded": {"README.md": README, "MANIFEST.in": "exclude README.md\n"},
    "test": {"test/test_x.py": "", "test/data.txt": "", "setup.cfg": "", "pyproject.toml": ""},
    "test/ is pruned": {"test/test_x.py": "", "MANIFEST.in": "prune test\n"},
    "licences are included by default": {"LICENSE": "", "NOTICE.txt": ""},
    "only the first README is included": {"README": "", "README.rst": ""},
    "build/ and .git/ are never included": manifest("global-include *.npy") | {"build/b.npy": "", ".git/c.npy": ""},
    "a dotted module's __init__.py is included": {
        "setup.py": SETUP.replace('["train"', '["bins.a", "train"'),
        "bins/__init__.py": "",
        "bins/a.py": "",
    },
}

PACK = """
import os, runpy, setuptools, sys
for folder in sys.argv[1:]:
    if not (child := os.fork()):
        os.chdir(folder)
        sys.argv = ["setup.py", "--quiet", "sdist"]
        runpy.run_path("setup.py", run_name="__main__")
        sys.exit()
    if os.waitpid(child, 0)[1]:
        sys.exit(folder)
"""


def pack_with_setuptools(folders: dict[str, Path], work: Path) -> dict[str, dict[str, bytes]]:
    """Return the files that setuptools packs, except files that the Unearthed CLI removes."""
    copies = {
        name: Path(shutil.copytree(folder, work / str(index))) for index, (name, folder) in enumerate(folders.items())
    }
    result = run("-c", PACK, *copies.values(), cwd=work)
    assert result.returncode == 0, result.stderr
    packed_files = {}
    for name, copy in copies.items():
        [archive] = (copy / "dist").glob("*.tar.gz")
        files = {path.partition("/")[2]: code for path, code in content(archive).items()}
        packed_files[name] = {
            path: code for path, code in files.items() if path not in SETUP_FILES and ".egg-info/" not in path
        }
    return packed_files


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("submissions")
    return {name: stub(folder / str(index), files) for index, (name, files) in enumerate(CASES.items())}


@pytest.fixture(scope="module")
def expected(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    return pack_with_setuptools(folders, tmp_path_factory.mktemp("packed"))


@pytest.mark.parametrize("name", CASES)
def test_a_folder_is_what_is_packed(name: str, folders: dict[str, Path], expected: dict[str, dict[str, bytes]]) -> None:
    assert read_submission(folders[name]).files == expected[name]


def test_this_repositorys_files_are_the_modules_that_setup_py_names(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    files = read_submission(ROOT).files
    assert files == pack_with_setuptools({"this": folder}, tmp_path)["this"]
    assert set(files) == {*UPLOADED_FILES, "requirements.txt"}


def test_the_archive_depends_only_on_the_files(tmp_path: Path) -> None:
    first, second = (read_submission(stub(tmp_path / name, {"README.md": README})) for name in ("a", "b"))
    (tmp_path / "b/train.py").touch()
    (tmp_path / "b/train.py").chmod(0o600)
    assert first.archive == second.archive == read_submission(tmp_path / "b").archive
    assert first.sha256 == second.sha256
    assert content(first.archive) == first.files
    stub(tmp_path / "b", {"README.md": "another"})
    assert read_submission(tmp_path / "b").sha256 != first.sha256


def test_an_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    folder = stub(tmp_path / "mine", {"README.md": README, "test/test_x.py": ""})
    files = read_submission(folder).files
    with tarfile.open(tmp_path / "src.tar.gz", "w:gz") as tar:
        tar.add(folder / "test", "./test", recursive=False)
        for name in files:
            tar.add(folder / name, f"./{name}")
    read = read_submission(tmp_path / "src.tar.gz")
    assert read.files == files
    assert read.archive == read_submission(folder).archive


@pytest.mark.parametrize("name", ["train.py", "preprocess.py"])
def test_setup_py_must_name_both_scripts(name: str, tmp_path: Path) -> None:
    other_script = "train" if name == "preprocess.py" else "preprocess"
    folder = stub(tmp_path / "mine", {"setup.py": SETUP.replace('"train", "preprocess"', f'"{other_script}"')})
    with pytest.raises(ValueError, match=f"{name} would not be uploaded; add it to py_modules"):
        read_submission(folder)
    stub(folder, {"MANIFEST.in": f"exclude {name}\n"})
    with pytest.raises(ValueError, match=f"{name} would not be uploaded"):
        read_submission(folder)
    (tmp_path / "src.tar.gz").write_bytes(tarball(**{other_script: b""}))
    with pytest.raises(ValueError, match=f"{name} would not be uploaded"):
        read_submission(tmp_path / "src.tar.gz")


@pytest.mark.parametrize(
    ("files", "removed_name", "reason"),
    [
        ({"Train.py": ""}, "train.py", "train.py, which does not exist; rename Train.py to train.py"),
        ({"Setup.py": ""}, "setup.py", "rename Setup.py to setup.py"),
        ({"setup.py": SETUP.replace('"train"', '"train.py"')}, "", "lists train.py; write module names without .py"),
        (
            {"train.py": "", "setup.py": "", "my model.ipynb": "{}"},
            "train.py setup.py",
            r"nbconvert --to script --output train 'my model\.ipynb'`",
        ),
    ],
    ids=["script", "setup.py", "suffix", "notebook"],
)
def test_a_file_that_was_meant_is_named(files: dict[str, str], removed_name: str, reason: str, tmp_path: Path) -> None:
    folder = stub(tmp_path / "mine", files)
    for name in removed_name.split():
        (folder / name).unlink()
    with pytest.raises(ValueError, match=reason):
        read_submission(folder)


def test_a_file_name_that_is_not_utf_8_is_rejected(tmp_path: Path) -> None:
    folder = stub(tmp_path / "mine", {"MANIFEST.in": "include *.txt\n"})
    (folder / os.fsdecode(b"caf\xe9.txt")).touch()
    reason = r"the file name 'caf\\udce9.txt' is not UTF-8; rename the file"
    with pytest.raises(ValueError, match=reason):
        read_submission(folder)
    with tarfile.open(tmp_path / "src.tar.gz", "w:gz") as tar:
        for path in folder.iterdir():
            tar.add(path, path.name)
    with pytest.raises(ValueError, match=reason):
        read_submission(tmp_path / "src.tar.gz")
    named = stub(tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(ValueError, match="is not UTF-8"):
        read_submission(named)


def test_an_archive_with_a_folder_at_its_top_is_rejected(tmp_path: Path) -> None:
    folder = stub(tmp_path / "mine")
    with tarfile.open(tmp_path / "src.tar.gz", "w:gz") as tar:
        tar.add(folder, "mine")
    with pytest.raises(ValueError, match="the files are in the folder 'mine'; pack only its contents"):
        read_submission(tmp_path / "src.tar.gz")


def test_missing_and_invalid_submissions_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the submission does not exist"):
        read_submission(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"setup\.py is missing; it lists the files to upload"):
        read_submission(write(tmp_path / "mine", {"train.py": ""}))
    for archive in (b"", b"text", gzip.compress(b""), gzip.compress(b"text")):
        (tmp_path / "src.tar.gz").write_bytes(archive)
        with pytest.raises(ValueError, match=r"src\.tar\.gz: "):
            read_submission(tmp_path / "src.tar.gz")
