"""Detect whether the submission in this checkout is the template's or was changed, as in a fork.

Tests of the default model and of figures printed in the README apply only to the template's submission. In a fork,
they are skipped, and tests/contract/ applies. After changing the template itself, run:

    python tests/support/template.py
"""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("preprocess.py", "train.py", "estimators.py")
RECORD = ROOT / "tools/recore/src/recore/template/originals.json"  # `recore new` reads it, too


def blob_id(path: Path) -> str:
    """Return Git's ID of a file without carriage returns, or of an empty file if it is missing."""
    content = path.read_bytes().replace(b"\r\n", b"\n") if path.is_file() else b""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()


BLOB_IDS = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
IS_TEMPLATE = all(blob_id(ROOT / name) == BLOB_IDS.get(name) for name in FILES)
SKIP_REASON = "the submission is not the template's (see tests/support/template.py)"
template_only = pytest.mark.skipif(not IS_TEMPLATE, reason=SKIP_REASON)


def skip_module_in_forks() -> None:
    """In a fork, skip the calling test module before it imports anything that may be missing."""
    if not IS_TEMPLATE:
        pytest.skip(SKIP_REASON, allow_module_level=True)


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: blob_id(ROOT / name) for name in BLOB_IDS}, indent=1) + "\n")
