"""The code archive of a job: the user's code and a copy of this package, because containers lack `recore`.

Other packages that the code imports and the container lacks can be included.
"""

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

PACKAGE = __name__.rpartition(".")[0]


def code_files(folder: str | Path, packages: Iterable[str] = ()) -> dict[str, Path]:
    """Return the files of a folder, of this package and of other packages, by their names in the code archive.

    packages: dotted names of modules, or of packages, which are included with all their files. Of parent packages,
    only __init__.py is included. Links, caches and hidden files are excluded. Raises NotADirectoryError, or
    ModuleNotFoundError if a package or module does not exist or has no files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    files = _map_by_name(folder, folder.rglob("*"))
    for name in (PACKAGE, *packages):
        files |= _package_files(name)
    return files


def write_code_archive(archive: str | Path, folder: str | Path, packages: Iterable[str] = ()) -> None:
    """Write a reproducible tar.gz of code_files(), for `sagemaker_submit_directory`.

    Raises the exceptions of code_files(), and OSError if a file cannot be read.
    """
    contents = {name: path.read_bytes() for name, path in code_files(folder, packages).items()}
    Path(archive).write_bytes(pack(contents))


def pack(contents: Mapping[str, bytes]) -> bytes:
    """Return a reproducible tar.gz of files. contents: bytes by file name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def _package_files(name: str) -> dict[str, Path]:
    path = _origin(name)
    parents = name.split(".")[:-1]
    top = path.parents[len(parents) + (path.name == "__init__.py")]
    inits = [top.joinpath(*parents[: depth + 1], "__init__.py") for depth in range(len(parents))]
    return _map_by_name(top, [*inits, *(path.parent.rglob("*") if path.name == "__init__.py" else [path])])


def _origin(name: str) -> Path:
    try:
        spec = find_spec(name) if all(part.isidentifier() for part in name.split(".")) else None
    except (ImportError, ValueError):  # a parent is missing or not a package; a module without a specification
        spec = None
    if spec is None:
        raise ModuleNotFoundError(f"{name!r} cannot be imported: it must be the dotted name of a package or module")
    if not spec.has_location or not spec.origin:
        raise ModuleNotFoundError(f"{name!r} cannot be included: it is built into Python, or has no __init__.py")
    return Path(spec.origin)


def _map_by_name(top: Path, paths: Iterable[Path]) -> dict[str, Path]:
    return {
        path.relative_to(top).as_posix(): path
        for path in paths
        if path.is_file()
        and not path.is_symlink()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(top).parts)
    }
