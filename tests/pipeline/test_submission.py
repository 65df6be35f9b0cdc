"""Which files of a submission travel: those that setuptools itself packs, less what the client drops."""

import gzip
import shutil
import tarfile
from pathlib import Path

import pytest
from scripts.test_archive import DROPPED
from support.archives import content, packed
from support.checkout import ROOT, UPLOADED, run
from support.tiny_submission import SETUP, tiny, write

from recore.pipeline.submission import read_submission

DATA = {"weights.npy": b"\x93NUMPY", "notes.txt": "", "data/a.npy": b"a", "data/deep/b.npy": b"b", "data/c.txt": "c"}
TWO_MODULES = SETUP.replace('["train"', '["model", "train"')
PACKAGE = SETUP.replace("py_modules", 'packages=["bins", "bins.shapes"], py_modules')
README = "README.md of a submission\n"


def manifest(*lines: str) -> dict[str, str | bytes]:
    return DATA | {"MANIFEST.in": "\n".join(lines) + "\n"}


CASES = [
    pytest.param({"setup.py": TWO_MODULES, "model.py": "", "other.py": ""}, id="train.py in several modules"),
    pytest.param(
        {
            "setup.py": PACKAGE,
            **dict.fromkeys(("bins/__init__.py", "bins/a.py", "bins/shapes/__init__.py", "bins/other/c.py"), ""),
            "bins/weights.npy": b"not named",
        },
        id="a package with a subpackage",
    ),
    pytest.param(DATA, id="no MANIFEST.in"),
    pytest.param(manifest("include weights.npy *.txt"), id="include"),
    pytest.param(manifest("include data/*.npy data"), id="include in a folder"),
    pytest.param(
        manifest("include \\", "  weights.npy # the model", "", "# include notes.txt"), id="lines and comments"
    ),
    pytest.param(manifest("recursive-include data *.npy nothing"), id="recursive-include"),
    pytest.param(manifest("recursive-include . [a-b].npy"), id="recursive-include of all"),
    pytest.param(manifest("global-include *.npy"), id="global-include"),
    pytest.param(manifest("graft data/"), id="graft"),
    pytest.param(manifest("graft data", "prune data/deep"), id="prune"),
    pytest.param(manifest("prune data", "graft data"), id="the later line counts"),
    pytest.param(manifest("graft data", "exclude data/a.npy weights.npy"), id="exclude"),
    pytest.param(manifest("graft data", "recursive-exclude data *.npy"), id="recursive-exclude"),
    pytest.param(manifest("graft data", "include *", "global-exclude [!w]*.npy ?.txt"), id="global-exclude"),
    pytest.param({"README.md": README}, id="README comes by itself"),
    pytest.param({"README.md": README, "MANIFEST.in": "exclude README.md\n"}, id="README excluded"),
    pytest.param({"test/test_x.py": "", "test/data.txt": "", "setup.cfg": "", "pyproject.toml": ""}, id="test"),
    pytest.param({"test/test_x.py": "", "MANIFEST.in": "prune test\n"}, id="test pruned"),
    pytest.param({"LICENSE": "", "NOTICE.txt": ""}, id="licences come by themselves"),
    pytest.param({"README": "", "README.rst": ""}, id="the first README alone comes"),
    pytest.param(
        manifest("global-include *.npy") | {"build/b.npy": "", ".git/c.npy": ""}, id="build/ and .git/ never come"
    ),
    pytest.param(
        {"setup.py": SETUP.replace('["train"', '["bins.a", "train"'), "bins/__init__.py": "", "bins/a.py": ""},
        id="a dotted module's __init__.py comes",
    ),
]


def distributed(folder: Path, work: Path) -> dict[str, bytes]:
    """What setuptools packs of a folder, less what the client drops."""
    shutil.copytree(folder, work)
    done = run("setup.py", "--quiet", "sdist", cwd=work)
    assert done.returncode == 0, done.stderr
    [archive] = (work / "dist").glob("*.tar.gz")
    files = {name.partition("/")[2]: text for name, text in content(archive).items()}
    return {name: text for name, text in files.items() if name not in DROPPED and ".egg-info/" not in name}


@pytest.mark.parametrize("files", CASES)
def test_a_folder_holds_what_setuptools_packs(files: dict[str, str | bytes], tmp_path: Path) -> None:
    folder = tiny(tmp_path / "mine", files)
    assert read_submission(folder).files == distributed(folder, tmp_path / "copy")


def test_of_this_repository_the_modules_that_setup_py_names(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    files = read_submission(ROOT).files
    assert files == distributed(folder, tmp_path / "copy")
    assert set(files) == {*UPLOADED, "requirements.txt"}


def test_the_same_files_are_the_same_archive_at_any_time_and_place(tmp_path: Path) -> None:
    first, second = (read_submission(tiny(tmp_path / name, {"README.md": README})) for name in ("a", "b"))
    (tmp_path / "b/train.py").touch()
    (tmp_path / "b/train.py").chmod(0o600)
    assert first.archive == second.archive == read_submission(tmp_path / "b").archive
    assert first.sha256 == second.sha256
    assert content(first.archive) == first.files
    tiny(tmp_path / "b", {"README.md": "another"})
    assert read_submission(tmp_path / "b").sha256 != first.sha256


def test_an_archive_is_read_as_its_folder(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "mine", {"README.md": README, "test/test_x.py": ""})
    files = read_submission(folder).files
    with tarfile.open(tmp_path / "src.tar.gz", "w:gz") as tar:
        tar.add(folder / "test", "./test", recursive=False)
        for name in files:
            tar.add(folder / name, f"./{name}")
    read = read_submission(tmp_path / "src.tar.gz")
    assert read.files == files
    assert read.archive == read_submission(folder).archive


@pytest.mark.parametrize("name", ["train.py", "preprocess.py"])
def test_both_scripts_must_be_named(name: str, tmp_path: Path) -> None:
    other = "train" if name == "preprocess.py" else "preprocess"
    folder = tiny(tmp_path / "mine", {"setup.py": SETUP.replace('"train", "preprocess"', f'"{other}"')})
    with pytest.raises(ValueError, match=f"{name} would not be uploaded; add it to py_modules"):
        read_submission(folder)
    tiny(folder, {"MANIFEST.in": f"exclude {name}\n"})
    with pytest.raises(ValueError, match=f"{name} would not be uploaded"):
        read_submission(folder)
    (tmp_path / "src.tar.gz").write_bytes(packed(**{other: b""}))
    with pytest.raises(ValueError, match=f"{name} would not be uploaded"):
        read_submission(tmp_path / "src.tar.gz")


def test_missing_and_invalid_submissions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such submission"):
        read_submission(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"there is no setup\.py to name the files to upload"):
        read_submission(write(tmp_path / "mine", {"train.py": ""}))
    for text in (b"", b"text", gzip.compress(b""), gzip.compress(b"text")):
        (tmp_path / "src.tar.gz").write_bytes(text)
        with pytest.raises(ValueError, match=r"src\.tar\.gz: "):
            read_submission(tmp_path / "src.tar.gz")
