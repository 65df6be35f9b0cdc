"""Files that a visitor sends: their spectra, within limits, and one line for each reason why there are none."""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from recore.dataset import QUESTIONS, Grid, Spectrum, read_spectra
from recore.listing import count
from recore.text import plain

GZIP = b"\x1f\x8b"
MOST_MEMBERS = 1000  # of a gzip file: each takes time, even if it is empty
PIECE = 1 << 16  # bytes that are unpacked at a time
LONGEST_NAME = 120  # characters of a file's name
LONGEST_REASON = 600  # characters
SHOWN = 5  # problems of one file
OPTION = re.compile(r"(?<!\S)--[a-z]")
OPTIONS_HINT = " (options of `recore import`, which makes a CSV that can be sent)"


class UnusableUploadError(ValueError):
    """A file cannot be used. The message is one line. status: of the HTTP response."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """largest_file: bytes, unpacked. most_files: that the page sends at once. most_spectra: of one file."""

    largest_file: int
    most_files: int = 20
    most_spectra: int = 100


@dataclass(frozen=True)
class Upload:
    """The spectra of a file. problems: of single spectra. remarks: how they were changed."""

    spectra: list[Spectrum]
    problems: list[str]
    remarks: list[str]


def read_upload(name: str, content: bytes | bytearray, grid: Grid, limits: Limits, folder: Path) -> Upload:
    """Read the spectra of a file on the channels of a grid. Raises UnusableUploadError if there are none.

    folder: an empty one, for the file.
    """
    name = check_name(name)
    if content.startswith(GZIP):
        content, name = _unpack(content, limits.largest_file), check_name(name.removesuffix(".gz"))
    path = folder / name
    path.write_bytes(content)
    found = read_spectra(path, grid, limits.most_spectra)

    def shorten(text: str, question: str = "") -> str:
        text = text.replace(f"{path}: ", "").replace(f"{path} ", "").replace(str(path), name)
        if OPTION.search(text):
            text += OPTIONS_HINT
            text += f"; or in the file: {remedy}" if (remedy := QUESTIONS.get(question)) else ""
        return plain(text, LONGEST_REASON)

    problems = [
        shorten(
            problem.reason if problem.source == str(path) else f"{problem.source}: {problem.reason}", problem.question
        )
        for problem in found.problems
    ]
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"and {count(len(problems) - SHOWN, 'problem')} more"]
    if not found.is_complete:
        largest = f"only the first {limits.most_spectra} spectra of a file are read"
        problems.append(f"{largest}; `recore production predict` predicts a whole data file")
    if not found.spectra:
        raise UnusableUploadError("; ".join(problems) or "the file has no spectrum")
    return Upload(found.spectra, problems, [shorten(remark) for remark in found.remarks])


def check_name(name: str) -> str:
    """Return the last part of a file's name. Raises UnusableUploadError if no file can have it."""
    name = PurePosixPath(name.replace("\\", "/")).name
    if name in ("", ".", ".."):
        raise UnusableUploadError("the file has no name")
    if not name.isprintable():
        raise UnusableUploadError("its name has characters that cannot be printed: rename it")
    if len(name) > LONGEST_NAME or len(name.encode()) > 2 * LONGEST_NAME:
        raise UnusableUploadError(f"its name has more than {LONGEST_NAME} characters: rename it")
    return name


def describe_size(size: int) -> str:
    return f"{size / (1 << 20):.3g} MB"


def _unpack(content: bytes | bytearray, largest: int) -> bytes:
    unpacked, view, place = bytearray(), memoryview(content), 0
    try:
        for _ in range(MOST_MEMBERS):
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            while not member.eof:
                piece = view[place : place + PIECE]
                if not piece:
                    raise UnusableUploadError("the gzip file is truncated")
                unpacked += member.decompress(piece, largest + 1 - len(unpacked))
                if len(unpacked) > largest:
                    raise UnusableUploadError(f"it is larger than {describe_size(largest)} when it is unpacked")
                place += len(piece) - len(member.unused_data)
            # zeros may follow the last member, as with gzip
            if content[place : place + 1] in (b"", b"\0") and not content[place:].strip(b"\0"):
                return bytes(unpacked)
    except zlib.error:
        raise UnusableUploadError("the gzip file is damaged") from None
    raise UnusableUploadError(f"the gzip file has more than {MOST_MEMBERS:,} members")
