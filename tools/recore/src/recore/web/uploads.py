"""Read the spectra in files that visitors send, within limits, and report each problem in one line."""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from recore.dataset import QUESTIONS, Grid, Spectrum, read_spectra
from recore.listing import count
from recore.text import plain

GZIP = b"\x1f\x8b"
MAX_MEMBERS = 1000  # members of a gzip file; each takes time, even if it is empty
CHUNK = 1 << 16  # bytes that are unpacked at a time
MAX_NAME = 120  # characters of a file name
MAX_REASON = 600  # characters
SHOWN = 5  # maximum number of problems reported for a file
OPTION = re.compile(r"(?<!\S)--[a-z]")
OPTIONS_NOTE = " (options of `recore import`, which writes a CSV file for this page)"


class UnusableUploadError(ValueError):
    """A file cannot be used. The message is one line. status: status of the HTTP response."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Upload limits. max_file_size: uncompressed bytes. max_files: files at once. max_spectra: spectra per file."""

    max_file_size: int
    max_files: int = 20
    max_spectra: int = 100


@dataclass(frozen=True)
class Upload:
    """The spectra in a file. problems: why spectra cannot be used. remarks: how spectra were changed."""

    spectra: list[Spectrum]
    problems: list[str]
    remarks: list[str]


def read_upload(name: str, content: bytes | bytearray, grid: Grid, limits: Limits, folder: Path) -> Upload:
    """Read a file's spectra at the channels of a grid. Raises UnusableUploadError if the file contains none.

    folder: an empty folder, to which the file is written.
    """
    name = parse_name(name)
    if content.startswith(GZIP):
        content, name = _unpack(content, limits.max_file_size), parse_name(name.removesuffix(".gz"))
    path = folder / name
    path.write_bytes(content)
    reading = read_spectra(path, grid, limits.max_spectra)

    def shorten(message: str, question: str = "") -> str:
        message = message.replace(f"{path}: ", "").replace(f"{path} ", "").replace(str(path), name)
        if OPTION.search(message):
            message += OPTIONS_NOTE
            message += f"; or in the file: {fix}" if (fix := QUESTIONS.get(question)) else ""
        return plain(message, MAX_REASON)

    problems = [
        shorten(
            problem.reason if problem.source == str(path) else f"{problem.source}: {problem.reason}", problem.question
        )
        for problem in reading.problems
    ]
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"and {count(len(problems) - SHOWN, 'problem')} more"]
    if not reading.is_complete:
        notice = f"only the first {limits.max_spectra} spectra of the file were read"
        problems.append(f"{notice}; for a complete data file use `recore production predict`")
    if not reading.spectra:
        raise UnusableUploadError("; ".join(problems) or "the file contains no spectra")
    return Upload(reading.spectra, problems, [shorten(remark) for remark in reading.remarks])


def parse_name(name: str) -> str:
    """Return a file name without its folders. Raises UnusableUploadError if it is invalid."""
    name = PurePosixPath(name.replace("\\", "/")).name
    if name in ("", ".", ".."):
        raise UnusableUploadError("the file has no name")
    if not name.isprintable():
        raise UnusableUploadError("its name contains non-printable characters; rename it")
    if len(name) > MAX_NAME or len(name.encode()) > 2 * MAX_NAME:
        raise UnusableUploadError(f"its name has more than {MAX_NAME} characters; rename it")
    return name


def format_size(size: int) -> str:
    return f"{size / (1 << 20):.3g} MB"


def _unpack(content: bytes | bytearray, max_size: int) -> bytes:
    unpacked, view, position = bytearray(), memoryview(content), 0
    try:
        for _ in range(MAX_MEMBERS):
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            while not member.eof:
                piece = view[position : position + CHUNK]
                if not piece:
                    raise UnusableUploadError("the gzip file is truncated")
                unpacked += member.decompress(piece, max_size + 1 - len(unpacked))
                if len(unpacked) > max_size:
                    raise UnusableUploadError(f"it is larger than {format_size(max_size)} when unpacked")
                position += len(piece) - len(member.unused_data)
            # gzip, too, ignores zeros after the last member
            if content[position : position + 1] in (b"", b"\0") and not content[position:].strip(b"\0"):
                return bytes(unpacked)
    except zlib.error:
        raise UnusableUploadError("the gzip file is damaged") from None
    raise UnusableUploadError(f"the gzip file has more than {MAX_MEMBERS:,} members")
