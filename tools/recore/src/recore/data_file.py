"""Open data files, which can be CSV or gzipped CSV, whatever their names. An error names any other known format."""

import codecs
import contextlib
import csv
import gzip
import hashlib
import io
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from recore.challenge import challenge
from recore.distribution import PROGRAM
from recore.file_kinds import CONVERT_FIX, GZIP, IMPORT, REPEATED_HEADER, detect_non_csv
from recore.schema import channels_of
from recore.text import plain
from stagemaker import locked

if TYPE_CHECKING:
    import pyarrow as pa

HEAD_BYTES = 1 << 16  # bytes that determine a file's kind
MAX_HEADER = 4 << 20  # bytes
MAX_ROW = 16 << 20  # characters
LEVEL = 1  # gzip level; 6 takes six times as long, and the files are an eighth smaller
BLOCK = 1 << 24  # bytes that are parsed at a time
DECIMAL_COMMA = re.compile(rb'"[+-]?\d*,\d+"')
COMPARED_BYTES = 256  # bytes of each line that are compared with the header before the rest
VALID_FILES = set[tuple[int, ...]]()  # device, inode, size and modification time of files whose lines are valid
NOT_UTF_8 = "this is not UTF-8 text; save it as UTF-8"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class DataFile:
    """An open data file. file: its raw binary stream. is_packed: whether it is gzipped.

    All methods read from the beginning, and raise ValueError if the file is invalid.
    """

    path: Path
    file: io.FileIO
    is_packed: bool

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the bytes on disk."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()

    @cached_property
    def header(self) -> list[str]:
        """The names of all columns, the index first."""
        with self._unpacked_bytes() as lines:
            line = lines.readline(MAX_HEADER)
        try:
            names = next(csv.reader([line.decode("utf-8-sig", "replace")], strict=True), [])
        except csv.Error as error:
            raise ValueError(f"{self.path}: the first line is not a valid header: {error}") from None
        if len(names) < 2 or len(line) == MAX_HEADER:
            raise ValueError(f"{self.path}: the first line must be a header: an index and columns, separated by commas")
        numbered = [name for name in names[1:] if re.match(r"X?\d", name)]
        if len(numbered) > len(names) / 2 and not channels_of(numbered):
            reason = f"channel names must be plain numbers in cm-1, not {plain(numbered[0], 40)!r}"
            raise ValueError(f"{self.path}: {reason}; {IMPORT} converts cm-1, nm and um")
        return names

    def check_lines(self) -> None:
        """Raise ValueError if a later line repeats a header, or if numbers in the first row have decimal commas.

        After `cat day1.csv day2.csv`, the second header would be read as a spectrum. Valid files are checked only once.
        """
        status = os.fstat(self.file.fileno())
        version = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        if version in VALID_FILES:
            return
        with self._unpacked_bytes() as lines:
            header, number = _normalise(lines.readline(MAX_HEADER)), 1
            # a header, even with other channels, contains the names of two IDs or targets
            columns = {_normalise(name.encode()) for name in challenge().columns}
            group = _normalise(challenge().group.encode())
            while line := lines.readline(MAX_ROW):
                number += 1
                if number == 2 and len(DECIMAL_COMMA.findall(line)) > 1:
                    raise ValueError(f"{self.path}: its numbers have decimal commas; {CONVERT_FIX}")
                if not header.startswith(_normalise(line[:COMPARED_BYTES])) and group not in _normalise(line):
                    continue  # skip the slower comparison
                cells = _normalise(line)
                if cells == header != b"" or len(columns.intersection(cells.split(b","))) > 1:
                    raise ValueError(f"{self.path}: line {number} {REPEATED_HEADER}")
        VALID_FILES.add(version)

    @property
    def positions(self) -> dict[str, int]:
        """The position of each column except the index, by name; for duplicate names, the first position."""
        return {name: position for position, name in reversed(list(enumerate(self.header))) if position}

    def read(self, types: "Mapping[int, pa.DataType]") -> "pa.Table":
        """Read columns into a table whose columns are named "0", "1", ... types: each column's type, by position."""
        import pyarrow.csv

        options, convert = self._options(types, BLOCK)
        with self._one_line_errors(), self._raw_bytes() as content:
            return pyarrow.csv.read_csv(self._stream(content), options, convert_options=convert)

    def read_batches(self, types: "Mapping[int, pa.DataType]") -> "Iterator[pa.RecordBatch]":
        """Yield the table that `read` returns, in batches of rows."""
        import pyarrow.csv

        options, convert = self._options(types, BLOCK // 4)
        with self._raw_bytes() as content:
            with self._one_line_errors():
                batches = pyarrow.csv.open_csv(self._stream(content), options, convert_options=convert)
            while True:
                with self._one_line_errors():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch

    def records(self) -> Iterator[str]:
        """Yield the header and the rows as text, each ending with a newline. Quoted cells may contain newlines."""
        with self._unpacked_bytes() as content:
            lines = io.TextIOWrapper(content, "utf-8-sig", newline="")
            try:
                yield from self._split(lines)
            finally:
                lines.detach()  # so that the file stays open

    def rows(self) -> Iterator[list[str]]:
        """Yield the cells of the header and of each row. Raises ValueError if a row and the header differ in length."""
        width = len(self.header)
        try:
            for number, row in enumerate(csv.reader(self.records())):
                if len(row) != width:
                    raise ValueError(f"{self.path}: row {number} has {len(row)} cells instead of {width}")
                yield row
        except csv.Error as error:
            raise ValueError(f"{self.path}: {error}") from None

    def _split(self, lines: TextIO) -> Iterator[str]:
        record, quotes = "", 0
        while line := lines.readline(MAX_ROW + 1):
            record += line
            quotes += line.count('"')
            if len(record) > MAX_ROW:
                raise ValueError(f"{self.path}: a row is larger than {MAX_ROW >> 20} MB")
            if quotes % 2 == 0:
                if record.strip():
                    yield record if record.endswith("\n") else record + "\n"
                record, quotes = "", 0
        if record:
            raise ValueError(f"{self.path}: a quotation mark in the last row is not closed")

    @contextlib.contextmanager
    def open_compressed(self) -> Iterator[BinaryIO]:
        """Yield an open file with the gzipped content: the data file itself or a temporary copy."""
        if self.is_packed:
            with self._raw_bytes() as content:
                yield content
            return
        with tempfile.TemporaryFile(prefix="recore-data-") as copy:
            with self._unpacked_bytes() as unpacked, gzip.GzipFile("", "wb", LEVEL, copy, mtime=0) as packed:
                shutil.copyfileobj(unpacked, packed)
            copy.seek(0)
            yield cast(BinaryIO, copy)

    @contextlib.contextmanager
    def _unpacked_bytes(self) -> Iterator[BinaryIO]:
        with self._one_line_errors(), self._raw_bytes() as content:
            if self.is_packed:
                with gzip.open(content, "rb") as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield content

    @contextlib.contextmanager
    def _raw_bytes(self) -> Iterator[BinaryIO]:
        with open(os.dup(self.file.fileno()), "rb") as content:  # a duplicate descriptor, because pyarrow closes it
            content.seek(0)
            yield content

    def _stream(self, content: BinaryIO) -> Any:
        import pyarrow as pa

        # pyarrow opens the file: its threads must not use a Python object while an interrupted program exits
        file = pa.OSFile(f"/dev/fd/{content.fileno()}")
        return pa.CompressedInputStream(file, "gzip") if self.is_packed else file

    def _options(self, types: "Mapping[int, pa.DataType]", block_size: int) -> tuple[Any, Any]:
        import pyarrow.csv

        names = [str(position) for position in range(len(self.header))]
        column_types = {str(position): each for position, each in types.items()}
        return (
            pyarrow.csv.ReadOptions(column_names=names, skip_rows=1, block_size=block_size),
            pyarrow.csv.ConvertOptions(include_columns=list(column_types), column_types=column_types),
        )

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        """Convert gzip, pyarrow and decoding errors to ValueErrors whose messages begin with the path."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path}: {NOT_UTF_8}: {error}") from None
        except (OSError, EOFError, zlib.error) as error:
            if isinstance(error, OSError) and error.errno is not None:  # not caused by the file, such as a full disk
                raise
            raise ValueError(f"{self.path}: {_explain(error)}") from None
        except ValueError as error:
            if str(error).startswith(f"{self.path}: "):
                raise
            raise ValueError(f"{self.path}: {_explain(error)}") from None


@contextlib.contextmanager
def open_data(path: Path) -> Iterator[DataFile]:
    """Open and check a data file. Raises ValueError if it is not CSV or gzipped CSV, or OSError if unreadable."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: this is {'a folder' if path.is_dir() else 'not a regular file'}; choose a data file")
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        reason = f"{path}: there is no such file; `{PROGRAM} sample --out data` creates sample data"
        raise FileNotFoundError(reason) from None
    with file:
        data = DataFile(path, file, file.read(len(GZIP)) == GZIP)
        with data._unpacked_bytes() as content:
            kind = detect_non_csv(content.read(HEAD_BYTES))
        if kind:
            raise ValueError(f"{path}: {kind}")
        data.check_lines()
        yield data


