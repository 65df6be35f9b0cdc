"""Environments of images: where they are found, and which of them are removed."""

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagemaker.images.catalogue import package_sets
from stagemaker.images.kept_environments import environments, remove_environments, size_of
from stagemaker.images.package_set import READY, NoEnvironmentError, PackageSet, find_python, lock_file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache"))
    folder = tmp_path / "a cache/stagemaker"
    folder.mkdir(parents=True)
    return folder


def make_folder(folder: Path, is_ready: bool = True) -> Path:
    lock_file(folder).touch()
    (folder / "lib/python3.12/site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python").touch()
    (folder / "large").write_bytes(bytes(100_000))
    if is_ready:
        (folder / READY).touch()
    return folder


def packages(tmp_path: Path, content: str, **members: object) -> PackageSet:
    (tmp_path / "packages.txt").write_text(content)
    return PackageSet("tiny", (tmp_path / "packages.txt",), **{"pythons": ("3.12",)} | members)


def test_installed_packages_need_no_environment(tmp_path: Path) -> None:
    available = packages(tmp_path, f"# of the tests\npytest=={pytest.__version__}\n")
    assert available.is_installed
    assert available.find().version_of("pytest") == pytest.__version__
    assert not packages(tmp_path, "pytest==0.1\n").is_installed
    assert not packages(tmp_path, f"pytest=={pytest.__version__}\nno-such-package==1.0\n").is_installed
    assert not packages(tmp_path, f"pytest=={pytest.__version__}\n", pythons=("3.99",)).is_installed


def test_only_a_complete_environment_is_used(tmp_path: Path, cache: Path) -> None:
    tiny_set = packages(tmp_path, "no-such-package==1.0\n")
    assert tiny_set.folder.parent == cache
    folder = make_folder(tiny_set.folder, is_ready=False)
    assert tiny_set.find() is None
    assert tiny_set.environment().packages == ()
    (folder / READY).touch()
    assert tiny_set.find().prefix == folder
    (folder / "bin/python").unlink()  # as after an upgrade of the Python that created it
    assert tiny_set.find() is None
    other = packages(tmp_path, "no-such-package==1.1\n")
    assert other.folder != folder
    assert other.find() is None


def test_a_missing_python_is_reported() -> None:
    assert find_python("3.99") is None
    missing = PackageSet("tiny", (Path(__file__),), ("3.99",))
    assert missing.problem().startswith("tiny requires Python 3.99 with venv, which was not found: ")
    with pytest.raises(NoEnvironmentError, match="tiny requires Python"):
        missing.make(print)


def test_unneeded_environments_are_removed_unless_they_are_in_use(cache: Path) -> None:
    new_folders = [make_folder(each.folder) for each in package_sets()]
    old_folder, incomplete = make_folder(cache / "scikit-learn-0.1-0123456789ab"), cache / "pytorch-0123456789ab"
    make_folder(incomplete, is_ready=False)
    used_folder = make_folder(cache / "used-0123456789ab")
    others = ["notes", "notes-0123456789ab", "notes-0123456789abc"]
    for other in others:
        (cache / other).mkdir()
        (cache / other / READY).touch()
    (cache / "link-0123456789ab").symlink_to(cache / "notes")
    with open(used_folder / READY) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert set(remove_environments(False)) == {(old_folder, True), (incomplete, True), (used_folder, False)}
        assert environments() == sorted([*new_folders, used_folder])
    assert size_of(used_folder) >= 100_000
    assert {folder for folder, is_gone in remove_environments(True) if is_gone} == {*new_folders, used_folder}
    assert environments() == []
    assert sorted(path.name for path in cache.glob("[!.]*")) == ["link-0123456789ab", *others]


def test_an_environment_that_this_process_uses_stays_until_it_is_recreated(tmp_path: Path, cache: Path) -> None:
    tiny_set = packages(tmp_path, "no-such-package==1.0\n")
    make_folder(tiny_set.folder)
    assert tiny_set.find()
    assert list(remove_environments(True)) == [(tiny_set.folder, False)]
    (tiny_set.folder / READY).unlink()  # by hand
    assert tiny_set.find() is None
    assert list(remove_environments(True)) == [(tiny_set.folder, True)]


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path, cache: Path) -> None:
    tiny_set = packages(tmp_path, "no-such-package==1.0\n")
    make_folder(tiny_set.folder)
    cache.chmod(0o777)
    assert tiny_set.find() is None
    assert tiny_set.problem() == f"{cache}: other users can write to this folder; remove their write permission"
    cache.chmod(0o755)
    assert tiny_set.find()
    if not os.geteuid():
        os.chown(cache, 12345, -1)
        assert tiny_set.find() is None
        assert (
            tiny_set.problem() == f"{cache}: this folder belongs to another user; set XDG_CACHE_HOME to your own folder"
        )


@pytest.mark.parametrize("path", ["", "bin", "lib", "lib/python3.12", "lib/python3.12/site-packages"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda path: path.chmod(0o775), "other users can write to this folder"),
        (lambda path: os.chown(path, 12345, -1), "this folder belongs to another user"),
        (lambda path: path.rename(path.with_name("x")) and path.symlink_to("x"), "this is a symbolic link"),
    ],
    ids=["mode", "owner", "link"],
)
def test_an_environment_that_others_could_have_changed_is_not_used(
    path: str, fault: Callable[[Path], None], reason: str, tmp_path: Path, cache: Path
) -> None:
    if "another" in reason and os.geteuid():
        pytest.skip("only root can create a folder that belongs to another user")
    tiny_set = packages(tmp_path, "no-such-package==1.0\n")
    folder = make_folder(tiny_set.folder)
    fault(folder / path)
    assert tiny_set.find() is None
    assert tiny_set.problem() == f"{folder / path}: {reason}; remove {folder}, and it will be created again"
    with pytest.raises(NoEnvironmentError, match=reason):
        tiny_set.make(print)


def test_programs_of_the_working_directory_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("venv", "ensurepip", "argparse"):
        (tmp_path / f"{name}.py").write_text("open('was run', 'w')\n")
    monkeypatch.setattr("stagemaker.images.package_set._pythons", {})
    program = find_python(".".join(map(str, sys.version_info[:2])))
    assert not (tmp_path / "was run").exists()
    assert program == str(Path(sys._base_executable).resolve())  # not a program that depends on the working directory
