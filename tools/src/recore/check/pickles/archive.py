"""The files of a model.tar.gz: its pickles, its size, and whether two of them are the same."""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recore.check.pickles.model_files import find_pickles
from recore.check.pickles.scanner import Pickle
from recore.evaluation import HELD_OUT_NAME


def read_pickles(archive: Path) -> list[Pickle]:
    """The pickles in a model.tar.gz, by their names. Raises ValueError if the archive cannot be read."""
    return [
        pickle
        for member, content in read_members(archive)
        if content
        for pickle in find_pickles(member.name.removeprefix("./"), member.size, content)
    ]


def read_members(archive: Path) -> Iterator[tuple[tarfile.TarInfo, Any]]:
    """The members of a model.tar.gz, each with its content, an open file; None if it is not a regular file.

    Raises ValueError if the archive cannot be read.
    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                yield member, tar.extractfile(member) if member.isreg() and not member.issparse() else None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"the model's archive could not be read: {error}") from None


def same_models(first: Path, second: Path) -> bool:
    """Whether two model.tar.gz hold the same files with the same content, held-out predictions left aside."""
    return _digests(first) == _digests(second)


def size_of(archive: Path) -> int:
    """The bytes of all files in a model.tar.gz, unpacked. Raises ValueError if it cannot be read."""
    return sum(member.size for member, _ in read_members(archive) if member.isreg())


def _digests(archive: Path) -> dict[str, str]:
    return {
        member.name: hashlib.file_digest(content, "sha256").hexdigest() if content else ""
        for member, content in read_members(archive)
        if member.name.removeprefix("./") != HELD_OUT_NAME
    }
