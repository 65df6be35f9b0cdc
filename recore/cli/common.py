"""Types of arguments that several commands share."""

import os
from pathlib import Path
from typing import Any

import click


class RegularFile(click.Path):
    """A file, which may be missing. A pipe is refused: it would be waited for without end, and read only once."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.exists() and not path.is_file():
            self.fail(f"File '{path}' is a pipe, a socket or a device: a regular file is needed.", param, ctx)
        return path


def show_line(line: str) -> None:
    """Print a line about the work of a command on stderr."""
    click.echo(line, err=True)


FILE = RegularFile()
FOLDER = click.Path(file_okay=False, path_type=Path)
