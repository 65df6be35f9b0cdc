"""Which files of a model hold pickles. Their content decides, because a script can give them any name.

numpy writes arrays of objects as pickles, in .npy files and in .npz archives. PyTorch writes an archive with a pickle.
"""

import io
import math
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO

from numpy.lib import format as npy

from recore.check.pickles.compression import MAX_UNPACKED, decompressed
from recore.check.pickles.scanner import Pickle, scan

SUFFIXES = (".pkl", ".pickle", ".joblib", ".p", ".sav")
PICKLE = re.compile(rb"\x80[\x02-\x05]")  # protocols 2 to 5; others are recognised by the file's name, or by a call
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: of an empty archive, behind which another one can stand
MAX_FILES = 10_000  # in an archive


def find_pickles(name: str, size: int, file: IO[bytes]) -> Iterator[Pickle]:
    """The pickles in a file that can be read at random, by their names."""
    start = file.read(len(npy.MAGIC_PREFIX))
    file.seek(0)
    try:
        if start == npy.MAGIC_PREFIX:
            yield from _in_arrays(name, size, file)
        elif start.startswith(ZIP):
            yield from _in_archive(name, file)
        else:
            content = _content_start(file)
            file.seek(0)
            if content.startswith((npy.MAGIC_PREFIX, *ZIP)):
                yield from _in_compressed(name, file)
                return
            found = scan(name, size, file)
            if name.endswith(SUFFIXES) or PICKLE.match(content) or found.calls:
                yield found
    except Exception as error:  # numpy and zipfile raise many kinds
        yield Pickle(name, size, problem=str(error)[:200])


def _content_start(file: IO[bytes]) -> bytes:
    try:
        return decompressed(file).peek(8)
    except Exception:  # not compressed, in spite of its first bytes
        return b""


def _in_compressed(name: str, file: IO[bytes]) -> Iterator[Pickle]:
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(decompressed(file), unpacked)
        size = unpacked.tell()
        unpacked.seek(0)
        yield from find_pickles(name, size, unpacked)


def _in_arrays(name: str, size: int, file: IO[bytes]) -> Iterator[Pickle]:
    """The pickles in a file to which numpy.save wrote one or more arrays."""
    while file.tell() < size:
        version = npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
        if dtype.hasobject:
            yield scan(name, size, file)
            return
        if min(shape, default=0) < 0:
            raise ValueError(f"an array of shape {shape}")
        file.seek(math.prod(shape) * dtype.itemsize, io.SEEK_CUR)


def _in_archive(name: str, file: IO[bytes]) -> Iterator[Pickle]:
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_UNPACKED:
            raise ValueError(f"it has more than {MAX_FILES} files or {MAX_UNPACKED >> 30} GiB")
        for member in members:
            with archive.open(member) as content:
                yield from find_pickles(f"{name}/{member.filename}", member.file_size, content)
