"""Find pickles in a model's files by content, because a script can give these files any name.

numpy pickles arrays of objects in .npy files and .npz archives. PyTorch writes an archive that contains a pickle.
"""

import contextlib
import hashlib
import io
import math
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from numpy.lib import format as npy

from recore.check.pickles.compression import open_decompressed
from recore.check.pickles.scanner import Pickle, scan
from recore.check.pickles.values import Budget
from recore.evaluation import HELD_OUT_NAME
from recore.untrusted_archives import open_archive

SUFFIXES = (".pkl", ".pickle", ".joblib", ".p", ".sav")
PICKLE = re.compile(rb"\x80[\x02-\x05]")  # protocols 2 to 5; others are recognised by the file's name, or by a call
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an empty archive, which another one can follow


def find_in_stream(name: str, stream: IO[bytes], budget: Budget) -> Iterator[Pickle]:
    """Yield the pickles in a file that can be read only once."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(stream, file)
        size = file.tell()
        file.seek(0)
        yield from find_pickles(name, size, file, budget)


def find_pickles(name: str, size: int, file: IO[bytes], budget: Budget) -> Iterator[Pickle]:
    """Yield the pickles in a seekable file."""
    start = file.read(len(npy.MAGIC_PREFIX))
    file.seek(0)
    try:
        if start == npy.MAGIC_PREFIX:
            yield from _read_npy(name, size, file, budget)
        elif start.startswith(ZIP):
            yield from _read_zip(name, file, budget)
        else:
            content = b""
            with contextlib.suppress(Exception):  # not compressed, despite its first bytes
                content = open_decompressed(file, budget).peek(8)
            file.seek(0)
            if content.startswith((npy.MAGIC_PREFIX, *ZIP)):
                yield from find_in_stream(name, open_decompressed(file, budget), budget)
                return
            pickle = scan(name, size, file, budget)
            if name.endswith(SUFFIXES) or PICKLE.match(content) or pickle.has_calls or budget.is_exhausted:
                yield pickle
    except Exception as error:  # numpy and zipfile raise many kinds
        yield Pickle(name, size, problem=str(error)[:200])


def _read_npy(name: str, size: int, file: IO[bytes], budget: Budget) -> Iterator[Pickle]:
    """Yield the pickles in a file to which numpy.save wrote one or more arrays."""
    while file.tell() < size:
        budget.consume("files and arrays")
        version = npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
        if dtype.hasobject:
            yield scan(name, size, file, budget)
            return
        if min(shape, default=0) < 0:
            raise ValueError(f"invalid array shape {shape}")
        file.seek(math.prod(shape) * dtype.itemsize, io.SEEK_CUR)


def _read_zip(name: str, file: IO[bytes], budget: Budget) -> Iterator[Pickle]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                budget.consume("files and arrays")
                budget.consume("decompressed bytes", member.file_size)
                with archive.open(member) as content:
                    yield from find_in_stream(f"{name}/{member.filename}", content, budget)


def read_pickles(archive: Path, budget: Budget | None = None) -> list[Pickle]:
    """Return the pickles in a model.tar.gz. Raises ValueError if the archive cannot be read."""
    pickles: list[Pickle] = []
    budget = budget or Budget()
    with open_archive(archive) as members:
        for member, content in members:
            if content and not budget.is_exhausted:  # otherwise the last pickle has a problem
                pickles += find_in_stream(member.name.removeprefix("./"), content, budget)
    return pickles


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
