"""Read the lines of text files, which may be gzipped, in the encodings of spreadsheets and instruments."""

import codecs
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from recore.dataset.formats import EXPORT, detect_format
from recore.dataset.grammar import Ambiguity, normalise_text
from recore.file_kinds import CONTROL, GZIP, detect_unsupported, is_utf_16

HEAD_BYTES = 1 << 16  # bytes that decide whether a file is text
MAX_FILE = 1 << 30  # bytes, unpacked
MAX_LINE = 1 << 22  # characters
MAX_BREAKS = 100  # line breaks in a quoted cell
OPEN_CELL = re.compile(r'(?:^|[\t;|,])"')
DITTO_MARK = re.compile(r'(?:^|[\t;|,])"\s*(?=[\t;|,]|$)')  # a quotation mark alone in a cell
MAX_SKIPPED = 100_000  # lines that are empty or comments
END_MARK = "\x1a"  # of files in DOS
NULS = "contains NUL bytes, as at the end of a file whose copy was interrupted; copy or export the file again"
WESTERN = "cp1252"  # Windows-1252, the superset of Latin-1 that programs in Western Europe and America write
# In Western names, accented letters are single or next to other letters. In text that was decoded wrongly, they are
# signs, longer runs of letters, or capitals within a word.
GARBLED = re.compile(
    r"[^\x00-\x7f]{3}|(?<![A-Za-z])[^\x00-\x7f]{2}(?![A-Za-z])"
    r"|[^\w\s\x00-\x7f\xb0\xb4\u2018\u2019\u2013\u2014]|[\xb9\xb3\u0192\u02c6]"
    r"|(?<=[a-z])[\xc0-\xde\u0152\u0160\u0178\u017d]"
)


def detect_encoding(path: Path, reason: str) -> str:
    """Check that a file can be text, and return its encoding: UTF-16, UTF-8 or WESTERN.

    reason: the message for an unknown format. Raises ValueError, or Ambiguity if a known format is not supported.
    """
    with _open_unpacked(path) as file:
        head = file.read(HEAD_BYTES)
        if kind := detect_unsupported(head):
            raise ValueError(kind)
        # NUL bytes at the end get a message below; a file of NUL bytes alone is not text
        content = head.rstrip(b"\0") or head if head.endswith(b"\0") else head.rstrip(f"{END_MARK}\r\n".encode())
        if not is_utf_16(head) and len(content.translate(None, CONTROL)) < len(content):
            if name := detect_format(head):
                raise Ambiguity("format", f"this is {name}, which is not supported; {EXPORT}")
            raise ValueError(reason)
        encoding = "utf-16" if is_utf_16(head) else "utf-8-sig"
        decoder, size, is_utf_8, line = codecs.getincrementaldecoder("utf-8")(), 0, True, 1
        while head:
            if encoding != "utf-16" and b"\0" in head:
                line += head.partition(b"\0")[0].count(b"\n")
                raise ValueError(f"line {line} {NULS}")
            size, line = size + len(head), line + head.count(b"\n")
            if size > MAX_FILE:
                raise ValueError(f"the text is larger than {MAX_FILE >> 20} MB, the maximum")
            if is_utf_8:
                try:
                    decoder.decode(head)
                except UnicodeDecodeError:
                    is_utf_8 = False
            head = file.read(1 << 20)
        is_utf_8 = is_utf_8 and not decoder.getstate()[0]
    return encoding if encoding == "utf-16" or is_utf_8 else WESTERN


def note_on_names(names: Iterable[str], encoding: str) -> str:
    """Return a note on names with letters that are not ASCII if their encoding is WESTERN, which is a guess, or "".

    Raises ValueError if a name is garbled, because the file has another encoding, or had one.
    """
    accented = [name for name in names if not name.isascii()]
    for name in accented:
        if _is_twice_encoded(name):
            raise ValueError(
                f"the name {name[:40]!r} is garbled, because a program has read the table in a wrong encoding and "
                "saved it; export it again as UTF-8"
            )
        if encoding == WESTERN and GARBLED.search(name):
            raise ValueError(
                f"the name {name[:40]!r} is garbled, because the encoding of the file is neither UTF-8 nor "
                "Windows-1252; save it as UTF-8"
            )
    if not accented or encoding != WESTERN:
        return ""
    return f"names such as {accented[0][:40]!r} were read as Windows-1252; if they are wrong, save the file as UTF-8"


def _is_twice_encoded(name: str) -> bool:
    """Return whether a name is UTF-8 that was read as Windows-1252, or has a sign for a character that was lost."""
    try:
        return "\ufffd" in name or name.encode(WESTERN).decode() != name
    except UnicodeError:
        return False


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
    errors = "replace" if encoding == WESTERN else "strict"
    with _open_unpacked(path) as content, io.TextIOWrapper(content, encoding, errors, newline="") as file:
        try:
            lines = enumerate(iter(lambda: file.readline(MAX_LINE), ""), start=1)
            for number, line in lines:
                if len(line) == MAX_LINE:
                    raise ValueError(f"line {number} is longer than {MAX_LINE} characters")
                line = normalise_text(line.rstrip(f"{END_MARK}\r\n"))
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
