"""Read the template's files as released, even in a checkout whose owner has edited them.

originals.json lists their Git blob IDs; `python tests/support/template.py` records them after a change of the template.
"""

import hashlib
import json
from pathlib import Path

from recore.distribution import INSTALLED, TEMPLATE, run_git

BLOB_IDS: dict[str, str] = json.loads(Path(__file__).with_name("originals.json").read_text("utf-8"))


def is_edited(name: str) -> bool:
    """Return whether a file of the template was edited or removed in this checkout."""
    path = TEMPLATE / name
    return not INSTALLED and name in BLOB_IDS and not (path.is_file() and _blob_id(_read(path)) == BLOB_IDS[name])


def read_original(name: str) -> bytes:
    """Return a file of the template as released. Raises ValueError if only an edited one is available."""
    if not is_edited(name):
        return _read(TEMPLATE / name)
    content = run_git(TEMPLATE, "cat-file", "blob", BLOB_IDS[name])
    if _blob_id(content) != BLOB_IDS[name]:
        fix = f"restore it, or copy your own files with `recore new --from {TEMPLATE}`"
        raise ValueError(f"{TEMPLATE / name}: this file was edited, and the original is not in Git; {fix}")
    return content


def _read(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")  # Git may write other line breaks to a checkout


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
