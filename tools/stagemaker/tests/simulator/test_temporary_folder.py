"""Temporary folders: jobs run with any TMPDIR, nothing is left behind, and socket paths are short enough."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.sandbox import SANDBOX
from stagemaker_support.simulator_client import Client, run_each_kind

from stagemaker import locked
from stagemaker.compute.scripts import input_files
from stagemaker.isolation import socket_folder
from stagemaker.server import Simulator

pytestmark = pytest.mark.everywhere

SPECIAL_NAME = "of spaces, quotes \"' and ü中"
LONG_NAME = f"{SPECIAL_NAME} {'x' * 100}"


def set_temporary_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("isolation", "name"),
    [pytest.param("required", LONG_NAME, marks=SANDBOX), ("off", LONG_NAME), ("off", SPECIAL_NAME)],
)
def test_each_kind_of_job_runs(
    isolation: str, name: str, short_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the folder's path is short enough for a socket, unless the name is LONG_NAME
    folder = set_temporary_folder((tmp_path if name == LONG_NAME else short_folder) / name, monkeypatch)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder))
    with Simulator(isolation=isolation) as simulator:
        run_each_kind(Client(simulator))
    assert not list(folder.iterdir())
    assert set(short_folder.iterdir()) <= {folder}


SIMULATOR_PROGRAM = """
import sys
from stagemaker.server import Simulator
with Simulator(isolation="off"):
    print("started", flush=True)
    sys.stdin.read()
"""


@contextmanager
def killed_simulator() -> Iterator[None]:
    command = [sys.executable, "-c", SIMULATOR_PROGRAM]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "started\n"
        yield
        process.kill()


def test_the_next_simulator_removes_folders_of_a_killed_one(
    tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = set_temporary_folder(tmp_path / LONG_NAME, monkeypatch)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder))
    (folder / "stagemaker-jobs-mine").mkdir()
    with killed_simulator():
        [last_folder] = short_folder.iterdir()
        assert stat.S_IMODE(last_folder.stat().st_mode) == 0o700
        run_simulator()
        assert last_folder.exists()  # the folder's simulator is still running
    names = sorted(path.name.rpartition("-")[0] for path in folder.iterdir())
    assert names == ["stagemaker-jobs", "stagemaker-jobs", "stagemaker-objects"]
    run_simulator()
    assert not list(short_folder.iterdir())
    assert [path.name for path in folder.iterdir()] == ["stagemaker-jobs-mine"]


def run_simulator() -> None:
    """Start and end a simulator in a separate process, because simulators in one process share a temporary folder."""
    subprocess.run(
        [sys.executable, "-c", SIMULATOR_PROGRAM], cwd=ROOT, env=environment(), input="", text=True, check=True
    )


def test_folders_of_ended_programs_are_removed_by_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = set_temporary_folder(tmp_path / SPECIAL_NAME, monkeypatch)
    mine = f"recore-mine{locked.TEMPORARY}"
    for name in (mine, f"recore-other-0123cdef{locked.TEMPORARY}"):
        (parent / name).mkdir()
    with locked.temporary_folder("recore-check-") as first, locked.temporary_folder("recore-predict-") as second:
        assert {path.name for path in parent.iterdir()} == {Path(first).name, Path(second).name, mine}
    assert [path.name for path in parent.iterdir()] == [mine]


def test_file_systems_without_locks_can_have_temporary_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")  # as NFS does

    monkeypatch.setattr(locked.fcntl, "flock", fail)
    parent = set_temporary_folder(tmp_path / "t", monkeypatch)
    (parent / f"recore-0123cdef{locked.TEMPORARY}").mkdir()  # it is unknown whether the folder's process has ended
    with locked.temporary_folder("recore-predict-"):
        assert len(list(parent.iterdir())) == 2
    assert len(list(parent.iterdir())) == 1


def test_the_socket_folder_is_created_where_its_path_is_short_enough(
    short_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder))
    max_bytes = socket_folder.MAX_PATH_BYTES - socket_folder.SUFFIX_BYTES
    max_length = max_bytes - len(os.fsencode(short_folder.resolve())) - 1
    for name, fits in (("x" * max_length, True), ("x" * (max_length + 1), False), ("ü" * (max_length // 2 + 1), False)):
        parent = set_temporary_folder(short_folder / name, monkeypatch)
        folder, lock = socket_folder.make()
        assert folder.parent == (parent if fits else short_folder).resolve(), name
        server_socket = socket_folder.server_folder(folder) / socket_folder.NAME
        assert len(os.fsencode(server_socket)) <= socket_folder.MAX_PATH_BYTES
        lock.close()


def test_a_folder_that_others_can_write_to_is_skipped(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen() -> str:
        folder, lock = socket_folder.make()
        lock.close()
        return folder.parent.name

    for name in ("open", "runtime"):
        (short_folder / name).mkdir()
    set_temporary_folder(short_folder / "open", monkeypatch)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder / "runtime"))
    (short_folder / "open").chmod(0o777)
    assert chosen() == "runtime"
    (short_folder / "open").chmod(0o1777)  # the permissions of /tmp
    assert chosen() == "open"
    if not os.geteuid():
        os.chown(short_folder / "open", 12345, 12345)
        assert chosen() == "runtime"


def test_a_missing_folder_with_a_short_path_is_an_error(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_folder, "parents", lambda: iter([short_folder / ("x" * 120), short_folder / "gone"]))
    with pytest.raises(OSError, match=r"^could not create a folder .*: No such file or directory.*: set TMPDIR"):
        socket_folder.make()


def test_folders_of_another_user_are_not_removed(short_folder: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can create a folder that belongs to another user")
    (short_folder / "recore-00000001").mkdir()
    os.chown(short_folder / "recore-00000001", 12345, 12345)
    (short_folder / "recore-00000002").mkdir()
    (short_folder / "recore-00000003").symlink_to(short_folder / "recore-00000001")
    _, lock = locked.make(short_folder, "recore-", "")
    lock.close()
    assert (short_folder / "recore-00000001").is_dir()
    assert not (short_folder / "recore-00000002").exists()


def test_drivers_of_the_sdk_accept_a_folder_with_any_characters(tmp_path: Path) -> None:
    ml = tmp_path / SPECIAL_NAME / "ml"
    ml.mkdir(parents=True)
    (ml / "x y").write_text("read")
    shell, python = tmp_path / "run.sh", tmp_path / "run.py"
    shell.write_text(
        'set -e\ncd /opt/ml\ncat "x y"\ncat /opt/ml/x\\ y "/opt/ml/x y" >&1; A=/opt/ml/x; cat "$A y"\n'
        'echo "a" "/opt/ml" /opt/ml\n'
    )
    python.write_text("print(open('/opt/ml/x y').read(), open(\"/opt/ml/x y\").read(), '''/opt/ml''')\n")
    input_files.translate_scripts(iter([shell, python]), ml)
    assert subprocess.check_output(["sh", shell], text=True) == f"readreadreadreada {ml} {ml}\n"
    assert subprocess.check_output([sys.executable, python], text=True, env=environment()) == f"read read {ml}\n"
