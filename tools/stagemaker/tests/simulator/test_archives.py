"""Archives that jobs unpack: the volume's size limits them, unpacking can be stopped, and no header exhausts memory."""

import contextlib
import gzip
import io
import itertools
import random
import sys
import tarfile
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
from stagemaker_support.archives import archive_of, member, tarball
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import container, create_model, transform

from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.files.archives import unpack
from stagemaker.compute.processes.volume import BYTES_PER_FILE, Volume
from stagemaker.server import Simulator

MIB = 1 << 20
ZEROS = gzip.compress(bytes(16 * MIB), 9, mtime=0)  # 16 KiB; can be repeated, because a gzip file may have many members


def bomb(head: bytes, size: int, block: bytes = ZEROS) -> bytes:
    """Return an archive that begins with `head` and unpacks to about `size` bytes of highly compressible data."""
    return gzip.compress(head, mtime=0) + block * (size // (16 * MIB))


def header(
    name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "", changes: dict[int, bytes] | None = None
) -> bytes:
    """Return a tar header with a valid checksum. changes: bytes to replace in the header, by offset."""
    result = bytearray(member(name, kind, target, size).tobuf(tarfile.GNU_FORMAT))
    for offset, replacement in (changes or {}).items():
        result[offset : offset + len(replacement)] = replacement
    return sign(result)


def sign(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def unpack_error(archive: bytes, folder: Path, volume: int = MIB) -> str:
    path = folder / "a.tar.gz"
    path.write_bytes(archive)
    with pytest.raises(JobFailed) as excinfo:
        unpack(path, folder / "unpacked", Volume(volume))
    message = str(excinfo.value)
    assert message.startswith("ClientError: a.tar.gz could not be unpacked: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("archive", "volume", "count"),
    [
        (bomb(header("zeros", size=12 << 30), 12 << 30), 1 << 30, 0),  # it is rejected before it is written
        (archive_of(**{f"f{index}": bytes(300_000) for index in range(4)}), MIB, 3),
        (tarball(*(member(f"f{index}") for index in range(70))), 64 * BYTES_PER_FILE, 64),
        (tarball(*(member(f"{index}/{'d/' * 40}f") for index in range(10))), 20 * BYTES_PER_FILE, 0),
    ],
    ids=["bomb", "total size", "files", "folders implied by names"],
)
def test_archives_larger_than_the_volume_are_rejected(archive: bytes, volume: int, count: int, tmp_path: Path) -> None:
    assert len(archive) < 13 * MIB
    assert "larger than the VolumeSizeInGB" in unpack_error(archive, tmp_path, volume)
    assert len(list((tmp_path / "unpacked").iterdir())) == count


def test_several_archives_share_the_space_of_a_volume(tmp_path: Path) -> None:
    path, volume = tmp_path / "model.tar.gz", Volume(3 * MIB)
    path.write_bytes(archive_of(**{f"f{index}": bytes(300_000) for index in range(4)}))
    for name in ("once", "twice"):
        unpack(path, tmp_path / name, volume)
        assert len(list((tmp_path / name).iterdir())) == 4
    with pytest.raises(JobFailed, match="larger than the VolumeSizeInGB"):
        unpack(path, tmp_path / "again", volume)


def test_unpacking_can_be_stopped(tmp_path: Path) -> None:
    path, unpacked_file = tmp_path / "a.tar.gz", tmp_path / "unpacked/zeros"
    path.write_bytes(bomb(header("zeros", size=12 << 30), 12 << 30))

    def stop_soon() -> None:
        if unpacked_file.exists() and unpacked_file.stat().st_size > MIB:
            raise JobStopped

    with pytest.raises(JobStopped):
        unpack(path, tmp_path / "unpacked", Volume(20 << 30), stop_soon)
    assert unpacked_file.stat().st_size < 8 * MIB


def test_unpacking_can_be_stopped_while_nothing_is_decompressed(tmp_path: Path) -> None:
    path, checks = tmp_path / "source.tar.gz", itertools.count()
    path.write_bytes(gzip.compress(b"", mtime=0) * 100_000)  # decompresses to nothing

    def stop_soon() -> None:
        if next(checks) > 10:
            raise JobStopped

    with pytest.raises(JobStopped):
        unpack(path, tmp_path / "unpacked", Volume(MIB), stop_soon)


SPARSE_HEADER = header("sparse", tarfile.GNUTYPE_SPARSE, changes={482: b"\1"})  # more blocks of offsets follow
OFFSETS = gzip.compress((b"00000000001\0" * 42 + b"\1".ljust(8, b"\0")) * (16 * MIB // 512), mtime=0)
HEADERS = {
    "pax": (header("x", tarfile.XHDTYPE, 8 << 30), ZEROS),
    "global pax": (header("x", tarfile.XGLTYPE, 8 << 30), ZEROS),
    "long name": (header("x", tarfile.GNUTYPE_LONGNAME, 8 << 30), ZEROS),
    "long link name": (header("x", tarfile.GNUTYPE_LONGLINK, 8 << 30), ZEROS),
    "sparse file offsets": (SPARSE_HEADER, OFFSETS),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_large_headers_are_rejected_and_do_not_exhaust_memory(kind: str, tmp_path: Path) -> None:
    head, block = HEADERS[kind]
    link = header("a", tarfile.LNKTYPE, target="b")
    for start, reason in ((b"", "larger than 1024 KiB"), (link, "link to a file that is not earlier in the archive")):
        archive = bomb(start + head, 1 << 30, block)
        tracemalloc.start()
        try:
            assert reason in unpack_error(archive, tmp_path, 100 << 30)
            assert tracemalloc.get_traced_memory()[1] < 32 * MIB
        finally:
            tracemalloc.stop()


def test_a_sparse_file_with_more_content_than_its_size_is_rejected(tmp_path: Path) -> None:
    pieces = b"%011o\0%011o\0" % (0, 30 << 20)  # the only piece's offset and size
    changes = {386: pieces, 483: b"%011o\0" % 1}  # the file's size is too small
    head = header("a", tarfile.GNUTYPE_SPARSE, 30 << 20, changes=changes)
    assert "the size of 'a' is wrong" in unpack_error(bomb(head, 30 << 20), tmp_path)


def pax(**values: str) -> bytes:
    return tarfile.TarInfo.create_pax_global_header(values)


MALFORMED_ARCHIVES = {
    "empty": b"",
    "not an archive": b"PK\3\4 hello",
    "truncated": archive_of(a=random.Random(1).randbytes(50_000))[:30_000],
    "truncated and not compressed": gzip.decompress(archive_of(a=bytes(50_000)))[:30_000],
    "damaged": archive_of(a=random.Random(1).randbytes(50_000))[:20_000] + bytes(9_000),
    "headers within headers": tarball(*(member("x", tarfile.GNUTYPE_LONGNAME) for _ in range(1500))),
    "global headers": gzip.compress(
        b"".join(pax(**{f"k{n}": "v"}) + header(f"f{n}") for n in range(200)) + bytes(1024)
    ),
    "a hard link to a file that is not in the archive": tarball(member("a", tarfile.LNKTYPE, "b")),
    "a file used as a folder": tarball(member("a"), member("a/b")),
    "a name that is too long": tarball(member("x" * 300)),
    "a name with many folders": tarball(member("d/" * 200_000 + "f")),
    "a name outside the folder": tarball(member("../../out")),
    "a symbolic link to a file outside the folder": tarball(member("a", tarfile.SYMTYPE, "../../out")),
    "a name below a symbolic link": tarball(member("a", tarfile.SYMTYPE, "b"), member("a/c")),
    "a name below a link to a folder": tarball(member("b/d"), member("a", tarfile.SYMTYPE, "b"), member("a/c")),
    "a hard link to a file on this machine": tarball(member("a", tarfile.LNKTYPE, sys.executable)),
    "a hard link to a file that does not exist": tarball(member("a", tarfile.LNKTYPE, "/no/such/file")),
    "a name below a symbolic link to the folder above": tarball(member("a", tarfile.SYMTYPE, ".."), member("a/out")),
    "symbolic links that lead out step by step": tarball(
        member("d/a", tarfile.SYMTYPE, "."), member("d/a/b", tarfile.SYMTYPE, ".."), member("d/a/b/../../out")
    ),
    "symbolic links in a cycle": tarball(
        member("a", tarfile.SYMTYPE, "b"), member("b", tarfile.SYMTYPE, "a"), member("a/out")
    ),
    "a hard link to a symbolic link out": tarball(
        member("l", tarfile.SYMTYPE, "/etc/passwd"), member("h", tarfile.LNKTYPE, "l")
    ),
    "a hard link to a file beside the folder": tarball(member("h", tarfile.LNKTYPE, "../secret")),
    "a device": tarball(member("n", tarfile.CHRTYPE)),
    "a pipe": tarball(member("n", tarfile.FIFOTYPE)),
    "a negative size": gzip.compress(header("a", changes={124: b"\xff" * 10 + b"\x80\x00"}) + bytes(1024)),
}


@pytest.mark.parametrize("kind", MALFORMED_ARCHIVES)
def test_malformed_and_unsafe_archives_are_rejected(kind: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    assert str(tmp_path.parent) not in unpack_error(MALFORMED_ARCHIVES[kind], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "secret", "unpacked"}


def test_links_inside_an_archive_are_kept_and_absolute_names_are_below_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(tarball(member("link", tarfile.SYMTYPE, "real.py"), member("/bin/f"), real=b"x"))
    unpack(path, tmp_path / "inside", Volume(MIB))
    assert (tmp_path / "inside/link").read_text() == "x"
    assert (tmp_path / "inside/bin/f").is_file()  # although /bin is a symbolic link on many machines


def test_archives_do_not_reveal_whether_a_local_file_exists(tmp_path: Path) -> None:
    kinds = "a hard link to a file on this machine", "a hard link to a file that does not exist"
    assert len({unpack_error(MALFORMED_ARCHIVES[kind], tmp_path) for kind in kinds}) == 1


def test_damaged_archives_are_unpacked_or_rejected(tmp_path: Path) -> None:
    rng = random.Random(20)
    with tarfile.open(fileobj=(intact_archive := io.BytesIO()), mode="w", format=tarfile.PAX_FORMAT) as tar:
        for kind, name in ((tarfile.REGTYPE, "ü" * 120), (tarfile.DIRTYPE, "d"), (tarfile.SYMTYPE, "l")):
            info = member(name, kind, "d", 700 if kind == tarfile.REGTYPE else 0)
            info.mtime = 1.5
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    for index in range(400):
        damaged_archive = bytearray(intact_archive.getvalue())
        for _ in range(rng.randint(1, 3)):
            damaged_archive[rng.randrange(5000)] = rng.choice((0, 0x20, 0x30, 0x37, 0x4C, 0x67, 0x78, 0x80, 0xFF))
        for block in range(0, 5120, 512):  # the headers are read only if their checksums are valid
            if rng.random() < 0.5:
                damaged_archive[block : block + 512] = sign(damaged_archive[block : block + 512])
        path = tmp_path / "a.tar.gz"
        path.write_bytes(damaged_archive if index % 2 else zlib.compress(damaged_archive, 1, wbits=31))
        with contextlib.suppress(JobFailed):
            unpack(path, tmp_path / f"{index}", Volume(MIB))


LARGE_VOLUME = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 20}


@pytest.mark.parametrize("ending", ["stop", "time limit"])
def test_a_training_job_ends_while_its_source_is_unpacked(ending: str, client: Client) -> None:
    body = bomb(header("zeros", size=12 << 30), 12 << 30)
    settings = {"sagemaker_submit_directory": client.put("bomb/sourcedir.tar.gz", body)}
    seconds = 600 if ending == "stop" else 1
    job = client.train("", wait=False, seconds=seconds, HyperParameters=settings, ResourceConfig=LARGE_VOLUME)
    name = job["TrainingJobName"]
    if ending == "stop":
        wait_until(lambda: list(client.simulator.folder.glob("job-*/ml/input/source/zeros")) != [])
        client.sagemaker.stop_training_job(TrainingJobName=name)
    job = client.wait("TrainingJob", name)
    secondary_status = "Stopped" if ending == "stop" else "MaxRuntimeExceeded"
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", secondary_status)
    assert "Training" not in [transition["Status"] for transition in job["SecondaryStatusTransitions"]]


def test_archives_larger_than_the_volume_of_a_job_are_rejected(client: Client, endpoints: Endpoints) -> None:
    uri = client.put("bomb/model.tar.gz", gzip.compress(header("zeros", size=31 << 30)))
    jobs = [(client.train("", HyperParameters={"sagemaker_submit_directory": uri}), 1)]
    for data in ({"ModelDataUrl": uri}, {"Variables": {"SAGEMAKER_SUBMIT_DIRECTORY": uri}}):
        job, _ = transform(client, create_model(client, container(client, "", **data)), {"a.csv": "1"})
        jobs.append((job, 30))
    for job, size in jobs:
        reason = f"Insufficient disk space: its contents are larger than the VolumeSizeInGB of {size}"
        assert job["FailureReason"] == f"ClientError: model.tar.gz could not be unpacked: {reason}"
    reason = endpoints.failure_reason(endpoints.model("", ModelDataUrl=uri), VolumeSizeInGB=1)
    assert "its contents are larger than the VolumeSizeInGB of 1" in reason


@pytest.mark.timing
def test_the_simulator_can_end_while_an_endpoint_unpacks_its_model() -> None:
    body = bomb(header("zeros", size=12 << 30), 12 << 30)
    with Simulator(isolation="off") as simulator:
        endpoints = Endpoints(Client(simulator))
        archive = endpoints.client.put("bomb/model.tar.gz", body)
        model = endpoints.model("", ModelDataUrl=archive)
        endpoints.create(endpoints.config(variant(model, VolumeSizeInGB=20)), wait=False)
        wait_until(lambda: list(simulator.folder.glob("job-*/*/container-1/ml/model/zeros")) != [])
        start = time.monotonic()
    assert time.monotonic() - start < 5
    assert not simulator.folder.exists()
