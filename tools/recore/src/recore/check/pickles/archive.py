"""The files of a model.tar.gz: its pickles, its size, and whether two of them are the same."""

import hashlib
from pathlib import Path

from recore.check.pickles.model_files import find_in_stream
from recore.check.pickles.scanner import Pickle
from recore.check.pickles.values import Budget
from recore.evaluation import HELD_OUT_NAME
from recore.untrusted_archives import open_archive


def read_pickles(archive: Path) -> list[Pickle]:
    """The pickles in a model.tar.gz, by their names. Raises ValueError if the archive cannot be read."""
    pickles: list[Pickle] = []
    budget = Budget()
    with open_archive(archive) as members:
        for member, content in members:
            if content and not budget.exhausted:  # otherwise the last pickle has a problem
                pickles += find_in_stream(member.name.removeprefix("./"), content, budget)
    return pickles


def same_models(first: Path, second: Path) -> bool:
    """Whether two model.tar.gz hold the same files with the same content, held-out predictions left aside."""
    return _digests(first) == _digests(second)


def size_of(archive: Path) -> int:
    """The bytes of all files in a model.tar.gz, unpacked. Raises ValueError if it cannot be read."""
    with open_archive(archive) as members:
        return sum(member.size for member, content in members if content)


def _digests(archive: Path) -> dict[str, str]:
    with open_archive(archive) as members:
        return {
            member.name: hashlib.file_digest(content, "sha256").hexdigest() if content else ""
            for member, content in members
            if member.name.removeprefix("./") != HELD_OUT_NAME
        }
