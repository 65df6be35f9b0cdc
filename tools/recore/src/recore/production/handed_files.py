"""The files of a hand-over that are used, and SHA256SUMS, which detects damage. It proves nothing about the author, who
also wrote the hashes.
"""

import os
import re
from pathlib import Path

from recore.evaluation import sha256_of
from recore.production.project import ProductionError
from recore.untrusted_archives import MAX_BYTES as MAX_ARCHIVE_BYTES

CONTENTS, SUMS, ARCHIVE = "handover.json", "SHA256SUMS", "model.tar.gz"
CHANNELS, REFERENCE, ERRORS = "channels.json", "domain.json", "expected_error.json"
REQUIRED, OPTIONAL = (CONTENTS, ARCHIVE, "run.json", CHANNELS), (REFERENCE, ERRORS)
MAX_BYTES = 256 << 20  # of a file other than an archive
MAX_SUMS_BYTES = 16 << 20
SUM = re.compile(r"\\?([0-9a-f]{64})  (.+)")
AGAIN = "copy the hand-over again from where it came"


def check_files(folder: Path) -> set[str]:
    """Check that each file that is used is listed, exists and is undamaged. Return the names of the listed files.

    Raises ProductionError or FileNotFoundError.
    """
    sums = _read_sums(folder / SUMS)
    for name in (*REQUIRED, *OPTIONAL):
        path = folder / name
        if name in sums and not path.is_file():
            raise FileNotFoundError(f"{path}: this file of the hand-over is missing or not a regular file: {AGAIN}")
        if name not in sums and (name in REQUIRED or os.path.lexists(path)):
            raise ProductionError(f"{path}: {SUMS} does not list this file, so it may be damaged: {AGAIN}")
        limit = MAX_ARCHIVE_BYTES if name == ARCHIVE else MAX_BYTES
        if name in sums and path.stat().st_size > limit:
            raise ProductionError(f"{path}: more than {limit >> 20} MB are not read")
        if name in sums and sha256_of(path) != sums[name]:
            raise ProductionError(f"{path}: it is not the file that was handed over ({SUMS} has another hash): {AGAIN}")
    return set(sums)


def _read_sums(path: Path) -> dict[str, str]:
    """The hashes by the names of the files, as sha256sum writes them."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: this file of the hand-over is missing or not a regular file: {AGAIN}")
    if path.stat().st_size > MAX_SUMS_BYTES:
        raise ProductionError(f"{path}: more than {MAX_SUMS_BYTES >> 20} MB are not read")
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").rstrip("\n").split("\n"), 1):
        found = SUM.fullmatch(line)
        if not found or found[2] in sums:
            problem = "names a file a second time" if found else "is not a SHA-256, two spaces and a name"
            raise ProductionError(f"{path}: line {number} {problem}: {AGAIN}")
        sums[found[2]] = found[1]
    return sums
