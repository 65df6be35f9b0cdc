"""The code of a job: a folder of the user's with this package beside it, because a container has no `recore`."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

PACKAGE = Path(__file__).parent


def code_files(folder: str | Path) -> dict[str, Path]:
    """Return the files of a folder and of this package, by their names in a job.

    Links, caches and hidden files are left out. Raises NotADirectoryError if the folder is not one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder of code")
    top = PACKAGE.parents[__name__.count(".") - 1]
    packages = [parent / "__init__.py" for parent in PACKAGE.parents if parent != top and parent.is_relative_to(top)]
    ours = [*packages, *PACKAGE.rglob("*.py")]
    return _named(folder, folder.rglob("*")) | _named(top, ours)


def write_code_archive(archive: str | Path, folder: str | Path) -> None:
    """Write the archive that the hyperparameter or variable `sagemaker_submit_directory` names: a tar.gz.

    Equal files give equal bytes. Raises NotADirectoryError if the folder is not one, OSError if a file cannot be read.
    """
    write_archive(archive, code_files(folder))


def write_archive(archive: str | Path, files: Mapping[str, Path]) -> None:
    """Write such an archive of files by their names in it. Raises OSError if a file cannot be read."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in sorted(files):
            body = files[name].read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    Path(archive).write_bytes(gzip.compress(content.getvalue(), mtime=0))


def _named(top: Path, paths: Iterable[Path]) -> dict[str, Path]:
    return {
        path.relative_to(top).as_posix(): path
        for path in paths
        if path.is_file()
        and not path.is_symlink()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(top).parts)
    }
