import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.archives import content, member, replace_header, tarball
from stagemaker_support.fuzzing import examples

from recore.evaluation.submission import SubmissionFiles

SUBMISSION_FILES = SubmissionFiles(
    Path(), {"train.py": b"train", "preprocess.py": b"preprocess", "bins/a.npy": b"\0\1"}
)
CODE = {f"code/{name}": script for name, script in SUBMISSION_FILES.files.items()}


def join(folder: Path, model: bytes) -> Path:
    (folder / "trained.tar.gz").write_bytes(model)
    SUBMISSION_FILES.join(folder / "trained.tar.gz", folder / "model.tar.gz")
    return folder / "model.tar.gz"


def test_members_are_kept_and_the_submission_replaces_code(tmp_path: Path) -> None:
    directory_and_link = [member("weights", tarfile.DIRTYPE), member("weights/latest", tarfile.SYMTYPE, "../model.py")]
    model = tarball(
        *directory_and_link, **{"model": b"m" * 1000, "code/train": b"old", "code/other": b"old", "codes": b"no code"}
    )
    archive = join(tmp_path, model)
    assert content(archive) == {"model.py": b"m" * 1000, "codes.py": b"no code"} | CODE
    with tarfile.open(archive) as tar:
        assert tar.getmember("weights").isdir()
        assert tar.getmember("weights/latest").linkname == "../model.py"
        tar.extractall(tmp_path / "ml", filter="data")
    assert (tmp_path / "ml/weights/latest").read_bytes() == b"m" * 1000


def test_owners_and_special_permissions_are_not_kept(tmp_path: Path) -> None:
    program, folder = member("program", tarfile.REGTYPE), member("folder", tarfile.DIRTYPE)
    for info in (program, folder):
        info.mode, info.uid, info.gid, info.uname, info.gname = 0o6777, 1000, 1000, "ana", "ana"
    with tarfile.open(join(tmp_path, tarball(program, folder, model=b"m"))) as tar:
        members = {info.name: (info.mode, info.uid, info.gid, info.uname, info.gname) for info in tar}
    assert members == dict.fromkeys(members, (0o644, 0, 0, "", "")) | dict.fromkeys(
        ("program", "folder"), (0o755, 0, 0, "", "")
    )


@pytest.mark.parametrize("model", [tarball(), tarball(member("a", tarfile.DIRTYPE)), tarball(member("code/x"))])
def test_an_archive_without_a_file_is_rejected(model: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the training job wrote no file to SM_MODEL_DIR"):
        join(tmp_path, model)


@pytest.mark.parametrize(
    "ignored_member",
    [
        member("x", tarfile.SYMTYPE, "/etc/passwd"),
        member("x", tarfile.CHRTYPE),
        member("x", tarfile.FIFOTYPE),
        member("code/x"),
        member("code", tarfile.SYMTYPE, "elsewhere"),
        member("code/train.py", tarfile.SYMTYPE, "../model.py"),
        member("code/extra", tarfile.DIRTYPE),
        member("./code/extra.py"),
    ],
    ids=range(8),
)
def test_only_files_and_relative_links_outside_code_are_copied(ignored_member: tarfile.TarInfo, tmp_path: Path) -> None:
    with tarfile.open(join(tmp_path, tarball(ignored_member, model=b"m"))) as tar:
        assert sorted(tar.getnames()) == sorted(["model.py", *CODE])


def test_a_file_with_two_names_keeps_both(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_bytes(b"m")
    (tmp_path / "best.py").hardlink_to(tmp_path / "model.py")
    with tarfile.open(tmp_path / "given.tar.gz", "w:gz") as tar:
        for name in ("model.py", "best.py"):
            tar.add(tmp_path / name, name)
        assert tar.getmember("best.py").islnk()
    with tarfile.open(join(tmp_path, (tmp_path / "given.tar.gz").read_bytes())) as tar:
        assert tar.extractfile("best.py").read() == tar.extractfile("model.py").read() == b"m"


@given(bytes_=st.binary(max_size=2000))
@examples(100)
def test_any_bytes_are_rejected(bytes_: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the training job"):
        join(tmp_path, bytes_)


@given(offset=st.integers(0, 511), bytes_=st.binary(min_size=1, max_size=20))
@examples(100)
def test_an_archive_with_a_broken_header_is_rejected_or_joined(offset: int, bytes_: bytes, tmp_path: Path) -> None:
    archive = tarball(member("x", tarfile.SYMTYPE, "y"), model=b"m" * 700, more=b"n")
    try:
        files = content(join(tmp_path, replace_header(archive, offset, bytes_)))
    except ValueError as error:
        assert "the training job" in str(error)  # noqa: PT017 - either outcome is valid
    else:
        assert {name: code for name, code in files.items() if name in CODE} == CODE


def test_corrupt_compressed_data_is_rejected(tmp_path: Path) -> None:
    archive = tarball(model=random.Random(1).randbytes(200_000))
    for offset in range(1000, 200_000, 10_000):
        with pytest.raises(ValueError, match="could not be read"):
            join(tmp_path, archive[:offset] + b"\xff" * 20 + archive[offset + 20 :])
