"""Files that commands write for the user: complete or not at all, and never in place of what they read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recore.outputs import check_writable
from recore.production.project import ProductionError


def check_target(target: Path, source: Path, consequence: str) -> None:
    """Raise ProductionError or OSError if a file cannot be written, before anything starts that costs.

    consequence: what would happen if it were the source.
    """
    check_writable(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ProductionError(f"{target}: {consequence}: choose another --out")


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
