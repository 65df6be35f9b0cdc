"""Recognise files that are not text tables by their first bytes, and suggest a fix for each kind."""

import codecs
import re

from recore.distribution import PROGRAM

GZIP = b"\x1f\x8b"
SAVE_FIX = "save the table as CSV"
IMPORT = f"`{PROGRAM} import FILE --out NEW.csv.gz`"
CONVERT_FIX = f"{IMPORT} converts it"
UTF_16 = "this is UTF-16 text; save it as UTF-8"
UTF_32 = "this is UTF-32 text; save it as UTF-8"
WORKBOOK = f"this is an Excel workbook; {SAVE_FIX}"
EMPTY = "this file is empty; download or copy it again"
REPEATED_HEADER = "repeats the header, as if two files had been joined; remove this line"
SIGNATURES = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": WORKBOOK,
    b"PAR1": f"this is a Parquet file; {SAVE_FIX}",
    b"ARROW1": f"this is an Arrow file; {SAVE_FIX}",
    b"\x89HDF\r\n": f"this is an HDF5 file; {SAVE_FIX}",
    **dict.fromkeys((b"RDX2\n", b"RDX3\n", b"X\n\0\0\0"), f"this is an R data file; {SAVE_FIX}"),
    b"MATLAB ": f"this is a MATLAB file; {SAVE_FIX}",
    b"SQLite format 3\0": f"this is an SQLite database; {SAVE_FIX}",
    b"\x93NUMPY": f"this is a NumPy file; {SAVE_FIX}",
    b"%PDF-": f"this is a PDF document; {SAVE_FIX}",
    GZIP: "this is a gzip file; unpack it first",
    b"BZh": "this is a bzip2 file; unpack it first",
    b"\xfd7zXZ": "this is an xz file; unpack it first",
    b"\x28\xb5\x2f\xfd": "this is a Zstandard file; unpack it first",
    b"7z\xbc\xaf": "this is a 7z archive; unpack it first",
    codecs.BOM_UTF32_LE: UTF_32,
    codecs.BOM_UTF32_BE: UTF_32,
}
TEXT_SIGNATURES = {
    r"version https://git-lfs\.": "this is a Git LFS pointer, not the data; run `git lfs pull`",
    r"/annex/objects/": "this is a git-annex pointer, not the data; run `git annex get FILE`",
    r"outs:\s+- ": "this is a DVC pointer, not the data; run `dvc pull`",
    r"<!doctype html|<html|<head": "this is a web page, not the data; download the file itself",
    r"<[?!a-z]": f"this is HTML or XML, not the data; download the file itself, or {SAVE_FIX}",
    r"\{\s*\"|\[\s*[\[{\"\d-]": f"this is JSON; {SAVE_FIX}",
    r"\{\\rtf": f"this is an RTF document; {SAVE_FIX}",
}
WORKBOOK_PARTS = (b"[Content_Types].xml", b"xl/", b"docProps/")
CONTROL = bytes([*range(9), *range(14, 32)])  # characters that do not occur in text
MAX_CONTROL = 0.1  # maximum share of control characters in CSV, whose cells may contain some; random bytes have more


def is_utf_16(head: bytes) -> bool:
    """Return whether a file begins with a UTF-16 byte-order mark. Only `recore import` reads such files."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def detect_unsupported(head: bytes) -> str | None:
    """Return the kind of a file that no command can read, with the fix, or None if the file may be a text table."""
    if not head:
        return EMPTY
    if head.startswith(b"PK\3\4"):
        is_workbook = any(name in head for name in WORKBOOK_PARTS)
        return WORKBOOK if is_workbook else f"this is a zip archive; unpack it first, or {SAVE_FIX}"
    if head[257:262] == b"ustar":
        return "this is a tar archive; unpack it first"
    if kind := next((kind for beginning, kind in SIGNATURES.items() if head.startswith(beginning)), None):
        return kind
    if is_utf_16(head):
        text = head[:1000].decode("utf-16", "replace").lstrip()
    else:
        halves = head[:400:2], head[1:400:2]
        if any(one.count(0) > len(one) // 2 and min(other) >= ord("\t") for one, other in (halves, halves[::-1])):
            return UTF_16
        text = head[:1000].decode("utf-8-sig", "replace").lstrip()
    return next((kind for pattern, kind in TEXT_SIGNATURES.items() if re.match(pattern, text, re.IGNORECASE)), None)


def detect_non_csv(head: bytes) -> str | None:
    """Return the kind of a file that is not CSV, with the fix, or None if the file may be CSV."""
    if kind := detect_unsupported(head):
        return kind
    if is_utf_16(head):
        return f"{UTF_16}, or {CONVERT_FIX}"
    if len(head) - len(head.translate(None, CONTROL)) > MAX_CONTROL * len(head):
        return "this is not text; a CSV file is required"
    header = head.partition(b"\n")[0]
    commas = header.count(b",")
    for mark, name in ((b";", "semicolons"), (b"\t", "tabs")):
        if header.count(mark) > commas:
            return f"its columns are separated by {name}; {CONVERT_FIX}"
    return None
