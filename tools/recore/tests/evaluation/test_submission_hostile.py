import gzip
import io
import random
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.tiny_submission import SETUP, stub
from stagemaker_support.archives import member, replace_header, tarball
from stagemaker_support.fuzzing import examples
from support.checkout import ROOT, environment

from recore.evaluation.submission import MAX_SIZE, SubmissionFiles, read_submission
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.archives import pack
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.processes.volume import Volume

SCRIPTS = {"train": b"", "preprocess": b""}
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}
READ_PROGRAM = """
import resource, sys
from pathlib import Path
from recore.evaluation.submission import read_submission
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
try:
    read_submission(Path(sys.argv[1]))
except ValueError as error:
    sys.exit(str(error))
"""


def read_error(seconds: int, path: Path) -> str:
    """Return the error for a submission that must be rejected within 1 GB of memory and `seconds` of CPU time."""
    command = [sys.executable, "-c", READ_PROGRAM, str(path), str(seconds)]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=180)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def setup_py(arguments: str) -> str:
    return f"from setuptools import setup\nsetup({arguments})\n"


@pytest.mark.parametrize(
    "setup",
    [
        "",
        "import setuptools\n",
        "setup(\n",
        b"\0",
        b"# coding: no-such\n",
        "(" * 100_000,
        "a" + ".a" * 3000 + "()\n",
        "a" + ".a" * 1000 + "()\n",
        *(
            setup_py(f"py_modules={modules}")
            for modules in (
                "-" * 1000 + "1",
                "[" * 150 + "]" * 150,
                "[name for name in ('train', 'preprocess')]",
                "['train'] + ['preprocess']",
                "'train'",
                "['train', 1]",
                "{[]}",
                "['train', 'preprocess'], package_data={'': ['*']}",
                "['train', 'preprocess'], package_dir={'': 'src'}",
                "['train', 'preprocess', 'gone']",
                "['train', 'preprocess', '../../../../etc/passwd']",
                "['train', 'preprocess', 'nul\\0']",
                "['train', 'preprocess'])\nsetup(",
            )
        ),
        setup_py("packages=find_packages()"),
        *(
            setup_py(f"py_modules=['train', 'preprocess'], packages={call}")
            for call in (
                "find_packages(*NAMES)",
                "find_packages(exclude=NAMES)",
                "find_packages(exclude='tests')",
                "find_packages(**{'exclude': ['tests']})",
                "find_packages('.', (), ('*',), 1)",
                "find_packages('..')",
                "find_packages('/etc')",
                "find_packages(out=1)",
                "find_namespace_packages()",
                "['train'] + find_packages()",
                "['gone']",
            )
        ),
        setup_py("**{'py_modules': ['train', 'preprocess']}"),
    ],
    ids=range(34),
)
def test_a_setup_py_that_cannot_be_read_is_rejected(setup: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"setup\.py|/etc/passwd|subpath"):
        read_submission(stub(tmp_path / "mine", {"setup.py": setup}))


def test_setup_py_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = f"open({str(mark)!r}, 'w')\n{SETUP}raise SystemExit('run')\n"
    folder = stub(tmp_path / "mine", {"setup.py": script, "train.py": script, "preprocess.py": script})
    assert set(read_submission(folder).files) == {"train.py", "preprocess.py"}
    assert not mark.exists()


