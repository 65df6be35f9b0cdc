"""Data files are checked before a run: invalid files are refused with a reason, and so are private data with assays."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples
from support.data_files import write_gz

from recore.column_names import LARGEST_HEADER, read_header
from recore.evaluation.data import DataFiles

CHANNELS = ",".join(f"{number}.5" for number in range(LARGEST_HEADER // 8 + 100_000))
PUBLIC = ",DepthTo,SiteID,DepthFrom,4000.0,CuPPM\n0,1,a,0,0.5,7\n"
PRIVATE = ",DepthTo,SiteID,DepthFrom,4000.0\n0,1,a,0,0.5\n"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return write_gz(tmp_path / "public.csv.gz", PUBLIC)


def test_the_sample_is_valid(sample: Path) -> None:
    data = DataFiles(
        sample / "public/public.csv.gz", sample / "private/private.csv.gz", sample / "private/actual.csv.gz"
    )
    data.check()
    assert list(data.files) == ["public", "private", "actual"]
    public_only = DataFiles(data.public)
    public_only.check()
    assert public_only.files == {"public": data.public}
    assert read_header(data.public)[:5] == ["", "DepthTo", "SiteID", "DepthFrom", "4000.0"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "a header of an index and columns"),
        (PUBLIC.encode(), "a gzipped CSV is needed"),
        (b"PK\3\4 a zip file", "a gzipped CSV is needed"),
        (gzip.compress(b""), "a header of an index and columns"),
        (gzip.compress(b"\n\n"), "a header of an index and columns"),
        (gzip.compress(b"a\tb\tc\n"), "a header of an index and columns"),
        (gzip.compress(bytes(1000)), "a header of an index and columns"),
        (gzip.compress(PUBLIC.encode())[:18], "a gzipped CSV is needed"),
        (gzip.compress(PUBLIC.encode())[:10] + b"\xff" * 20, "a gzipped CSV is needed"),
        (gzip.compress(b"a" * (1 << 20)), "header"),  # the limit on a field's length applies to the whole process
        (gzip.compress(b"a,b\rc,d\r"), "the first line is not a valid header"),
        (gzip.compress(b',4000.0,"3999\n",CuPPM\n'), "the first line is not a valid header"),
        (gzip.compress(f",{CHANNELS},CuPPM\n".encode()), "a header of an index and columns"),
    ],
    ids=range(13),
)
def test_an_invalid_file_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "public.csv.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path}: .*{reason}"):
        DataFiles(path).check()


@pytest.mark.parametrize("missing", ["public", "private", "actual"])
def test_a_missing_file_is_reported_with_a_suggestion(missing: str, tmp_path: Path) -> None:
    texts = {"public": PUBLIC, "private": PRIVATE, "actual": PUBLIC}
    files = {name: write_gz(tmp_path / f"{name}.csv.gz", text) for name, text in texts.items()}
    files[missing].unlink()
    with pytest.raises(FileNotFoundError, match=rf"{missing}\.csv\.gz: there is no such file; .*recore sample"):
        DataFiles(**files).check()


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a gzipped CSV is needed"):
        DataFiles(tmp_path).check()


def test_assays_without_private_data_are_refused(public: Path) -> None:
    with pytest.raises(ValueError, match="these assays need the private data to which they belong: add --private"):
        DataFiles(public, actual=public).check()


@pytest.mark.parametrize(
    "names",
    [
        ",DepthTo,SiteID,DepthFrom,4000.0,CuPPM",
        ",CuPPM,DepthTo,SiteID,DepthFrom,4000.0",
        ",4000.0,cuppm",
        ",4000.0, AuPPM ",
        ',4000.0,"Cu,PPM"',
        ",4000.0,Lithology",
        ",4000.0,",
        ",4000.0\0",
        "CuPPM,DepthTo,SiteID,DepthFrom,4000.0",
        ",4000.0,nan",
    ],
    ids=range(10),
)
def test_private_data_with_columns_other_than_inputs_are_refused(names: str, public: Path, tmp_path: Path) -> None:
    private = write_gz(tmp_path / "private.csv.gz", f"{names}\n0\n")
    with pytest.raises(ValueError, match=r"private\.csv\.gz: column .* is neither an ID nor a wavenumber"):
        DataFiles(public, private).check()


@given(bytes_=st.binary(max_size=300), zipped=st.booleans())
@examples(200)
def test_any_bytes_are_read_as_a_header_or_refused(bytes_: bytes, zipped: bool, tmp_path: Path) -> None:
    bytes_ = bytes_.replace(b"\r", b"")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(bytes_) if zipped else bytes_)
    try:
        assert len(read_header(tmp_path / "x.csv.gz")) > 1
    except ValueError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either outcome is valid
