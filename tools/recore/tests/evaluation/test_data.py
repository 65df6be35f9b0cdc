import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples
from support.data_files import write_gz

from recore.data_file import MAX_HEADER, MAX_ROW, compress_csv, open_data, read_header
from recore.evaluation.data import DataFiles
from recore.spectral_data import read_data

CHANNELS = ",".join(f"{index}.5" for index in range(MAX_HEADER // 8 + 100_000))
PUBLIC = ",DepthTo,SiteID,DepthFrom,4000.0,CuPPM\n0,1,a,0,0.5,7\n"
PRIVATE = ",DepthTo,SiteID,DepthFrom,4000.0\n0,1,a,0,0.5\n"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return write_gz(tmp_path / "public.csv.gz", PUBLIC)


def test_the_sample_is_valid(data: DataFiles) -> None:
    data.check()
    assert list(data.files) == ["public", "private", "actual"]
    public_only = DataFiles(data.public)
    public_only.check()
    assert public_only.files == {"public": data.public}
    assert read_header(data.public)[:5] == ["", "DepthTo", "SiteID", "DepthFrom", "4000.0"]


KINDS = {  # tools/recore/tests/dataset/test_file_kinds.py has the kinds that no command reads
    PUBLIC.encode("utf-16"): "this is UTF-16 text; save it as UTF-8, or `.*recore import FILE .* converts it",
    b",4000.0 cm-1,3996.1 cm-1\n": "channel names must be plain numbers in cm-1, not '4000.0 cm-1'; .* converts",
    PUBLIC.replace(",", ";").encode(): "columns are separated by semicolons; `.*recore import FILE",
    PUBLIC.replace(",", "\t").replace(".", ",").encode(): "columns are separated by tabs",
    PUBLIC.replace("0.5,7", '"0,5","7,5"').encode(): "its numbers have decimal commas; `.*recore import FILE",
    b"\n\n": "the first line must be a header: an index and columns",
    b"a" * (1 << 20): "header",  # the limit on a field's length applies to the whole process
    b"a,b\rc,d\r": "the first line is not a valid header",
    b',4000.0,"3999\n",CuPPM\n': "the first line is not a valid header",
    f",{CHANNELS},CuPPM\n".encode(): "the first line must be a header: an index and columns",
}


@pytest.mark.parametrize("content", KINDS, ids=range(len(KINDS)))
def test_the_format_of_a_file_that_is_not_csv_is_reported(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "public.csv.gz"
    for file_content in (content, gzip.compress(content)):
        path.write_bytes(file_content)
        with pytest.raises(ValueError, match=f"{path}: .*{KINDS[content]}"):
            DataFiles(path).check()


def test_a_broken_gzip_file_is_rejected(tmp_path: Path) -> None:
    path, packed = tmp_path / "public.csv.gz", gzip.compress(PUBLIC.encode())
    for content, word in ((packed[:18], "truncated"), (packed[:10] + b"\xff" * 20, "damaged")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path}: the gzip file is {word}; download or copy it again"):
            DataFiles(path).check()


@pytest.mark.parametrize("is_packed", [False, True], ids=["text", "gzipped"])
@pytest.mark.parametrize(
    "header",
    [
        PUBLIC,
        "\ufeff" + PUBLIC.replace("\n", "\r\n"),
        '"","DepthTo"' + PUBLIC[8:],
        PUBLIC.upper(),
        PUBLIC.replace("4000.0", "3998.0"),
    ],
)
def test_a_repeated_header_is_rejected_with_its_line(header: str, is_packed: bool, tmp_path: Path) -> None:
    """The file consists of two joined files. The second header can have different quotes or a byte-order mark."""
    path = tmp_path / "public.csv"
    for content in (PUBLIC, PUBLIC + header):  # the same file, before and after
        path.write_bytes(gzip.compress(content.encode()) if is_packed else content.encode())
        if content == PUBLIC:
            DataFiles(path).check()
    with pytest.raises(ValueError, match=f"{path}: line 3 repeats the header, .* remove this line"):
        DataFiles(path).check()
    with pytest.raises(ValueError, match="line 3"), compress_csv(path):
        pass


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order mark"])
@pytest.mark.parametrize("name", ["public.csv", "public.csv.gz"])
@pytest.mark.parametrize("is_packed", [False, True], ids=["text", "gzipped"])
def test_a_data_file_is_read_by_its_content(name: str, is_packed: bool, mark: str, tmp_path: Path) -> None:
    """All functions read text and gzipped files alike, even repeatedly. Files for jobs are gzipped as .csv.gz."""
    content = f"{mark}{PUBLIC}".replace("\n", "\r\n").encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if is_packed else content)
    for _ in range(2):
        data = read_data(path)
        assert (data.index.tolist(), data.hole.tolist(), data.spectra.tolist()) == (["0"], ["a"], [[0.5]])
        assert data.assays["CuPPM"].tolist() == [7]
    with open_data(path) as data_file, compress_csv(path) as packed:
        assert list(data_file.rows()) == [
            ["", "DepthTo", "SiteID", "DepthFrom", "4000.0", "CuPPM"],
            [*"0", *"1a0", "0.5", "7"],
        ]
        [batch] = data_file.read_batches({2: pa.string()})
        assert batch["2"].to_pylist() == ["a"]
        with data_file.open_compressed() as file:
            assert gzip.decompress(file.read()) == content == gzip.decompress(packed.read_bytes())
        assert packed.name == "public.csv.gz"
        assert data_file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,1,a,0,0.5", "row 2 has 5 cells instead of 6"),
        ('1,"1,a,0,0.5,7', "a quotation mark in the last row is not closed"),
        ("1," + "0" * (MAX_ROW + 1), "a row is larger than 16 MB"),
    ],
    ids=["cells", "quotes", "size"],
)
def test_a_broken_row_is_named(row: str, reason: str, tmp_path: Path) -> None:
    path = write_gz(tmp_path / "public.csv.gz", f"{PUBLIC}{row}\n")
    with open_data(path) as data, pytest.raises(ValueError, match=f"{path}: .*{reason}"):
        list(data.rows())


