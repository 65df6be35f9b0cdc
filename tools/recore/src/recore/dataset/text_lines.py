"""Read the lines of text files, which may be gzipped, in the encodings of spreadsheets and instruments."""

import codecs
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from recore.dataset.formats import EXPORT, detect_format
from recore.dataset.grammar import Ambiguity, normalise_text
from recore.file_kinds import CONTROL, GZIP, detect_foreign, is_utf_16

HEAD_BYTES = 1 << 16  # bytes that decide whether a file is text
MAX_FILE = 1 << 30  # bytes, unpacked
MAX_LINE = 1 << 22  # characters
MAX_BREAKS = 100  # line breaks in a quoted cell
OPEN_CELL = re.compile(r'(?:^|[\t;|,])"')
DITTO_MARK = re.compile(r'(?:^|[\t;|,])"\s*(?=[\t;|,]|$)')  # a quotation mark alone in a cell
MAX_SKIPPED = 100_000  # lines that are empty or comments


def check_text(path: Path, reason: str) -> str:
    """Check that a file can be text, and return its encoding: UTF-16, UTF-8 or Latin-1, which decodes any bytes.

    reason: the message for an unknown format. Raises ValueError, or Ambiguity if a known format is not supported.
    """
    with _open_unpacked(path) as file:
        head = file.read(HEAD_BYTES)
        if kind := detect_foreign(head):
            raise ValueError(kind)
        if not is_utf_16(head) and len(head.translate(None, CONTROL)) < len(head):
            if name := detect_format(head):
                raise Ambiguity("format", f"this is {name}, which is not supported; {EXPORT}")
            raise ValueError(reason)
        encoding = "utf-16" if is_utf_16(head) else "utf-8-sig"
        decoder, size, is_utf_8 = codecs.getincrementaldecoder("utf-8")(), 0, True
        while head:
            size += len(head)
            if size > MAX_FILE:
                raise ValueError(f"the text is larger than {MAX_FILE >> 20} MB, the maximum")
            if is_utf_8:
                try:
                    decoder.decode(head)
                except UnicodeDecodeError:
                    is_utf_8 = False
            head = file.read(1 << 20)
        is_utf_8 = is_utf_8 and not decoder.getstate()[0]
    return encoding if encoding == "utf-16" or is_utf_8 else "latin-1"


@contextmanager
def _open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file, and decompress it if it is gzipped, whatever its name. Raises ValueError if it is damaged."""
    with path.open("rb") as file:
        is_packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        try:
            with gzip.open(file, "rb") if is_packed else file as content:
                yield cast(BinaryIO, content)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"the gzip file is truncated or damaged: {error}") from None


def numbered_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield the non-empty lines of a file with their numbers; line breaks inside quoted cells become spaces.

    Raises ValueError if a line is too long, or if too many lines are empty.
    """
    skipped = 0
    with _open_unpacked(path) as content, io.TextIOWrapper(content, encoding, newline="") as file:
        try:
            lines = enumerate(iter(lambda: file.readline(MAX_LINE), ""), start=1)
            for number, line in lines:
                if len(line) == MAX_LINE:
                    raise ValueError(f"line {number} is longer than {MAX_LINE} characters")
                line = normalise_text(line)
                if line.strip():
                    yield number, _join_cell(line, lines)
                    continue
                skipped += 1
                if skipped > MAX_SKIPPED:
                    raise ValueError(f"line {number}: more than {MAX_SKIPPED:,} lines are empty or comments")
        except UnicodeDecodeError as error:
            raise ValueError(f"this is not {encoding.upper()} text: {error.reason}") from None


def _join_cell(line: str, following: Iterator[tuple[int, str]]) -> str:
    """Join a line with the next ones if it ends within a quoted cell. The closing quotation mark may be missing."""
    if line.count('"') % 2 == 0 or line.startswith("#") or not OPEN_CELL.search(line) or DITTO_MARK.search(line):
        return line
    parts, length = [line.rstrip()], len(line)
    for _, more in itertools.islice(following, MAX_BREAKS):
        parts.append(normalise_text(more).strip())
        length += len(more)
        if more.count('"') % 2 or length > MAX_LINE:
            break
    return " ".join(parts)
