"""Compare and measure the model archives that training wrote. Nothing is unpickled."""

import hashlib
from pathlib import Path

from recore.evaluation import HELD_OUT_NAME
from recore.untrusted_archives import open_archive


def have_same_models(first: Path, second: Path) -> bool:
    """Return whether two model.tar.gz files have the same contents, apart from held-out predictions."""
    return _digests(first) == _digests(second)


def get_size(archive: Path) -> int:
    """Return the unpacked size of a model.tar.gz in bytes. Raises ValueError if it cannot be read."""
    with open_archive(archive) as members:
        return sum(member.size for member, content in members if content)


def _digests(archive: Path) -> dict[str, str]:
    with open_archive(archive) as members:
        return {
            member.name: hashlib.file_digest(content, "sha256").hexdigest() if content else ""
            for member, content in members
            if member.name.removeprefix("./") != HELD_OUT_NAME
        }
