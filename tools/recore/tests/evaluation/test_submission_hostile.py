"""Hostile submissions are refused in one line. Their code never runs, and symbolic links cannot lead outside."""

import gzip
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.bounded_reading import read_within
from recore_support.tiny_submission import SETUP, tiny
from stagemaker_support.archives import member, packed, with_header
from stagemaker_support.fuzzing import examples

from recore.evaluation.submission import LARGEST, read_submission

BOTH = {"train": b"", "preprocess": b""}


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
        setup_py("py_modules=" + "-" * 1000 + "1"),
        setup_py("py_modules=" + "[" * 150 + "]" * 150),
        setup_py("py_modules=[name for name in ('train', 'preprocess')]"),
        setup_py("py_modules=['train'] + ['preprocess']"),
        setup_py("py_modules='train'"),
        setup_py("py_modules=['train', 1]"),
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
            )
        ),
        setup_py("**{'py_modules': ['train', 'preprocess']}"),
        setup_py("py_modules=['train', 'preprocess'], package_data={'': ['*']}"),
        setup_py("py_modules=['train', 'preprocess'], package_dir={'': 'src'}"),
        setup_py("py_modules=['train', 'preprocess', 'gone']"),
        setup_py("py_modules=['train', 'preprocess', '../../../../etc/passwd']"),
        setup_py("py_modules=['train', 'preprocess', 'nul\\0']"),
        setup_py("py_modules=['train', 'preprocess'])\nsetup("),
        setup_py("py_modules={[]}"),
        "a" + ".a" * 1000 + "()\n",
        setup_py("py_modules=['train', 'preprocess'], packages=['gone']"),
    ],
    ids=range(34),
)
def test_a_setup_py_that_cannot_be_read_is_refused(setup: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"setup\.py|/etc/passwd|subpath"):
        read_submission(tiny(tmp_path / "mine", {"setup.py": setup}))


def test_setup_py_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w')\n{SETUP}raise SystemExit('run')\n"
    folder = tiny(tmp_path / "mine", {"setup.py": text, "train.py": text, "preprocess.py": text})
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
def test_an_invalid_manifest_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tiny(tmp_path / "mine", {"MANIFEST.in": f"{line}\n"})
    (folder / "link.txt").symlink_to("../secret.txt")
    (folder / "linked").symlink_to("..")
    with pytest.raises(ValueError, match=r"MANIFEST\.in|outside the submission"):
        read_submission(folder)


def test_symbolic_links_in_place_of_scripts_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "mine", {"mine.py": "mine"})
    (folder / "train.py").unlink()
    (folder / "train.py").symlink_to("mine.py")
    assert read_submission(folder).files["train.py"] == b"mine"
    (folder / "train.py").unlink()
    (folder / "train.py").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match="outside the submission"):
        read_submission(folder)


def test_a_folder_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "mine", {"MANIFEST.in": "include weights.npy\n"})
    with open(folder / "weights.npy", "wb") as file:
        file.truncate(LARGEST + 1)  # a sparse file, which takes no space
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
        member("x.npy", size=LARGEST + 1),
        member("x.npy", size=1 << 62),
        member("x.npy", tarfile.GNUTYPE_SPARSE, size=1 << 40),
    ],
    ids=range(11),
)
def test_a_member_that_is_not_a_regular_file_inside_the_archive_is_refused(
    hostile: tarfile.TarInfo, tmp_path: Path
) -> None:
    (tmp_path / "src.tar.gz").write_bytes(packed(hostile, **BOTH))
    with pytest.raises(ValueError, match="neither a folder nor the archive of a submission"):
        read_submission(tmp_path / "src.tar.gz")


def test_a_member_of_negative_size_is_refused(tmp_path: Path) -> None:
    before = gzip.decompress(packed(a=b"a" * 600))[: 3 * 512]  # a header and two blocks
    hostile = member("back", size=-512).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "src.tar.gz").write_bytes(gzip.compress(before + hostile + bytes(1024)))
    assert "archive of a submission" in read_within(5, tmp_path / "src.tar.gz")


def test_a_name_of_400_megabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "src.tar.gz", "wb", compresslevel=1) as file:
        file.write(member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=400 << 20).tobuf(tarfile.GNU_FORMAT))
        for _ in range(400):
            file.write(b"a" * (1 << 20))
        file.write(gzip.decompress(packed(**BOTH)))
    assert "archive of a submission" in read_within(20, tmp_path / "src.tar.gz")


@given(cut=st.integers(1, 400))
@examples(200)
def test_a_truncated_archive_is_refused(cut: int, tmp_path: Path) -> None:
    whole = packed(train=random.Random(1).randbytes(300), preprocess=b"")
    (tmp_path / "src.tar.gz").write_bytes(whole[: max(len(whole) - cut, 0)])
    try:
        files = read_submission(tmp_path / "src.tar.gz").files
    except ValueError as error:
        assert str(tmp_path / "src.tar.gz") in str(error)  # noqa: PT017 - either outcome is valid
    else:  # only the archive's end marker was cut off
        assert set(files) == {"train.py", "preprocess.py"}


@given(bytes_=st.binary(max_size=2000))
@examples(200)
def test_any_bytes_are_refused(bytes_: bytes, tmp_path: Path) -> None:
    (tmp_path / "src.tar.gz").write_bytes(bytes_)
    with pytest.raises(ValueError, match="archive of a submission"):
        read_submission(tmp_path / "src.tar.gz")


@given(offset=st.integers(0, 123) | st.integers(136, 511), bytes_=st.binary(min_size=1, max_size=1))
@examples(200)
def test_an_archive_with_a_broken_header_is_refused_or_read(offset: int, bytes_: bytes, tmp_path: Path) -> None:
    (tmp_path / "src.tar.gz").write_bytes(
        gzip.compress(with_header(packed(other=b"o" * 700, **BOTH), offset, bytes_), 1)
    )
    try:
        files = read_submission(tmp_path / "src.tar.gz").files
    except ValueError as error:
        assert str(tmp_path / "src.tar.gz") in str(error)  # noqa: PT017 - either outcome is valid
    else:
        assert {"train.py", "preprocess.py"} <= set(files)


def test_corrupt_compressed_data_is_refused(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(200_000)
    whole = bytearray(packed(train=content, preprocess=b""))
    whole[100_000:100_100] = b"\xff" * 100
    for offset in range(20, 300_000, 5000):
        broken = whole.copy()
        broken[offset : offset + 20] = b"\xff" * 20
        (tmp_path / "src.tar.gz").write_bytes(broken)
        with pytest.raises(ValueError, match=r"src\.tar\.gz"):
            read_submission(tmp_path / "src.tar.gz")
