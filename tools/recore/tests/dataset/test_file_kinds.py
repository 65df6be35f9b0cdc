"""Every reader of data files and spectra recognises kinds of files that no command can read."""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from recore.data_file import compress_csv, read_header
from recore.dataset import SampleOptions, split_table, write_samples
from recore.dataset.grids import grid_of_file
from recore.dataset.importing import ImportOptions, ImportResult, import_files
from recore.evaluation.data import DataFiles
from recore.report import explore_file
from recore.spectral_data import read_data
from recore.web.uploads import Limits, read_upload

CHANNELS = range(4000, 3900, -10)
PUBLIC = f",DepthTo,SiteID,DepthFrom,{','.join(map(str, CHANNELS))},CuPPM\n0,1,a,0{',0.5,0.4' * 5},7\n"
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 12345\n"


def pack(module: Any, name: str) -> bytes:
    packed = io.BytesIO()
    with module(packed, mode="w") if module is zipfile.ZipFile else module(fileobj=packed, mode="w") as archive:
        if module is zipfile.ZipFile:
            archive.writestr(name, PUBLIC)
        else:
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


def parquet() -> bytes:
    packed = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"sample": ["a"], "4000": [0.5]}), packed)
    return packed.getvalue()


KINDS: dict[str, tuple[bytes, str]] = {
    "Git LFS pointer": (LFS.encode(), "this is a Git LFS pointer, not the data; run `git lfs pull`"),
    "Git LFS pointer, Windows": (LFS.replace("\n", "\r\n").encode(), "this is a Git LFS pointer"),
    "git-annex pointer": (b"/annex/objects/SHA256E-s12--ab.csv.gz\n", "run `git annex get FILE`"),
    "DVC pointer": (b"outs:\n- md5: 4d4d\n  size: 12345\n  path: public.csv.gz\n", "run `dvc pull`"),
    "xlsx": (pack(zipfile.ZipFile, "xl/workbook.xml"), "this is an Excel workbook; save the table as CSV"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "this is an Excel workbook"),
    "zip": (pack(zipfile.ZipFile, "public.csv"), "this is a zip archive; unpack it first"),
    "tar": (pack(tarfile.open, "public.csv"), "this is a tar archive"),
    "gzip twice": (gzip.compress(gzip.compress(PUBLIC.encode())), "this is a gzip file; unpack it first"),
    "bzip2": (bz2.compress(PUBLIC.encode()), "this is a bzip2 file"),
    "xz": (lzma.compress(PUBLIC.encode()), "this is an xz file"),
    "Zstandard": (b"\x28\xb5\x2f\xfd" + bytes(range(99)), "this is a Zstandard file"),
    "Parquet": (parquet(), "this is a Parquet file"),
    "Arrow": (b"ARROW1\0\0" + bytes(99), "this is an Arrow file"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "this is an HDF5 file"),
    "MATLAB": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\1IM" + bytes(99), "this is a MATLAB file"),
    "SQLite": (b"SQLite format 3\0\x10\0" + bytes(99), "this is an SQLite database"),
    "RData": (b"RDX3\nX\n\0\0\0\3", "this is an R data file"),
    "rds": (b"X\n\0\0\0\3\0\4", "this is an R data file"),
    "NumPy": (b"\x93NUMPY\1\0v\0{'descr': '<f8', 'shape': (9,)}\n" + bytes(72), "this is a NumPy file"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n", "this is a PDF document"),
    "RTF": (b"{\\rtf1\\ansi 4000,0.1\\par\n3900,0.2\\par}\n", "this is an RTF document"),
    "web page": (b"\r\n<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "this is a web page, not the data"),
    "web page in UTF-16": ("<html>\n<body></body></html>\n".encode("utf-16"), "this is a web page, not the data"),
    "XML": (b'<?xml version="1.0"?>\n<Error>AccessDenied</Error>\n', "this is HTML or XML, not the data"),
    "JSON": (b'{"message": "Not Found"}\n', "this is JSON"),
    "UTF-16 without a mark": (PUBLIC.encode("utf-16-le"), "this is UTF-16 text; save it as UTF-8"),
    "UTF-16 without a mark, big-endian": (PUBLIC.encode("utf-16-be"), "this is UTF-16 text; save it as UTF-8"),
    "UTF-32": (PUBLIC.encode("utf-32"), "this is UTF-32 text; save it as UTF-8"),
    "empty": (b"", "this file is empty; download or copy it again"),
    "binary": (bytes(range(256)) * 20, "text"),
    "zeros": (bytes(5000), "text"),
}


def raise_problem(result: ImportResult) -> None:
    if result.problems:
        raise ValueError(result.problems[0].reason)


READERS: dict[str, Callable[[Path, Path], object]] = {
    "import": lambda path, good: raise_problem(import_files(ImportOptions((path,), path.parent / "x.csv.gz"))),
    "import --assays": lambda path, good: import_files(ImportOptions((good,), path.parent / "x.csv.gz", assays=path)),
    "import --like": lambda path, good: import_files(ImportOptions((good,), path.parent / "x.csv.gz", like=path)),
    "predict": lambda path, good: raise_problem(
        write_samples(SampleOptions((path,)), read_header(good), path.parent / "x.csv.gz")
    ),
    "page": lambda path, good: read_upload(
        path.name, path.read_bytes(), grid_of_file(good), Limits(1 << 20), path.parent
    ),
    "explore": lambda path, good: explore_file(path),
    "explore --private": lambda path, good: explore_file(good, path),
    "split": lambda path, good: split_table(path, "50%", path.parent / "split"),
    "run, judge and score": lambda path, good: DataFiles(good, good, path).check(),
    "check and validate": lambda path, good: read_data(path),
    "production": lambda path, good: compress_csv(path).__enter__(),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_names_a_foreign_file(reader: str, tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_text(PUBLIC)
    for name, (content, reason) in KINDS.items():
        if name == "gzip twice" and reader == "page":
            continue  # the web page unpacks the file before it is read
        path = tmp_path / "soil.csv"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=re.escape(reason)):
            READERS[reader](path, good)
