"""The command line. A command parses its arguments, calls another package, and prints the result."""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from recore.backends import BackendError
from recore.challenge import reword
from recore.cli.check import check
from recore.cli.common import name_program
from recore.cli.data_files import import_, sample, split
from recore.cli.handover import handover
from recore.cli.judge import judge
from recore.cli.predict import predict
from recore.cli.production import production
from recore.cli.reports import explore, report, validate
from recore.cli.results import leaderboard, scores
from recore.cli.run import run
from recore.cli.submissions import new, new_challenge, pack
from recore.cli.web import web
from recore.distribution import PROGRAM, setup_command
from recore.text import plain
from stagemaker import interrupts, machine

# commands by names that other programs use
OTHER_NAMES = {"train": "run", "fit": "run", "submit": "pack", "upload": "pack", "score": "scores", "test": "check"}
ALIASES = {"board": "leaderboard"}  # former names


class OneLineError(click.ClickException):
    """An invalid input or option, which is reported with a one-line message and exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"recore: {plain(reword(self.message), 2000)}", err=True)


class OneLineErrors(click.Group):
    """A group whose commands report invalid input with a one-line message or, with --debug, with the traceback."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise OneLineError(_usage_message(error, PROGRAM)) from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        return super().resolve_command(ctx, [ALIASES.get(args[0], args[0]), *args[1:]])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            words = [*ctx.args]
            with interrupts.listen("recore"):
                machine.require_working_directory()
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(interrupts.line("recore"), err=True)
            raise SystemExit(interrupts.STATUS) from None
        except (click.exceptions.NoArgsIsHelpError, BrokenPipeError):
            # groups print their help; if the output is no longer read, click ends the program
            raise
        except (BackendError, click.UsageError) as error:
            usage_error = error if isinstance(error, click.UsageError) else click.UsageError(str(error))
            command = f"{ctx.command_path} {ctx.invoked_subcommand or ''}".strip()
            command = usage_error.ctx.command_path if usage_error.ctx else command
            raise OneLineError(_usage_message(usage_error, command, words)) from error
        except (ValueError, OSError) as error:
            if ctx.params["debug"]:
                raise
            raise OneLineError(_explain(error)) from error
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if ctx.params["debug"] or package in ("recore", "stagemaker"):
                raise
            command = setup_command(extra="docker" if package == "docker" else "")
            raise OneLineError(f"the Python package `{package}` is not installed: run `{command}`") from error


def _explain(error: ValueError | OSError) -> str:
    if machine.is_disk_full(error):
        path = getattr(error, "filename", None) or f"the output or TMPDIR, {tempfile.gettempdir()}"
        return f"the disk is full ({path}): free some space on it, or choose a folder on another disk"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename}: there is no such file or folder"
    return str(error)


def _usage_message(error: click.UsageError, command: str, words: Sequence[str] = ()) -> str:
    """Return a one-line message about wrong usage. words: the arguments of the command."""
    message, similar = error.format_message().rstrip("."), None
    if isinstance(error, click.NoSuchCommand):
        message, similar = f"unknown command {error.command_name!r}", error.possibilities
        other, group = OTHER_NAMES.get(error.command_name), error.ctx and error.ctx.command
        if other and isinstance(group, OneLineErrors):
            return f"{message}: use `{PROGRAM} {other}` ({group.commands[other].get_short_help_str(200).rstrip('.')})"
    elif isinstance(error, click.NoSuchOption):
        message, similar = f"unknown option {error.option_name!r}", error.possibilities
        if name := _find_hyperparameter(error.option_name.lstrip("-").replace("-", "_"), words):
            has_option = error.ctx and any(each.name == "hyperparameters" for each in error.ctx.command.params)
            option = f"--set {name}=..." if has_option else f"`{PROGRAM} run --set {name}=...`"
            return f"{error.option_name} is a hyperparameter: use {option}"
        others = (each for each in main.commands.values() for part in each.params if error.option_name in part.opts)
        if owner := next(others, None):
            return f"{message}: it is an option of `{PROGRAM} {owner.name}`; see `{command} --help`"
    if similar:
        return f"{message}: did you mean {similar[0]!r}?"
    return f"{message}; see `{command} --help`"


def _find_hyperparameter(name: str, words: Sequence[str]) -> str | None:
    """Return the name if it is a parameter of fit() in one of the submissions in `words` or in the working folder."""
    from recore.evaluation import read_submission
    from recore.production.fit_hyperparameters import read_hyperparameters

    for path in (*map(Path, words), Path()):
        with contextlib.suppress(ValueError, OSError):
            if name in read_hyperparameters(read_submission(path)):
                return name
    return None


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Predict assays from infrared spectra, and test submissions.

    Exit status: 0 success, 1 a negative result, 2 usage error or invalid input.

    \b
    Example:
      python -m recore run
      python -m recore run --help
    """


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(as_json: bool) -> None:
    """Check whether `recore run` can work here.

    The checks do not use the network. If a component is missing, its check explains the consequences and how to install
    it. `ok`: present; `note`: missing, but `recore run` works without it; `fail`: `recore run` cannot work.

    Exit status: 0 `recore run` can work, 1 it cannot.

    \b
    Example:
      python -m recore doctor
      python -m recore doctor --json
    """
    from recore.doctor import check_up
    from stagemaker.doctor import show_checks

    raise SystemExit(show_checks(check_up(), "recore run", as_json))


COMMANDS = (
    *(sample, import_, split, new, new_challenge, explore, validate, check, pack),
    *(run, report, scores, leaderboard, judge, handover, predict, production, web),
)
for command in COMMANDS:
    main.add_command(command)
name_program(main)
