"""Valid and malicious tar.gz archives for tests, and a wheel."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, to, size
    return info


def tarball(*members: tarfile.TarInfo, **contents: bytes) -> bytes:
    """Return a tar.gz archive of `members` and Python files (name=content).

    Only the headers of `members` are written, whatever sizes they state.
    """
    archive = b"".join(header.tobuf(tarfile.GNU_FORMAT) for header in members)
    for name, content in contents.items():
        archive += member(f"{name}.py", size=len(content)).tobuf() + content + b"\0" * (-len(content) % 512)
    return gzip.compress(archive + b"\0" * 1024, 1, mtime=0)


def replace_header(archive: bytes, offset: int, replacement: bytes) -> bytes:
    """Return the decompressed archive with `replacement` at `offset` and a valid checksum in the first header."""
    content = bytearray(gzip.decompress(archive))
    content[offset : offset + len(replacement)] = replacement
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


def content(archive: Path | bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive if isinstance(archive, bytes) else archive.read_bytes())) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}


def archive_of(**files: str | bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, value in files.items():
            body = value.encode() if isinstance(value, str) else value
            tar.addfile(member(name, size=len(body)), io.BytesIO(body))
    return archive.getvalue()


def make_wheel(name: str = "drilling", metadata: str = "") -> dict[str, bytes]:
    """Return a wheel, as {file name: content}, of a package that is not on any package index."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as file:
        information = f"{name}-1.0.dist-info"
        file.writestr(f"{name}.py", "depth = 77")
        file.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}")
        file.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{information}/RECORD", "")
    return {f"{name}-1.0-py3-none-any.whl": wheel.getvalue()}
