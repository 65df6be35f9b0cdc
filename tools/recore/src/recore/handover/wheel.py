"""Pack this program's own files into wheels for a handover, without network access."""

import base64
import csv
import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata, resources
from pathlib import Path

from recore.distribution import COPIES, INSTALLED, PACKAGES, TEMPLATE, TEMPLATE_FILES

TAGS = "Wheel-Version: 1.0\nGenerator: recore\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheels(folder: Path, submission: Mapping[str, bytes]) -> list[str]:
    """Write reproducible wheels of this program to a folder, and return their names.

    submission: the handed-over files, which in a checkout replace the author's current files. Raises FileNotFoundError
    if pip has not installed this program.
    """
    return [_write_wheel(folder, name, submission) for name in PACKAGES]


def _write_wheel(folder: Path, name: str, submission: Mapping[str, bytes]) -> str:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise FileNotFoundError(f"the requirements of {name} are unknown; install it with pip") from None
    information = f"{name}-{distribution.version}.dist-info"
    sources = dict(sorted(_find_files(name)))
    files = {path: source.read_bytes() for path, source in sources.items()}
    handed = {f"recore/{COPIES}/{path}": content for path, content in submission.items()}
    if not INSTALLED:
        files |= {path: handed[path] for path in files if path in handed}
    for member in ("METADATA", "entry_points.txt", "licenses/LICENSE"):
        files[f"{information}/{member}"] = (distribution.read_text(member) or "").encode()
    files[f"{information}/WHEEL"] = TAGS.encode()
    files[f"{information}/RECORD"] = _record(files, f"{information}/RECORD")
    wheel_name = f"{name}-{distribution.version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / wheel_name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)  # dated 1980, the earliest time that a zip can contain
            is_program = path in sources and os.access(sources[path], os.X_OK)
            # without the file type, pip would not make a program executable
            entry.external_attr = (stat.S_IFREG | (0o755 if is_program else 0o644)) << 16
            wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return wheel_name


def _find_files(package: str) -> Iterator[tuple[str, Path]]:
    """Yield each file's name in the wheel, and its path. In a checkout, include the template's files."""
    yield from _walk_files(Path(str(resources.files(package))), package)
    if package == "recore" and not INSTALLED:
        for name in TEMPLATE_FILES:
            yield from _walk_files(TEMPLATE / name, f"recore/{COPIES}/{name}")


def _walk_files(root: Path, name: str) -> Iterator[tuple[str, Path]]:
    if root.is_file():
        yield name, root
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and "__pycache__" not in parts:
            yield "/".join((name, *parts)), path


def _record(files: dict[str, bytes], record_name: str) -> bytes:
    record = io.StringIO()
    lines = csv.writer(record, lineterminator="\n")
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.writerow((name, f"sha256={digest}", len(content)))
    lines.writerow((record_name, "", ""))
    return record.getvalue().encode()
