"""S3 transfers are interrupted when their job ends, and untrusted archives cannot write outside their folder."""

import io
import tarfile
from pathlib import Path

import pytest

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.archives import pack, unpack
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.files.transfers import (
    CHUNK_SIZE,
    download_file,
    only_file,
    parse,
    upload_file,
    upload_folder,
)
from stagemaker.compute.processes.volume import Volume


def write_archive(path: Path, *members: tuple[str, bytes, str]) -> Path:
    """Write a tar.gz file of members, each a tuple (name, type, link target or content), and return the file's path."""
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, target_or_content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = target_or_content
            content = b"" if member.linkname else target_or_content.encode()
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
def test_unsafe_archives_are_refused(members: list[tuple[str, bytes, str]], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    archive_path = write_archive(tmp_path / "a.tar.gz", *members)
    names_before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(JobFailed, match=r"a\.tar\.gz could not be unpacked"):
        unpack(archive_path, tmp_path / "inside", Volume(1 << 20))
    assert {path.name for path in tmp_path.iterdir()} == names_before | {"inside"}
    assert not (tmp_path / "out").exists()


def test_symbolic_links_inside_an_archive_are_kept(tmp_path: Path) -> None:
    archive_path = write_archive(
        tmp_path / "a.tar.gz", ("d/real", tarfile.REGTYPE, "x"), ("link", tarfile.SYMTYPE, "d/real")
    )
    unpack(archive_path, tmp_path / "inside", Volume(1 << 20))
    assert (tmp_path / "inside/link").read_text() == "x"


def test_the_archive_among_objects_with_a_common_prefix_is_found(tmp_path: Path) -> None:
    for name in ("model.tar.gz", "model.tar.gz.sha256"):
        (tmp_path / name).write_text(name)
    assert only_file(tmp_path, "s3://bucket/a/model.tar.gz").name == "model.tar.gz"


class JobEnded(Exception):
    """Raised when the job must end."""


def fail_at_call(count: int):
    """Return a check that raises JobEnded when it is called for the `count`-th time."""
    calls = iter(range(count - 1))

    def check() -> None:
        if next(calls, None) is None:
            raise JobEnded

    return check


def test_a_download_checks_between_chunks_whether_to_continue(client, tmp_path: Path) -> None:
    uri = client.put("chunks/object", bytes(5 * CHUNK_SIZE))
    bucket, key = parse(uri)
    with pytest.raises(JobEnded):
        download_file(client.s3, bucket, key, tmp_path / "part", fail_at_call(4))
    assert (tmp_path / "part").stat().st_size == 3 * CHUNK_SIZE
    download_file(client.s3, bucket, key, tmp_path / "whole", fail_at_call(6))
    assert (tmp_path / "whole").stat().st_size == 5 * CHUNK_SIZE


def test_an_upload_checks_between_chunks_whether_to_continue(client, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(5 * CHUNK_SIZE))
    bucket, _ = parse(client.put("chunks/first", b""))
    with pytest.raises(JobEnded):
        upload_file(client.s3, tmp_path / "large", f"s3://{bucket}/chunks/cut", fail_at_call(4))
    with pytest.raises(client.s3.exceptions.ClientError):
        client.get(f"s3://{bucket}/chunks/cut")
    upload_file(client.s3, tmp_path / "large", f"s3://{bucket}/chunks/whole")
    assert len(client.get(f"s3://{bucket}/chunks/whole")) == 5 * CHUNK_SIZE


def test_packing_checks_between_chunks_whether_to_continue(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with open(tmp_path / "model/large", "wb") as file:
        file.truncate(1 << 30)
    folder = OutputFolder(tmp_path.resolve(), "/opt/ml/model")
    with pytest.raises(JobEnded):
        pack(folder, tmp_path / "model.tar.gz", Volume(1 << 30), fail_at_call(10))


def test_a_file_that_becomes_shorter_while_it_is_uploaded_fails_the_job(client, tmp_path: Path) -> None:
    """Without a sandbox, a job's processes can outlive the job and change its files."""
    path = tmp_path / "model/large"
    path.parent.mkdir()
    path.write_bytes(bytes(5 * CHUNK_SIZE))
    folder = OutputFolder(tmp_path.resolve(), "/opt/ml/model")
    calls = iter(range(4))

    def check() -> None:
        if next(calls, None) is None:
            path.write_bytes(b"")

    bucket, _ = parse(client.put("chunks/first", b""))
    with pytest.raises(JobFailed, match=r"could not be written to|/opt/ml/model could not be read"):
        upload_folder(client.s3, folder, f"s3://{bucket}/chunks/short", Volume(1 << 30), check)


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_transfers_do_not_use_a_proxy(client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    uri = client.put("proxy/object", b"x")
    monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # nothing is listening there
    download_file(client.s3, *parse(uri), tmp_path / "file")
    upload_file(client.s3, tmp_path / "file", uri)
