"""Size limits on archives and models: large archives are refused, and so are small ones with huge contents."""

import gzip
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support.bounded_reading import read_within
from recore_support.tiny_submission import tiny
from stagemaker_support.archives import member, packed
from stagemaker_support.simulator_client import Client

from recore.evaluation.submission import SubmissionFiles, read_submission
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.archives import pack
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.processes.volume import Volume
from stagemaker.server import Simulator

pytestmark = pytest.mark.everywhere

BOTH = {"train": b"", "preprocess": b""}
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def make_sparse_archive(headers: dict[str, str], sparse_map: bytes) -> bytes:
    """Return an archive with a sparse file whose map is in the PAX headers or in the first bytes of the content."""
    info = member("x.npy", size=len(sparse_map))
    info.pax_headers = headers
    raw = info.tobuf(tarfile.PAX_FORMAT) + sparse_map + b"\0" * (-len(sparse_map) % 512)
    return gzip.compress(raw + gzip.decompress(packed(**BOTH)), 1)


@pytest.mark.parametrize(
    "archive",
    [
        packed(member("x.npy", tarfile.GNUTYPE_SPARSE, size=1 << 40), **BOTH),
        make_sparse_archive({"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}, b""),
        make_sparse_archive(SPARSE, b"1\n0\n0\n".ljust(512, b"\0")),
        make_sparse_archive(SPARSE, b"1000000000\n" + b"0\n" * (20 << 20)),
    ],
    ids=["GNU", "PAX 0.1", "PAX 1.0", "a map of 40 MB"],
)
def test_a_sparse_file_in_an_archive_is_refused_before_it_is_unpacked(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "src.tar.gz").write_bytes(archive)
    reason = read_within(10, tmp_path / "src.tar.gz").splitlines()[-1]
    assert reason.endswith(("'x.npy' is a sparse file, or its size is wrong", "larger than 1024 KiB"))


@pytest.mark.parametrize("pattern", ["/etc/*", "../x", "a/../../x", "linked/*", "a/" * 5000])
def test_licence_files_outside_the_folder_are_refused(pattern: str, tmp_path: Path) -> None:
    setup = f"setup(py_modules=['train', 'preprocess'], license_files=[{pattern!r}])"
    folder = tiny(tmp_path / "mine", {"setup.py": setup})
    (tmp_path / "x").write_text("secret")
    (folder / "linked").symlink_to("..")
    with pytest.raises(ValueError, match=r"outside the submission|recursion"):
        read_submission(folder)


def make_hard_links(folder: Path) -> Path:
    """Create a folder with one incompressible file of a megabyte that has 301 names (hard links)."""
    folder.mkdir()
    (folder / "weights").write_bytes(random.Random(1).randbytes(1 << 20))
    for number in range(300):
        (folder / f"weights-{number}").hardlink_to(folder / "weights")
    return folder


def test_hard_links_in_a_model_are_packed_once(tmp_path: Path) -> None:
    make_hard_links(tmp_path / "model")
    pack(OutputFolder(tmp_path, "/opt/ml/model"), tmp_path / "trained.tar.gz", Volume(1 << 30))
    submission = SubmissionFiles(Path(), {"train.py": b"", "preprocess.py": b""})
    submission.join(tmp_path / "trained.tar.gz", tmp_path / "model.tar.gz")
    assert (tmp_path / "model.tar.gz").stat().st_size < 1.1 * (1 << 20)
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "served", filter="data")
    assert (tmp_path / "served/weights-299").read_bytes() == (tmp_path / "model/weights").read_bytes()


def test_a_file_with_many_names_counts_once_towards_the_volume(tmp_path: Path) -> None:
    make_hard_links(tmp_path / "model")
    folder = OutputFolder(tmp_path, "/opt/ml/model")
    pack(folder, tmp_path / "model.tar.gz", Volume(2 << 20))
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert len(tar.getnames()) == 301
    with pytest.raises(JobFailed, match="needs more than the VolumeSizeInGB"):
        pack(folder, tmp_path / "model.tar.gz", Volume((1 << 20) - 1))


def test_a_job_whose_output_exceeds_its_volume_fails_before_packing(simulator: Simulator) -> None:
    """Packing 200 GB would take longer than the client is prepared to wait."""
    script = "import os\nopen(os.environ['SM_MODEL_DIR'] + '/big', 'wb').truncate(200 << 30)"
    job = Client(simulator).train(script)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: No space left on device: /opt/ml/model needs more than the VolumeSizeInGB of 1"
    )
