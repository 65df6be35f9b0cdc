"""Files that commands write for the user: complete or not at all, and never in place of what they read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recore.outputs import check_writable
from recore.production.project import ProductionError

TABLE_BEGINS = b"name,SiteID,DepthFrom,DepthTo,domain,"


def check_target(target: Path, source: Path, consequence: str) -> None:
    """Raise ProductionError or OSError if a file cannot be written, before anything starts that costs.

    consequence: what would happen if it were the source.
    """
    check_writable(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ProductionError(f"{target}: {consequence}: choose another --out")


def check_new_table(target: Path, sources: Iterable[Path], replace: bool) -> None:
    """Raise ProductionError or OSError if a table of predictions cannot be written.

    replace: whether an earlier table may be replaced; nothing else ever is. sources: files, and folders of them.
    """
    for source in sources:
        check_target(target, source, "the table would replace what it is made of")
        if source.is_dir() and target.resolve().parent == source.resolve():
            raise ProductionError(f"{target}: the spectra are in this folder: choose an --out outside of it")
    if not target.exists():
        return
    if not replace:
        raise FileExistsError(f"{target} already exists: choose another --out, or replace it with --force")
    with open(target, "rb") as file:
        if not file.read(len(TABLE_BEGINS)).startswith(TABLE_BEGINS):
            raise FileExistsError(
                f"{target}: it is not a table of predictions, and is not replaced: choose another --out"
            )


@contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """Yield the path of a file to write, which then gets the name of the target; after an error it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
