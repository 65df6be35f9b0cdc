"""Untrusted archives: nothing is written outside the folder into which they are unpacked."""

import io
import tarfile
from pathlib import Path

import pytest

from recore.simulator.failure import JobFailed
from recore.simulator.objects import only, unpack


def archive(path: Path, *members: tuple[str, bytes, str]) -> Path:
    """A tar.gz of (name, type, link or content)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = text
            content = b"" if member.linkname else text.encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "members",
    [
        [("../out", tarfile.REGTYPE, "x")],
        [("a", tarfile.SYMTYPE, ".."), ("a/out", tarfile.REGTYPE, "x")],
        [("d/a", tarfile.SYMTYPE, "."), ("d/a/b", tarfile.SYMTYPE, ".."), ("d/a/b/../../out", tarfile.REGTYPE, "x")],
        [("a", tarfile.SYMTYPE, "b"), ("b", tarfile.SYMTYPE, "a"), ("a/out", tarfile.REGTYPE, "x")],
        [("l", tarfile.SYMTYPE, "/etc/passwd"), ("h", tarfile.LNKTYPE, "l")],
        [("h", tarfile.LNKTYPE, "../secret")],
        [("n", tarfile.CHRTYPE, "")],
    ],
)
def test_archives_that_lead_outside_are_refused(members: list[tuple[str, bytes, str]], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    packed = archive(tmp_path / "a.tar.gz", *members)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(JobFailed, match=r"a\.tar\.gz cannot be unpacked"):
        unpack(packed, tmp_path / "inside")
    assert {path.name for path in tmp_path.iterdir()} == before | {"inside"}
    assert not (tmp_path / "out").exists()


def test_links_within_are_kept(tmp_path: Path) -> None:
    packed = archive(tmp_path / "a.tar.gz", ("d/real", tarfile.REGTYPE, "x"), ("link", tarfile.SYMTYPE, "d/real"))
    unpack(packed, tmp_path / "inside")
    assert (tmp_path / "inside/link").read_text() == "x"


def test_the_archive_among_objects_that_begin_alike(tmp_path: Path) -> None:
    for name in ("model.tar.gz", "model.tar.gz.sha256"):
        (tmp_path / name).write_text(name)
    assert only(tmp_path, "s3://bucket/a/model.tar.gz").name == "model.tar.gz"
