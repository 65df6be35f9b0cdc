"""Argument types, output functions and the help formatter that several commands share."""

import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.challenge import activate, reword
from recore.distribution import PROGRAM
from stagemaker import interrupts, parse_number

if TYPE_CHECKING:
    from rich.console import Console

SUBMISSION_FILES = ("setup.py", "train.py", "preprocess.py")
ARCHIVE_SUFFIXES = (".gz", ".tgz")


def add_options[Command: Callable[..., Any]](*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds the options to a command, in order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class RegularFile(click.Path):
    """A parameter type for regular files, which may be missing. Pipes, which can be read only once, are rejected."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.exists() and not path.is_file():
            self.fail(f"File '{path}' is not a regular file but a pipe, a socket or a device.", param, ctx)
        return path


def require_submission(path: Path) -> Path:
    """Return the path. Raise ValueError if it is a folder without a submission, or a file in the folder of one."""
    folder = path if path.is_dir() else path.parent
    is_submission = any((folder / name).exists() for name in SUBMISSION_FILES)
    if path.is_dir() and not is_submission:
        missing = " or ".join(SUBMISSION_FILES)
        raise ValueError(f"{path.absolute()}: this is not a submission (it has no {missing}); cd to your submission")
    if path.is_file() and is_submission and not path.name.endswith(ARCHIVE_SUFFIXES):
        raise ValueError(f"{path}: this is a file; specify its folder, {folder}")
    return path


class FiniteNumber(click.FloatRange):
    """A parameter type for numbers. Rejects NaN, which FloatRange accepts, and formats that only Python accepts."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and parse_number(value) is None:
            self.fail("enter a number", param, ctx)
        return super().convert(value, param, ctx)


def ask(question: str) -> bool:
    """Ask a yes-or-no question on stderr, and return whether the answer on stdin is yes. An interrupt ends the wait."""
    click.echo(f"{question} [y/N] ", nl=False, err=True)
    while sys.stdin.isatty() and not select.select([sys.stdin], [], [], interrupts.POLL_SECONDS)[0]:
        interrupts.check()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def show_line(line: str) -> None:
    """Print a line about a command's progress to stderr."""
    click.echo(reword(line), err=True)


def table_console() -> "Console":
    """Return a console for tables. If the output is a file or a pipe, each row is a single line."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 1000
    return console


def show_json(value: Any) -> None:
    """Print the result of a command as JSON. Types that JSON lacks, such as paths, become strings."""
    click.echo(json.dumps(value, default=str))


def use_challenge_of(folder: Path) -> None:
    """Use the challenge of the run or handover in a folder, if the folder contains one.

    Raises ValueError or OSError if the folder's run.json or score.py is invalid.
    """
    from recore.evaluation import read_challenge_of, read_record

    if (folder / "run.json").is_file():
        click.get_current_context().with_resource(activate(read_challenge_of(read_record(folder))))


class ChallengeHelp(click.HelpFormatter):
    """A formatter of help texts that uses the current challenge's terms."""

    def getvalue(self) -> str:
        return reword(super().getvalue())


class HelpContext(click.Context):
    formatter_class = ChallengeHelp


def name_program(command: click.Command) -> None:
    """Show the program's name, as the user called it, in the help of a command and its subcommands."""
    command.context_class = HelpContext
    command.help = (command.help or "").replace("python -m recore", PROGRAM)
    for subcommand in getattr(command, "commands", {}).values():
        name_program(subcommand)


FILE = RegularFile()
submission_argument = click.argument(
    "submission", type=click.Path(path_type=Path), default=Path(), callback=lambda *each: require_submission(each[2])
)
ISOLATION = click.Choice(["auto", "required", "off"])
FOLDER = click.Path(file_okay=False, path_type=Path)
set_option = click.option(
    "--set", "hyperparameters", multiple=True, metavar="NAME=VALUE", help="A hyperparameter of the submission's fit()."
)
ascii_option = click.option("--ascii", "ascii_only", is_flag=True, help="Show progress in ASCII only.")
