import gzip
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from stagemaker_support.archives import member, replace_header, tarball

from recore import untrusted_archives
from recore.check.model_archives import get_size, have_same_models
from recore.evaluation import extend_archive, read_submission
from recore.evaluation.held_out import NoHeldOutScoreError, extract_held_out
from recore.failures.submission_files import requirements_of
from recore.untrusted_archives import open_archive, read_files

FILES = {"train": b"", "preprocess": b"", "code/train": b"", "code/preprocess": b""}
EXABYTE = 1 << 60
ZEROS = gzip.compress(bytes(16 << 20), 9, mtime=0)  # 16 KiB; a gzip file may repeat it as many members


def join(head: bytes, *members: bytes) -> bytes:
    return gzip.compress(head, mtime=0) + b"".join(members) + tarball(**FILES)


def sparse_file(**headers: str) -> bytes:
    """Return a sparse file in PAX 1.0 format whose map specifies a size of one exabyte."""
    info = member("code/preprocess.py", size=512)
    info.pax_headers = headers
    return info.tobuf(tarfile.PAX_FORMAT) + b"1\n%d\n0\n".ljust(512, b"\0") % EXABYTE


OLD_SPARSE = replace_header(
    gzip.compress(member("code/preprocess.py", tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT)),
    483,
    b"\x80" + EXABYTE.to_bytes(11),
)
HOSTILE = {
    "sparse, GNU": (join(OLD_SPARSE), "is a sparse file, or its size is wrong"),
    "sparse, PAX": (
        join(sparse_file(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(EXABYTE)})),
        "'code/preprocess.py' ",
    ),
    "only a size of PAX": (join(sparse_file(**{"GNU.sparse.realsize": str(EXABYTE)})), "or its size is wrong"),
    "an exabyte": (join(member("zeros", size=EXABYTE).tobuf(tarfile.GNU_FORMAT)), "unpacks to more than"),
    "a bomb": (join(member("zeros", size=8 << 30).tobuf(tarfile.GNU_FORMAT), *[ZEROS] * 512), "unpacks to more than"),
    "a header of 8 GB": (join(member("x", tarfile.XHDTYPE, size=8 << 30).tobuf(tarfile.GNU_FORMAT), ZEROS), "headers"),
    "a negative size": (join(member("back", size=-512).tobuf(tarfile.GNU_FORMAT)), "size of 'back' is wrong"),
    "empty members": (join(b"".join(member(f"f{index}").tobuf() for index in range(60))), "more than 50 members"),
    "cut off": (tarball(**FILES)[:-9], "end-of-stream marker"),
    "another checksum": (tarball(**FILES)[:-8] + bytes(8), "CRC check failed"),
    "not an archive": (b"not an archive", "model"),
    "empty": (b"", "model"),
}
READERS: dict[str, Callable[[Path], object]] = {
    "run, judge, pack and check of an archive": read_submission,
    "predict and register": lambda path: read_files(path, ["code/train.py"], 1 << 20),
    "predict and register, packing": lambda path: extend_archive(path, path.with_name("new"), {"code/x": b""}),
    "check, size": get_size,
    "check, repeated training": lambda path: have_same_models(path, path),
    "run, the held-out score": lambda path: extract_held_out(path, path.with_name("held_out.csv")),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_an_error_in_one_line(
    case: str, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untrusted_archives, "MAX_MEMBERS", 50)
    archive, reason = HOSTILE[case]
    path = tmp_path / "model.tar.gz"
    path.write_bytes(archive)
    with pytest.raises((ValueError, NoHeldOutScoreError), match=reason) as caught:
        READERS[reader](path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_only_a_regular_file_is_waited_for(make: Callable[[Path], object], reader: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    make(path)
    with pytest.raises((ValueError, NoHeldOutScoreError), match=r"model\.tar\.gz"):
        READERS[reader](path)


def test_the_requirements_of_a_hostile_archive_are_not_read(tmp_path: Path) -> None:
    for archive, _ in HOSTILE.values():
        (tmp_path / "src.tar.gz").write_bytes(archive)
        assert requirements_of(tmp_path / "src.tar.gz") == []


def test_of_equal_names_the_last_is_read_as_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(tarball(member("./train.py"), train=b"last"))
    assert read_files(tmp_path / "model.tar.gz", ["train.py"], 10) == {"train.py": b"last"}
    with pytest.raises(ValueError, match=r"train\.py is larger than 0 MB"):
        read_files(tmp_path / "model.tar.gz", ["train.py"], 3)


def test_an_archive_may_end_with_padding(tmp_path: Path) -> None:
    archive = gzip.decompress(tarball(**FILES)) + bytes(2 << 20)  # as `tar -b 4096` writes it
    (tmp_path / "model.tar.gz").write_bytes(gzip.compress(archive))
    assert set(read_files(tmp_path / "model.tar.gz", ["train.py"], 10)) == {"train.py"}


def test_an_error_of_the_machine_is_not_the_archives(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(tarball(**FILES))
    with pytest.raises(OSError, match="No space left"), open_archive(tmp_path / "model.tar.gz"):
        Path("/dev/full").write_bytes(b"x")