@pytest.mark.parametrize("missing_name", ["public", "private", "actual"])
def test_a_missing_file_is_reported_with_a_suggestion(missing_name: str, tmp_path: Path) -> None:
    contents = {"public": PUBLIC, "private": PRIVATE, "actual": PUBLIC}
    files = {name: write_gz(tmp_path / f"{name}.csv.gz", content) for name, content in contents.items()}
    files[missing_name].unlink()
    with pytest.raises(FileNotFoundError, match=rf"{missing_name}\.csv\.gz: there is no such file; .*recore sample"):
        DataFiles(**files).check()


def test_a_folder_instead_of_a_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this is a folder; choose a data file"):
        DataFiles(tmp_path).check()


def test_assays_without_private_data_are_rejected(public: Path) -> None:
    with pytest.raises(ValueError, match="private assays require the private data file; add --private"):
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
def test_private_data_with_columns_other_than_inputs_are_rejected(names: str, public: Path, tmp_path: Path) -> None:
    private = write_gz(tmp_path / "private.csv.gz", f"{names}\n0\n")
    with pytest.raises(ValueError, match=r"private\.csv\.gz: column .* is neither an ID nor a wavenumber"):
        DataFiles(public, private).check()


@given(bytes_=st.binary(max_size=300), zipped=st.booleans())
@examples(200)
def test_any_bytes_are_read_as_a_header_or_rejected(bytes_: bytes, zipped: bool, tmp_path: Path) -> None:
    bytes_ = bytes_.replace(b"\r", b"")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(bytes_) if zipped else bytes_)
    try:
        assert len(read_header(tmp_path / "x.csv.gz")) > 1
    except ValueError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either outcome is valid
