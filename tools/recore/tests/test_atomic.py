import os
from pathlib import Path

import pytest

from recore import atomic


def make_folder(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "numbers.csv").write_text(content)


@pytest.mark.parametrize("old_kind", [True, False])
def test_files_and_folders_are_replaced_and_nothing_else_is_left(tmp_path, old_kind):
    folder, page = tmp_path / "missing/report", tmp_path / "missing/report.html"
    if old_kind:
        folder.parent.mkdir()
        make_folder(folder, "old")
        page.write_text("old")
    with atomic.replace_paths(folder, page) as (new_folder, new_page):
        make_folder(new_folder, "new")
        new_page.write_text("new")
        assert page.exists() == old_kind
    assert (folder / "numbers.csv").read_text() == page.read_text() == "new"
    assert sorted(folder.parent.iterdir()) == [folder, page]
    assert page.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("calls", range(4))  # the error is raised before the first rename or after each one
def test_whatever_is_interrupted_leaves_what_was_there(tmp_path, monkeypatch, error, calls):
    folder, page = tmp_path / "report", tmp_path / "report.html"
    make_folder(folder, "old")
    page.write_text("old")
    countdown = iter(range(calls))

    def fail_late(change):
        def wrapper(*arguments):
            if next(countdown, None) is None:
                monkeypatch.undo()
                raise error
            return change(*arguments)

        return wrapper

    def write():
        with atomic.replace_paths(folder, page) as (new_folder, new_page):
            make_folder(new_folder, "new")
            new_page.write_text("new")
            monkeypatch.setattr(Path, "rename", fail_late(Path.rename))
            monkeypatch.setattr(Path, "replace", fail_late(Path.replace))

    if calls == 3:  # all renames are done
        write()
    else:
        with pytest.raises(error):
            write()
    content = "new" if calls == 3 else "old"
    assert (folder / "numbers.csv").read_text() == page.read_text() == content
    assert sorted(tmp_path.iterdir()) == [folder, page]


def test_the_remains_of_a_killed_process_are_removed(tmp_path):
    remains = tmp_path / ".scores.txt.0123abcd.part"
    make_folder(remains, "half")
    with atomic.replace_paths(tmp_path / "scores.txt") as (new_path,):
        new_path.write_text("1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.txt"]


def test_a_file_does_not_replace_a_folder(tmp_path):
    folder, page = tmp_path / "report", tmp_path / "report.html"
    make_folder(folder, "old")
    make_folder(page, "mine")

    def write():
        with atomic.replace_paths(folder, page) as (new_folder, new_page):
            make_folder(new_folder, "new")
            new_page.write_text("new")

    with pytest.raises(OSError, match="directory"):
        write()
    assert [(path / "numbers.csv").read_text() for path in (folder, page)] == ["old", "mine"]
