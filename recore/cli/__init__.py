"""The command line: every command is parsed here, calls a room, and prints."""

import contextlib
import difflib
import os
import tempfile
from typing import Any

import click

from recore import interrupts
from recore.cli.check import check
from recore.cli.doctor import doctor
from recore.cli.import_ import import_
from recore.cli.ml2p import ml2p
from recore.cli.new import new
from recore.cli.pack import pack
from recore.cli.reports import explore, report, validate
from recore.cli.results import board, scores
from recore.cli.run import run
from recore.cli.sample import sample
from recore.cli.simulate import simulate
from recore.distribution import PROGRAM, setup_command
from recore.failures import plain
from recore.places import PlaceError


class OneLineError(click.ClickException):
    """An error of the user's, printed as one line; exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"recore: {plain(self.message, 2000)}", err=True)


class OneLineErrors(click.Group):
    """A group whose commands report what is wrong with an input in one line; --debug shows the traceback instead."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise OneLineError(_usage_message(error, PROGRAM)) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with interrupts.raised():
                _require_working_directory()
                _find_temporary_folder()
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(interrupts.LINE, err=True)
            raise SystemExit(interrupts.STATUS) from None
        except click.exceptions.NoArgsIsHelpError:  # of a group of commands
            raise
        except PlaceError as error:
            usage_error = click.UsageError(str(error))
            raise OneLineError(_usage_message(usage_error, f"{ctx.command_path} {ctx.invoked_subcommand}")) from error
        except click.UsageError as error:
            command = f"{ctx.command_path} {ctx.invoked_subcommand or ''}".strip()
            raise OneLineError(_usage_message(error, error.ctx.command_path if error.ctx else command)) from error
        except BrokenPipeError:  # whoever reads the output has seen enough, as `head` does; click ends the program
            raise
        except (ValueError, OSError) as error:
            if ctx.params["debug"]:
                raise
            raise OneLineError(str(error)) from error
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if ctx.params["debug"] or package == "recore":
                raise
            command = setup_command("docker" if package == "docker" else "recore")
            raise OneLineError(f"the Python package `{package}` is not installed: `{command}` installs it") from error


def _require_working_directory() -> None:
    """Raises ValueError where it was removed: what commands would say of relative paths is hard to understand."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ValueError("the working directory was removed: change to one that exists") from None


def _find_temporary_folder() -> None:
    """Let Python look for it once: it tries with a file there, which an interrupt at that moment would leave."""
    with interrupts.deferred(), contextlib.suppress(OSError):  # whoever needs the folder reports that it is missing
        tempfile.gettempdir()


def _usage_message(error: click.UsageError, command: str) -> str:
    """What is wrong with the command line, and the closest correct word or where the right ones are listed."""
    message, closest = error.format_message().rstrip("."), []
    if isinstance(error, click.NoSuchCommand):
        message = f"no command {error.command_name!r}"
        group = error.ctx.command if error.ctx else main
        closest = difflib.get_close_matches(error.command_name, getattr(group, "commands", {}), n=1)
    elif isinstance(error, click.NoSuchOption):
        message = f"no option {error.option_name!r}"
        closest = (error.possibilities or [])[:1]
    if closest:
        return f"{message}: did you mean {closest[0]!r}?"
    return f"{message}; see `{command} --help`"


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Predict drill-core assays from FTIR spectra: the tools around a submission.

    Exit status: 0 success, 1 a negative result, 2 wrong use or invalid input.

    \b
    Example:
      python -m recore run
      python -m recore run --help
    """


def _name_program(command: click.Command) -> None:
    """Let the examples in the help of a command, and of those below it, start the program as the user did."""
    command.help = (command.help or "").replace("python -m recore", PROGRAM)
    for each in getattr(command, "commands", {}).values():
        _name_program(each)


COMMANDS = (
    *(sample, import_, new, explore, validate, check, pack),
    *(run, report, scores, board, simulate, ml2p, doctor),
)
for command in COMMANDS:
    main.add_command(command)
_name_program(main)
