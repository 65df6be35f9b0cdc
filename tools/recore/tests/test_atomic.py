import os
from pathlib import Path

import pytest

from recore import atomic


def make_folder(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "numbers.csv").write_text(content)


@pytest.mark.parametrize("before", [True, False])
def test_files_and_folders_are_replaced_and_nothing_else_is_left(tmp_path, before):
    folder, page = tmp_path / "missing/report", tmp_path / "missing/report.html"
    if before:
        folder.parent.mkdir()
        make_folder(folder, "old")
        page.write_text("old")
    with atomic.replace_paths(folder, page) as (new_folder, new_page):
        make_folder(new_folder, "new")
        new_page.write_text("new")
        assert page.exists() == before
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
    left = iter(range(calls))

    def raising(change):
        def changed(*arguments):
            if next(left, None) is None:
                monkeypatch.undo()
                raise error
            return change(*arguments)

        return changed

    def write():
        with atomic.replace_paths(folder, page) as (new_folder, new_page):
            make_folder(new_folder, "new")
            new_page.write_text("new")
            monkeypatch.setattr(Path, "rename", raising(Path.rename))
            monkeypatch.setattr(Path, "replace", raising(Path.replace))

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
    with atomic.replace_paths(tmp_path / "scores.txt") as (new,):
        new.write_text("1\n")
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
