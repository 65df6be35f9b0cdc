"""What a file is that is taken for a table of text, by its first bytes, and what to do about it."""

from recore.distribution import PROGRAM

GZIP = b"\x1f\x8b"
SAVE = "save the table as CSV"
IMPORT = f"`{PROGRAM} import FILE --out NEW.csv.gz`"
CONVERT = f"{IMPORT} converts it"
UTF_16 = "this is UTF-16 text; save it as UTF-8"
WORKBOOK = f"this is an Excel workbook; {SAVE}"
BEGINNINGS = {
    b"version https://git-lfs.github.com/": "this is a Git LFS pointer, not the data; run `git lfs pull`",
    GZIP: "this is a gzip file; unpack it first",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": WORKBOOK,
    b"PAR1": f"this is a Parquet file; {SAVE}",
    b"\xff\xfe": f"{UTF_16}, or {CONVERT}",
    b"\xfe\xff": f"{UTF_16}, or {CONVERT}",
    b"BZh": "this is a bzip2 file; unpack it first",
    b"\xfd7zXZ": "this is an xz file; unpack it first",
    b"\x28\xb5\x2f\xfd": "this is a Zstandard file; unpack it first",
    b"7z\xbc\xaf": "this is a 7z archive; unpack it first",
}
IN_WORKBOOKS = (b"[Content_Types].xml", b"xl/", b"docProps/")
MARKUP = (b"<!doctype html", b"<html", b"<?xml")


def name_kind(head: bytes) -> str | None:
    """What a file is unless it is CSV, by its first bytes, and what to do; None if it can be CSV."""
    if not head:
        return "this file is empty; download or copy it again"
    if binary := name_binary(head):
        return binary
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower().startswith(MARKUP):
        return "this is a web page, not the data; download the file itself"
    if head.count(0) * 10 > len(head):
        return "this is not text; a CSV file is needed"
    header = head.partition(b"\n")[0]
    commas = header.count(b",")
    for mark, name in ((b";", "semicolons"), (b"\t", "tabs")):
        if header.count(mark) > commas:
            return f"its columns are separated by {name}; {CONVERT}"
    return None


def name_binary(head: bytes) -> str | None:
    """What a file is whose first bytes belong to a known kind that is not a table of text."""
    if head.startswith(b"PK\3\4"):
        is_workbook = any(name in head for name in IN_WORKBOOKS)
        return WORKBOOK if is_workbook else f"this is a zip archive; unpack it first, or {SAVE}"
    if head[257:262] == b"ustar":
        return "this is a tar archive; unpack it first"
    halves = head[:400:2], head[1:400:2]
    if any(one.count(0) > len(one) // 2 and min(other) >= ord("\t") for one, other in (halves, halves[::-1])):
        return UTF_16
    return next((kind for beginning, kind in BEGINNINGS.items() if head.startswith(beginning)), None)
