"""Detect whether the submission in this checkout is the template's or was changed, as in a fork.

Tests of the default model and of figures printed in the README apply only to the template's submission. In a fork,
they are skipped, and tests/contract/ applies. After changing the template itself, run:

    python tests/support/template.py
"""

import ast
import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("preprocess.py", "train.py", "estimators.py")
DIGEST_FILE = Path(__file__).with_suffix(".sha256")


def digest() -> str:
    """Return a digest of the submission's code without comments. Missing files count as empty."""
    code = [ast.dump(ast.parse(path.read_text())) if (path := ROOT / name).is_file() else "" for name in FILES]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


IS_TEMPLATE = digest() == DIGEST_FILE.read_text().strip() if DIGEST_FILE.is_file() else False
SKIP_REASON = "the submission is not the template's (see tests/support/template.py)"
template_only = pytest.mark.skipif(not IS_TEMPLATE, reason=SKIP_REASON)


def skip_module_in_forks() -> None:
    """In a fork, skip the calling test module before it imports anything that may be missing."""
    if not IS_TEMPLATE:
        pytest.skip(SKIP_REASON, allow_module_level=True)


if __name__ == "__main__":
    DIGEST_FILE.write_text(digest() + "\n")
