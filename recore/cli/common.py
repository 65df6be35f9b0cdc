"""What several commands share: types of arguments, and the progress bar of long work."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


class RegularFile(click.Path):
    """A file, which may be missing. A pipe is refused: it would be waited for without end, and read only once."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.exists() and not path.is_file():
            self.fail(f"File '{path}' is a pipe, a socket or a device: a regular file is needed.", param, ctx)
        return path


FILE = RegularFile()
FOLDER = click.Path(file_okay=False, path_type=Path)


def progress_bar(*columns: "ProgressColumn") -> "Progress":
    """A progress bar on stderr, shown only on a terminal, that disappears when the work is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