@pytest.mark.parametrize(
    "line",
    [
        "includ weights.npy",
        "include",
        "recursive-include data",
        "include /etc/passwd",
        "graft /etc",
        "include **x",
        "include ../secret.txt",
        "graft ..",
        "include link.txt",
        "graft linked",
        "include ../mine/train.py",
        "include " + "a/" * 5000,
    ],
    ids=range(12),
)
def test_an_invalid_manifest_is_rejected(line: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = stub(tmp_path / "mine", {"MANIFEST.in": f"{line}\n"})
    (folder / "link.txt").symlink_to("../secret.txt")
    (folder / "linked").symlink_to("..")
    with pytest.raises(ValueError, match=r"MANIFEST\.in|outside the submission"):
        read_submission(folder)


@pytest.mark.parametrize("pattern", ["/etc/*", "../x", "a/../../x", "linked/*", "a/" * 5000])
def test_licence_files_outside_the_folder_are_rejected(pattern: str, tmp_path: Path) -> None:
    setup = f"setup(py_modules=['train', 'preprocess'], license_files=[{pattern!r}])"
    folder = stub(tmp_path / "mine", {"setup.py": setup})
    (tmp_path / "x").write_text("secret")
    (folder / "linked").symlink_to("..")
    with pytest.raises(ValueError, match=r"outside the submission|recursion"):
        read_submission(folder)


@pytest.mark.parametrize(
    ("link", "manifest"),
    [
        ("train.py", ""),
        ("notes.txt", "include notes.txt"),
        ("notes.txt", "global-include *.txt"),
        ("folder/actual.txt", "recursive-include folder *"),
        ("folder", "graft folder"),
        ("folder", "include folder/test_actual.py"),
        ("README.md", ""),
        ("setup.py", ""),
        ("MANIFEST.in", ""),
        ("test", ""),
    ],
)
def test_symbolic_links_out_of_the_submission_are_rejected(link: str, manifest: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/test_actual.py").write_text("secret")
    folder = stub(tmp_path / "mine", {"MANIFEST.in": manifest, "mine.py": "mine"})
    path = folder / link
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if link == "train.py":
        path.symlink_to("mine.py")
        assert read_submission(folder).files["train.py"] == b"mine"
        path.unlink()
    path.symlink_to(tmp_path / "elsewhere" / ("test_actual.py" if "." in link else ""))
    with pytest.raises(ValueError, match="this symbolic link leads outside the submission"):
        read_submission(folder)


def test_a_folder_that_is_too_large_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    folder = stub(tmp_path / "mine", {"MANIFEST.in": "include weights.npy\n"})
    with open(folder / "weights.npy", "wb") as file:
        file.truncate(MAX_SIZE + 1)  # a sparse file, which takes no space
    with pytest.raises(ValueError, match=r"more than 256 MB would be uploaded, including .*weights\.npy"):
        read_submission(folder)


@pytest.mark.parametrize(
    "hostile",
    [
        member("/etc/x.py"),
        member("../x.py"),
        member("a/../../x.py"),
        member("x.py", tarfile.SYMTYPE, "/etc/passwd"),
        member("x.py", tarfile.LNKTYPE, "train.py"),
        member("x", tarfile.CHRTYPE),
        member("x", tarfile.BLKTYPE),
        member("x", tarfile.FIFOTYPE),
        member("x.npy", size=MAX_SIZE + 1),
        member("x.npy", size=1 << 62),
        member("x.npy", tarfile.GNUTYPE_SPARSE, size=1 << 40),
    ],
    ids=range(11),
)
def test_a_member_that_is_no_regular_file_in_the_archive_is_rejected(hostile: tarfile.TarInfo, tmp_path: Path) -> None:
    (tmp_path / "src.tar.gz").write_bytes(tarball(hostile, **SCRIPTS))
    with pytest.raises(ValueError, match="neither a folder nor a submission archive"):
        read_submission(tmp_path / "src.tar.gz")


def make_sparse_archive(headers: dict[str, str], sparse_map: bytes) -> bytes:
    """Return an archive with a sparse file, whose map is in the PAX headers or at the beginning of the content."""
    info = member("x.npy", size=len(sparse_map))
    info.pax_headers = headers
    raw = info.tobuf(tarfile.PAX_FORMAT) + sparse_map + b"\0" * (-len(sparse_map) % 512)
    return gzip.compress(raw + gzip.decompress(tarball(**SCRIPTS)), 1)


def make_negative_size() -> bytes:
    blocks = gzip.decompress(tarball(a=b"a" * 600))[: 3 * 512]  # a header and two blocks
    return gzip.compress(blocks + member("back", size=-512).tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def make_long_name() -> bytes:
    packed_name = io.BytesIO()
    with gzip.GzipFile(fileobj=packed_name, mode="wb", compresslevel=1) as file:
        file.write(member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=400 << 20).tobuf(tarfile.GNU_FORMAT))
        for _ in range(400):
            file.write(b"a" * (1 << 20))
        file.write(gzip.decompress(tarball(**SCRIPTS)))
    return packed_name.getvalue()


@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("make_archive", "reason"),
    [
        (lambda: tarball(member("x.npy", tarfile.GNUTYPE_SPARSE, size=1 << 40), **SCRIPTS), "'x.npy' is a sparse file"),
        (
            lambda: make_sparse_archive({"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}, b""),
            "'x.npy' is a sparse file, or its size is wrong",
        ),
        (lambda: make_sparse_archive(SPARSE, b"1\n0\n0\n".ljust(512, b"\0")), "'x.npy' is a sparse file"),
        (lambda: make_sparse_archive(SPARSE, b"1000000000\n" + b"0\n" * (20 << 20)), "larger than 1024 KiB"),
        (make_negative_size, "submission archive"),
        (make_long_name, "submission archive"),
    ],
    ids=["GNU", "PAX 0.1", "PAX 1.0", "a map of 40 MB", "a negative size", "a name of 400 MB"],
)
def test_an_archive_that_unpacks_to_much_is_rejected_within_seconds(
    make_archive: Callable[[], bytes], reason: str, tmp_path: Path
) -> None:
    (tmp_path / "src.tar.gz").write_bytes(make_archive())
    assert reason in read_error(20, tmp_path / "src.tar.gz").splitlines()[-1]


def test_hard_links_in_a_model_are_packed_once_and_count_once_towards_the_volume(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_bytes(random.Random(1).randbytes(1 << 20))
    for index in range(300):
        (tmp_path / f"model/weights-{index}").hardlink_to(tmp_path / "model/weights")
    folder = OutputFolder(tmp_path, "/opt/ml/model")
    with pytest.raises(JobFailed, match="needs more than the VolumeSizeInGB"):
        pack(folder, tmp_path / "trained.tar.gz", Volume((1 << 20) - 1), lambda: None)
    pack(folder, tmp_path / "trained.tar.gz", Volume(2 << 20), lambda: None)
    submission = SubmissionFiles(Path(), {"train.py": b"", "preprocess.py": b""})
    submission.join(tmp_path / "trained.tar.gz", tmp_path / "model.tar.gz")
    assert (tmp_path / "model.tar.gz").stat().st_size < 1.1 * (1 << 20)
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "served", filter="data")
    assert (tmp_path / "served/weights-299").read_bytes() == (tmp_path / "model/weights").read_bytes()


ARCHIVE = tarball(train=random.Random(1).randbytes(300), preprocess=b"")
TRUNCATED_FILES = st.integers(1, 400).map(lambda cut: ARCHIVE[: max(len(ARCHIVE) - cut, 0)])
BROKEN_HEADERS = st.builds(
    lambda offset, byte: gzip.compress(replace_header(tarball(other=b"o" * 700, **SCRIPTS), offset, byte), 1),
    st.integers(0, 123) | st.integers(136, 511),
    st.binary(min_size=1, max_size=1),
)


@given(content=st.binary(max_size=2000) | TRUNCATED_FILES | BROKEN_HEADERS)
@examples(400)
def test_any_archive_is_rejected_or_has_both_scripts(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "src.tar.gz"
    path.write_bytes(content)
    try:
        files = read_submission(path).files
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is valid
    else:
        assert {"train.py", "preprocess.py"} <= set(files)


def test_corrupt_compressed_data_is_rejected(tmp_path: Path) -> None:
    archive = bytearray(tarball(train=random.Random(1).randbytes(200_000), preprocess=b""))
    archive[100_000:100_100] = b"\xff" * 100
    for offset in range(20, 300_000, 5000):
        broken_archive = archive.copy()
        broken_archive[offset : offset + 20] = b"\xff" * 20
        (tmp_path / "src.tar.gz").write_bytes(broken_archive)
        with pytest.raises(ValueError, match=str(tmp_path)):
            read_submission(tmp_path / "src.tar.gz")