@contextlib.contextmanager
def compress_csv(path: Path) -> Iterator[Path]:
    """Yield a path that ends in .csv.gz: the data file or a gzipped copy, for programs that rely on the suffix."""
    with open_data(path) as data:
        if data.is_packed and path.name.endswith(".csv.gz"):
            yield path
            return
        with locked.temporary_folder("recore-data-") as folder:
            copy = Path(folder, f"{path.name.removesuffix('.gz').removesuffix('.csv')}.csv.gz")
            with data.open_compressed() as content, open(copy, "wb") as file:
                shutil.copyfileobj(content, file)
            yield copy


def read_header(path: Path) -> list[str]:
    """Return the column names of a data file, the index first. Raises ValueError or OSError, as `open_data` does."""
    with open_data(path) as data:
        return data.header


def _normalise(line: bytes) -> bytes:
    """Return a line in lower case, without byte-order mark, quotes and white space, which differ between programs."""
    return line.removeprefix(codecs.BOM_UTF8).translate(None, b'" \t\r\n').lower()


def _explain(error: Exception) -> str:
    message = str(error)
    if isinstance(error, EOFError) or "Truncated compressed stream" in message:
        return "the gzip file is truncated; download or copy it again"
    if isinstance(error, zlib.error | gzip.BadGzipFile) or "zlib inflate failed" in message:
        return "the gzip file is damaged; download or copy it again"
    return NOT_UTF_8 if "invalid UTF8" in message else plain(message, 300)
